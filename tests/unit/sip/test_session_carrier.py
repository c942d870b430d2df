"""INVITEs to a carrier that asks who we are, that says nothing, and the end of it all."""

import pytest

from core.contracts import CarrierAccount
from core.sip import digest
from core.sip._wire import build_request, build_response
from core.sip.flow import Flow, Target
from core.sip.outbound import OutgoingInvite
from core.sip.session import Answered, Ended, Failed, Progress
from tests.support.sip_world import ANSWER, CARRIER, HERE, OFFER, World

ACCOUNT = CarrierAccount("sunsim", "s3cret")
URI = f"sip:+74951234567@{CARRIER[0]}"


@pytest.fixture
def world():
    return World()


class Way:
    """One call to the carrier; ``closed`` counts how often it was said to be over."""

    def __init__(self, world, account=ACCOUNT, patience=None):
        self.world = world
        self.closed = 0
        self.invite = OutgoingInvite(URI, "<sip:a@x>", f"<{URI}>", OFFER)
        self.invite.account = account
        self.invite.patience = patience
        self.invite.on_close = self.close
        target = Target(URI, host=CARRIER[0])
        flow = Flow("UDP", HERE, CARRIER)
        self.session = world.agent.invite(world.events.append, self.invite, target, flow)

    def close(self):
        self.closed += 1


def reply(request, status, headers=(), body=b"", tag="far"):
    contact = [("Contact", f"<sip:far@{CARRIER[0]}:5060>")] if 200 <= status < 300 else []
    return build_response(request.message, status, "x", [*contact, *headers], body, tag)


def asks(request, status=407, realm="carrier", algorithm="MD5"):
    name = "Proxy-Authenticate" if status == 407 else "WWW-Authenticate"
    return reply(request, status, [(name, digest.challenge(realm, "n0nce", algorithm))])


def sent(world, method):
    return [each for each in world.sent if each.what == method]


def proves(request, header, method):
    credentials = digest.parse_credentials(request.message.header(header) or "")
    assert credentials is not None
    key = digest.ha1("sunsim", "carrier", "s3cret", credentials.algorithm)
    return digest.verify(credentials, method, key)


@pytest.mark.parametrize(("status", "header"), [(401, "Authorization"), (407, "Proxy-Authorization")])
@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256"])
def test_a_challenge_is_answered_and_the_owner_hears_nothing_of_it(world, status, header, algorithm):
    way = Way(world)
    (first,) = sent(world, "INVITE")
    world.receive(asks(first, status, algorithm=algorithm))
    _, again = sent(world, "INVITE")
    assert [each.what for each in world.sent[1:]] == ["ACK", "INVITE"]
    assert proves(again, header, "INVITE")
    assert again.message.cseq == first.message.cseq + 1
    assert again.message.call_id == first.message.call_id
    assert again.message.from_tag == first.message.from_tag
    assert again.message.branch != first.message.branch
    assert again.message.body == OFFER
    assert world.events == []
    world.receive(reply(again, 180))
    world.receive(reply(again, 200, body=ANSWER))
    assert world.events == [Progress(180, "x"), Answered(ANSWER)]
    *_, ack = sent(world, "ACK")
    assert ack.message.cseq == again.message.cseq
    assert ack.message.header(header) == again.message.header(header)
    way.session.bye()
    (bye,) = sent(world, "BYE")
    assert bye.message.cseq == again.message.cseq + 1


def test_an_ack_has_the_credentials_of_its_invite_and_of_nothing_that_came_between(world):
    way = Way(world)
    world.receive(asks(sent(world, "INVITE")[0]))
    invite = sent(world, "INVITE")[1]
    reliably = [("Require", "100rel"), ("RSeq", "1"), ("Contact", f"<sip:far@{CARRIER[0]}>")]
    world.receive(reply(invite, 183, reliably))
    world.receive(asks(sent(world, "PRACK")[0]))
    assert proves(sent(world, "PRACK")[1], "Proxy-Authorization", "PRACK")
    world.receive(reply(invite, 200, body=ANSWER))
    *_, ack = sent(world, "ACK")
    given = invite.message.header("Proxy-Authorization")
    assert ack.message.header("Proxy-Authorization") == given
    assert way.session.reoffer(OFFER)
    offer = sent(world, "INVITE")[2]
    world.receive(reply(offer, 200, body=ANSWER))
    *_, ack = sent(world, "ACK")
    assert ack.message.header("Proxy-Authorization") is None  # nor had its INVITE any


def test_wrong_credentials_are_the_carriers_refusal(world):
    way = Way(world)
    world.receive(asks(sent(world, "INVITE")[0]))
    world.receive(asks(sent(world, "INVITE")[1]))
    assert len(sent(world, "INVITE")) == 2
    assert world.events == [Failed(503, "Refused By Carrier")]
    assert way.closed == 1


@pytest.mark.parametrize(
    "account", [CarrierAccount("sunsim", "s3cret", "ours"), CarrierAccount("sunsim", "s3cret")]
)
def test_a_challenge_that_we_do_not_answer(world, account):
    Way(world, account)
    challenged = asks(sent(world, "INVITE")[0], algorithm="MD5" if account.realm else "SHA-512")
    world.receive(challenged)
    assert world.events == [Failed(503, "Refused By Carrier")]


def test_without_an_account_the_owner_hears_of_it(world):
    Way(world, None)
    world.receive(asks(sent(world, "INVITE")[0]))
    (failed,) = world.events
    assert failed.status == 407
    assert "Proxy-Authenticate" in failed.headers


def test_who_gave_up_meanwhile_does_not_answer_a_challenge(world):
    way = Way(world)
    way.session.cancel()
    world.receive(asks(sent(world, "INVITE")[0]))
    assert len(sent(world, "INVITE")) == 1
    assert world.events == [Failed(487, "Request Terminated")]


def test_cancel_is_of_the_invite_with_credentials(world):
    way = Way(world)
    world.receive(asks(sent(world, "INVITE")[0]))
    again = sent(world, "INVITE")[1]
    way.session.cancel()
    assert sent(world, "CANCEL") == []
    world.receive(reply(again, 180))
    (cancel,) = sent(world, "CANCEL")
    assert cancel.message.branch == again.message.branch


def test_a_challenge_of_the_bye_is_answered_once(world):
    way = Way(world)
    world.receive(reply(sent(world, "INVITE")[0], 200, body=ANSWER))
    way.session.bye()
    world.receive(asks(sent(world, "BYE")[0]))
    _, again = sent(world, "BYE")
    assert proves(again, "Proxy-Authorization", "BYE")
    assert way.closed == 0
    world.receive(asks(again))
    assert len(sent(world, "BYE")) == 2
    assert way.closed == 1
    assert not world.agent.sessions


def test_silence_ends_a_call_after_our_patience_and_a_late_answer_finds_nobody(world):
    way = Way(world, patience=4)
    (invite, *_) = world.sent
    world.advance(3.9)
    assert world.events == []
    world.advance(0.2)
    assert world.events == [Failed(408, "Request Timeout")]
    assert way.closed == 1  # its channel is for the next call, not for the late answer
    late = world.receive(reply(invite, 200, body=ANSWER))
    assert [each.what for each in late] == ["ACK", "BYE"]
    world.advance(40)
    assert world.events == [Failed(408, "Request Timeout")]
    assert way.closed == 1
    assert not world.agent.sessions


def test_any_sign_of_life_is_enough(world):
    Way(world, patience=4)
    world.receive(reply(world.sent[0], 100))
    world.advance(20)
    assert world.events == []


@pytest.mark.parametrize("by_us", [True, False])
def test_the_end_is_told_once(world, by_us):
    way = Way(world)
    invite = sent(world, "INVITE")[0]
    world.receive(reply(invite, 200, body=ANSWER))
    if by_us:
        way.session.bye()
        world.receive(reply(sent(world, "BYE")[0], 200))
    else:
        headers = [
            ("Via", f"SIP/2.0/UDP {CARRIER[0]};branch=z9hG4bKbye"),
            ("From", f"<{URI}>;tag=far"),
            ("To", f"<sip:a@x>;tag={way.session.tag}"),
            ("Call-ID", way.session.id),
            ("CSeq", "1 BYE"),
        ]
        world.receive(build_request("BYE", f"sip:{HERE[0]}", headers))
        assert world.events[-1] == Ended(by_remote=True)
    world.advance(40)
    assert way.closed == 1


def test_an_account_keeps_its_password_to_itself():
    assert "s3cret" not in repr(ACCOUNT)
