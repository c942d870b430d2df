"""Requests in a dialog from elsewhere: a phone that moved proves who it is, nobody else is heard."""

import pytest

from core.sip import digest
from core.sip.flow import Flow
from core.sip.session import Confirmed, Ended
from tests.support.sip_phone import HOME, LOGIN, OTHER, Phone, signed
from tests.support.sip_world import (
    ANSWER,
    CARRIER,
    DOMAIN,
    HERE,
    OFFER,
    PASSWORD,
    PHONE,
    STRANGER,
    TRUNK,
    Peer,
    World,
    reply,
    whats,
)

NEW_PORT = (PHONE[0], PHONE[1] + 7)
DIALLED = f"<sip:+74951234567@{DOMAIN}>"


@pytest.fixture
def world():
    return World()


@pytest.fixture
def phone():
    return Peer(PHONE, LOGIN, DOMAIN)


def inside(world, peer, method, **given):
    given.setdefault("to", DIALLED)
    return peer.request(method, f"sip:{HERE[0]}", to_tag=world.session.tag, **given)


def talk(world, phone):
    """The phone dialled and was answered."""
    signed(world, phone)
    world.session.answer(ANSWER)
    world.receive(inside(world, phone, "ACK"), PHONE)
    assert world.events == [Confirmed()]
    world.take()


def proof(answer, method, login=LOGIN):
    challenge = digest.strongest(answer.message.headers("WWW-Authenticate"))
    return "Authorization", digest.authorize(challenge, method, f"sip:{HERE[0]}", login, PASSWORD)


@pytest.mark.parametrize("source", [NEW_PORT, STRANGER], ids=["another port", "another network"])
def test_a_phone_that_moved_proves_who_it_is_and_is_followed(world, phone, source):
    talk(world, phone)
    phone.cseq += 1
    (challenge,) = world.receive(inside(world, phone, "OPTIONS"), source)
    assert challenge.what == 401
    phone.cseq += 1
    again = inside(world, phone, "OPTIONS", headers=[proof(challenge, "OPTIONS")])
    assert whats(world.receive(again, source)) == [200]
    world.take()
    world.session.bye()
    assert world.take()[0].flow.remote == source


@pytest.mark.parametrize("method", ["BYE", "INVITE", "INFO", "UPDATE", "REFER", "OPTIONS"])
def test_who_knows_the_tags_but_not_the_password_changes_nothing(world, phone, method, caplog):
    talk(world, phone)
    phone.cseq += 1
    body = OFFER if method == "INVITE" else b""
    answers = world.receive(inside(world, phone, method, body=body), STRANGER)
    assert whats(answers) == [401]
    assert "elsewhere" in caplog.text
    assert world.events == [Confirmed()] and len(world.agent.sessions) == 1
    phone.cseq += 1
    assert whats(world.receive(inside(world, phone, "BYE"), PHONE)) == [200]


def test_another_lines_password_is_of_no_use(world, phone):
    talk(world, phone)
    phone.cseq += 1
    (challenge,) = world.receive(inside(world, phone, "BYE"), STRANGER)
    phone.cseq += 1
    bye = inside(world, phone, "BYE", headers=[proof(challenge, "BYE", OTHER)])
    assert whats(world.receive(bye, STRANGER)) == [403]
    assert world.stats.dropped["hijack"] == 1
    assert len(world.agent.sessions) == 1


def test_a_phone_that_was_called_may_move_too(world):
    registered = Phone(world)
    registered.register(HOME)
    (contact,) = world.agent.registrar.contacts(LOGIN)
    world.take()
    session = world.invite(contact.target())
    (invite,) = world.sent
    world.receive(reply(invite, 200, contact=HOME, body=ANSWER), PHONE)
    world.take()

    def bye(cseq, *headers):
        peer = Peer(NEW_PORT, "whatever", DOMAIN)
        peer.call_id = invite.message.call_id
        return peer.request(
            "BYE",
            f"sip:{HERE[0]}",
            from_=f"{invite.message.header('To')};tag=there",
            to=invite.message.header("From").partition(";tag")[0],
            to_tag=session.tag,
            cseq=cseq,
            headers=headers,
        )

    (challenge,) = world.receive(bye(1), NEW_PORT)
    assert challenge.what == 401
    assert whats(world.receive(bye(2, proof(challenge, "BYE")), NEW_PORT)) == [200]
    assert world.events[-1] == Ended(by_remote=True)


def test_an_ack_is_heard_from_the_same_host_only(world, phone):
    signed(world, phone)
    world.session.answer(ANSWER)
    world.receive(inside(world, phone, "ACK"), STRANGER)
    assert world.events == [] and world.stats.dropped["hijack"] == 1
    world.receive(inside(world, phone, "ACK"), NEW_PORT)
    assert world.events == [Confirmed()]


def test_a_carrier_may_speak_from_any_of_its_addresses(world):
    world.trunks["198.51.100.9"] = TRUNK
    peer = Peer()
    world.receive(peer.invite(f"sip:+74951234567@{DOMAIN}"))
    world.session.answer(ANSWER)
    world.receive(inside(world, peer, "ACK"))
    peer.cseq += 1
    assert whats(world.receive(inside(world, peer, "BYE"), ("198.51.100.9", 5060))) == [200]


def test_a_carriers_phone_cannot_speak_for_a_carrier(world):
    peer = Peer()
    world.receive(peer.invite(f"sip:+74951234567@{DOMAIN}"))
    world.session.answer(ANSWER)
    world.receive(inside(world, peer, "ACK"))
    peer.cseq += 1
    assert world.receive(inside(world, peer, "BYE"), PHONE) == []
    assert world.stats.dropped["hijack"] == 1


def test_a_phone_is_reached_where_it_registered_whatever_its_contact_says(world):
    """A Contact at somebody else's address must not make us a reflector."""
    Phone(world).register("<sip:victim@192.0.2.200:53;transport=UDP>")
    (contact,) = world.agent.registrar.contacts(LOGIN)
    world.take()
    session = world.invite(contact.target())
    world.receive(reply(world.sent[0], 200, contact="<sip:victim@192.0.2.201>"), PHONE)
    session.bye()
    assert {sent.flow for sent in world.sent} == {Flow("UDP", HERE, PHONE)}


def test_what_a_phone_asserts_about_itself_is_not_believed(world, phone):
    claims = [
        ("P-Asserted-Identity", "<sip:+74950000000@example.com>"),
        ("P-Preferred-Identity", f"<sip:{OTHER}@{DOMAIN}>"),
        ("Remote-Party-ID", f"<sip:{OTHER}@{DOMAIN}>;party=calling"),
    ]
    (challenge,) = world.receive(phone.invite(f"sip:+74951234567@{DOMAIN}", headers=claims), PHONE)
    assert challenge.what == 401
    phone.cseq += 1
    uri = f"sip:+74951234567@{DOMAIN}"
    value = digest.authorize(
        digest.strongest(challenge.message.headers("WWW-Authenticate")), "INVITE", uri, LOGIN, PASSWORD
    )
    world.receive(phone.invite(uri, headers=[*claims, ("Authorization", value)]), PHONE)
    ((_, origin),) = world.invites
    assert origin.line.login == LOGIN
    assert CARRIER[0] not in str(origin)
