"""Registration: bindings of a line, their expiry and what the board hears (RFC 3261 §10)."""

import pytest

from core.sip import digest
from core.sip.binding import asked
from core.sip.flow import Flow
from tests.support.sip_phone import HOME, LOGIN, OTHER, Phone
from tests.support.sip_world import CARRIER, DOMAIN, HERE, PASSWORD, PHONE, STRANGER, World, reply


@pytest.fixture
def world():
    return World()


def bound(world, login=LOGIN):
    return [contact.uri for contact in world.agent.registrar.contacts(login)]


@pytest.mark.spec("SIP-01", "SIP-02", at="rule")
def test_a_line_registers_as_005_and_seven_digits_at_the_domain_with_its_password(world):
    """The server is the domain, the user for authentication is the user of the line, no proxy."""
    phone = Phone(world)
    request = phone.data(HOME)
    assert f"REGISTER sip:{DOMAIN} SIP/2.0".encode() in request
    assert b"Route" not in request
    answer = phone.register(HOME)
    assert answer.what == 200
    assert answer.message.headers("Contact") == [f"{HOME};expires=3600"]
    assert bound(world) == [HOME.strip("<>")]
    assert Phone(world, password="wrong").register(HOME).what == 401
    assert Phone(world, "0059999999").register(HOME).what == 401


def test_the_board_hears_of_it(world):
    Phone(world).register(HOME, headers=[("User-Agent", "Yealink\u200b T46")])
    source = f"udp:{PHONE[0]}:{PHONE[1]}"
    assert world.board.did == [("registered", LOGIN, 3600.0, "Yealink T46", source)]


def test_calls_to_it_go_where_it_registered_from(world):
    Phone(world).register(HOME)
    (contact,) = world.agent.registrar.contacts(LOGIN)
    world.take()
    world.invite(contact.target())
    (invite,) = world.sent
    assert invite.flow.remote == PHONE
    assert invite.message.uri == HOME.strip("<>")


def test_several_phones_share_a_line_the_freshest_first(world):
    Phone(world).register("<sip:a@10.0.0.1>")
    Phone(world, source=STRANGER).register("<sip:b@10.0.0.2>")
    assert bound(world) == ["sip:b@10.0.0.2", "sip:a@10.0.0.1"]
    flows = [contact.flow.remote for contact in world.agent.registrar.contacts(LOGIN)]
    assert flows == [STRANGER, PHONE]


def test_the_eleventh_phone_takes_the_place_of_the_stalest(world):
    for i in range(10):
        Phone(world).register(f"<sip:p{i}@10.0.0.1>")
    Phone(world).register("<sip:p0@10.0.0.1>")
    Phone(world).register("<sip:new@10.0.0.1>")
    assert len(bound(world)) == 10
    assert "sip:p0@10.0.0.1" in bound(world)
    assert "sip:p1@10.0.0.1" not in bound(world)


def test_the_same_uri_written_otherwise_is_the_same_phone(world):
    Phone(world).register("<sip:a@EXAMPLE.net;transport=UDP>")
    Phone(world).register("<sip:a@example.net;transport=udp>")
    assert len(bound(world)) == 1


def test_a_device_replaces_its_own_older_binding(world):
    device = ';+sip.instance="<urn:uuid:1>"'
    Phone(world).register(f"<sip:a@10.0.0.1:1111>{device}")
    Phone(world).register(f"<sip:a@10.0.0.1:2222>{device}")
    assert bound(world) == ["sip:a@10.0.0.1:2222"]


def test_expiry(world):
    Phone(world).register(HOME, expires=120)
    world.advance(119.9)
    assert bound(world)
    world.advance(0.2)
    assert bound(world) == []
    assert world.board.did[-1] == ("unregistered", LOGIN, pytest.approx(120, abs=0.06))
    assert len(world.agent.registrar) == 0
    assert len(world.wheel) == 0


def test_a_refresh_puts_the_expiry_off_and_leaves_no_trail_of_timers(world):
    for _ in range(5):
        Phone(world).register(HOME, expires=120)
        world.advance(60)
    world.advance(30)
    assert bound(world)
    assert len(world.wheel) == 1
    world.advance(31)
    assert bound(world) == []


def test_a_shorter_refresh_ends_in_its_own_time(world):
    Phone(world).register(HOME, expires=3600)
    Phone(world).register(HOME, expires=60)
    world.advance(60.1)
    assert world.board.did[-1][0] == "unregistered"


def test_one_of_two_expires_and_the_line_stays(world):
    Phone(world).register("<sip:a@10.0.0.1>;expires=60")
    Phone(world).register("<sip:b@10.0.0.2>;expires=600")
    world.advance(61)
    assert bound(world) == ["sip:b@10.0.0.2"]
    assert [e[0] for e in world.board.did] == ["registered"] * 2
    world.advance(600)
    assert world.board.did[-1][0] == "unregistered"


@pytest.mark.parametrize(
    ("contact", "expires", "granted"),
    [
        (HOME, None, 3600),
        (HOME, 100, 100),
        (f"{HOME};expires=90", 100, 90),
        (HOME, 86400, 3600),
        (HOME, "99999999999999999999", 3600),
        (HOME, "soon", 3600),
    ],
)
def test_how_long(world, contact, expires, granted):
    answer = Phone(world).register(contact, expires=expires)
    assert answer.message.headers("Contact") == [f"{HOME};expires={granted}"]


def test_too_short_is_423_with_the_least(world):
    answer = Phone(world).register(HOME, expires=30)
    assert answer.what == 423
    assert answer.message.header("Min-Expires") == "60"
    assert bound(world) == []


def test_unregister(world):
    Phone(world).register(HOME)
    answer = Phone(world).register(HOME, expires=0)
    assert answer.what == 200
    assert answer.message.headers("Contact") == []
    assert bound(world) == []
    assert [e[0] for e in world.board.did] == ["registered", "unregistered"]


def test_unregister_what_is_not_there(world):
    assert Phone(world).register(HOME, expires=0).what == 200
    assert world.board.did == []


def test_star_removes_all(world):
    Phone(world).register("<sip:a@10.0.0.1>")
    Phone(world).register("<sip:b@10.0.0.1>")
    assert Phone(world).register("*", expires=0).what == 200
    assert bound(world) == []
    assert world.board.did[-1][0] == "unregistered"


@pytest.mark.parametrize(
    ("contacts", "expires"), [(["*"], None), (["*"], 3600), (["*", HOME], 0), ([HOME, "*"], 0)]
)
def test_star_with_anything_else_is_400(world, contacts, expires):
    Phone(world).register(HOME)
    assert Phone(world).register(*contacts, expires=expires).what == 400
    assert bound(world)


def test_fetch(world):
    Phone(world).register("<sip:a@10.0.0.1>", "<sip:b@10.0.0.1>;expires=60")
    world.advance(10)
    answer = Phone(world).register()
    assert answer.message.headers("Contact") == [
        "<sip:a@10.0.0.1>;expires=3590",
        "<sip:b@10.0.0.1>;expires=50",
    ]
    assert len(world.board.did) == 1


def test_all_of_it_or_nothing(world):
    assert Phone(world).register("<sip:a@10.0.0.1>", "<sip:b@10.0.0.1>;expires=5").what == 423
    assert Phone(world).register("<sip:a@10.0.0.1>", "<nonsense>").what == 400
    assert bound(world) == []


@pytest.mark.parametrize("contact", ["<tel:+7495>", "<sip:a@b?x=y>", "<sip:a b@c>", "<mailto:a@b>"])
def test_contacts_that_cannot_be_called_are_400(world, contact):
    assert Phone(world).register(contact).what == 400


def test_an_older_request_of_the_same_call_is_refused(world):
    phone = Phone(world)
    phone.register(HOME)
    phone.cseq -= 3
    answer = phone.register(HOME, expires=0)
    assert answer.what == 500
    assert bound(world)


def test_a_repeated_register_gets_its_200_again(world):
    phone = Phone(world)
    (challenged,) = world.receive(phone.data(HOME), PHONE)
    challenge = digest.strongest(challenged.message.headers("WWW-Authenticate"))
    value = digest.authorize(challenge, "REGISTER", f"sip:{DOMAIN}", LOGIN, PASSWORD)
    data = phone.data(HOME, authorization=value)
    first, again = world.receive(data, PHONE) + world.receive(data, PHONE)
    assert first.data == again.data
    assert first.what == 200


@pytest.mark.parametrize("header", ["to", "from_"])
def test_register_as_a_for_b_is_403(world, header):
    tag = ";tag=peer" if header == "from_" else ""
    answer = Phone(world).register(HOME, **{header: f"<sip:{OTHER}@{DOMAIN}>{tag}"})
    assert answer.what == 403
    assert bound(world) == []
    assert bound(world, OTHER) == []


def test_a_carriers_address_registers_nothing_without_a_password(world):
    phone = Phone(world, source=CARRIER)
    (answer,) = world.receive(phone.data(HOME), CARRIER)
    assert answer.what == 401


def test_register_for_another_domain_is_silent(world):
    phone = Phone(world)
    data = phone.data(HOME).replace(f"sip:{DOMAIN} SIP".encode(), b"sip:192.0.2.1 SIP")
    assert world.receive(data, PHONE) == []


def test_path_becomes_route(world):
    Phone(world).register(HOME, headers=[("Path", "<sip:edge.example.com;lr>"), ("Require", "path")])
    (contact,) = world.agent.registrar.contacts(LOGIN)
    world.take()
    world.invite(contact.target())
    assert world.sent[0].message.headers("Route") == ["<sip:edge.example.com;lr>"]


def test_a_line_that_was_deleted_is_forgotten(world):
    Phone(world).register(HOME)
    world.agent.registrar.forget(LOGIN)
    world.agent.registrar.forget(LOGIN)
    assert bound(world) == []
    assert [e[0] for e in world.board.did] == ["registered", "unregistered"]
    world.advance(3700)


def test_a_registered_phone_answers_and_is_spoken_to_on_one_flow(world):
    Phone(world).register(HOME)
    (contact,) = world.agent.registrar.contacts(LOGIN)
    world.take()
    session = world.invite(contact.target())
    world.receive(reply(world.sent[0], 200, contact=HOME), PHONE)
    session.bye()
    assert {sent.flow.remote for sent in world.sent} == {PHONE}
    assert {sent.flow.local for sent in world.sent} == {HERE}


# --- several flows of one device (RFC 5626) ---------------------------------------------------------

DEVICE = ';+sip.instance="<urn:uuid:00000000-0000-1000-8000-000A95A0E128>"'


def test_a_device_may_keep_two_flows_and_is_called_on_the_freshest(world):
    for reg_id, source in ((1, PHONE), (2, STRANGER), (1, PHONE)):
        answer = Phone(world, source=source).register(
            f"<sip:a@10.0.0.1>{DEVICE};reg-id={reg_id}", headers=[("Supported", "path, outbound")]
        )
    assert answer.message.header("Require") == "outbound"
    listed = answer.message.headers("Contact")
    assert [value.partition("reg-id=")[2][0] for value in listed] == ["2", "1"]
    assert all(asked(value).instance == asked(f"<sip:x@y>{DEVICE}").instance for value in listed)
    (contact,) = world.agent.registrar.contacts(LOGIN)
    assert contact.flow.remote == PHONE


def test_when_one_of_its_flows_is_gone_the_other_is_used(world):
    Phone(world).register(f"<sip:a@10.0.0.1>{DEVICE};reg-id=1")
    flow = Flow("TCP", HERE, STRANGER)
    phone = Phone(world, source=STRANGER)
    data = phone.data(f"<sip:a@10.0.0.1>{DEVICE};reg-id=2", authorization=phone.signed())
    world.agent.receive(data, flow)
    assert [c.flow for c in world.agent.registrar.contacts(LOGIN)] == [flow]
    world.agent.flow_closed(flow)
    assert [c.flow.remote for c in world.agent.registrar.contacts(LOGIN)] == [PHONE]


def test_a_device_counts_as_fresh_as_its_freshest_flow(world):
    outbound = [("Supported", "path, outbound")]
    for contact, source, headers in (
        (f"<sip:a@10.0.0.1>{DEVICE};reg-id=1", PHONE, outbound),
        ("<sip:desk@10.0.0.2>", PHONE, []),
        (f"<sip:a@10.0.0.1>{DEVICE};reg-id=2", STRANGER, outbound),
    ):
        Phone(world, source=source).register(contact, headers=headers)
    device, desk = world.agent.registrar.contacts(LOGIN)
    assert (device.reg_id, desk.uri) == (2, "sip:desk@10.0.0.2")


def test_a_reg_id_without_a_device_means_nothing(world):
    answer = Phone(world).register("<sip:a@10.0.0.1>;reg-id=1")
    assert answer.message.header("Require") is None
    assert answer.message.headers("Contact") == ["<sip:a@10.0.0.1>;expires=3600"]


def test_the_path_that_was_taken_is_told(world):
    answer = Phone(world).register(HOME, headers=[("Path", "<sip:edge.example.com;lr>")])
    assert answer.message.headers("Path") == ["<sip:edge.example.com;lr>"]


# --- over a restart -------------------------------------------------------------------------------


def again(world):
    """Another process that finds what the store of this one kept."""
    other = World()
    other.clock.seconds = world.clock.seconds
    other.wheel.advance()
    for login, contacts in world.store.kept.items():
        other.agent.registrar.restore(other.lines[login], contacts)
    return other


def test_the_next_process_calls_a_phone_that_did_not_register_again(world):
    phone = Phone(world)
    phone.register(HOME, expires=600, headers=[("Path", "<sip:edge.example.com;lr>")])
    world.advance(100)
    other = again(world)
    assert other.board.did[-1][:2] == ("registered", LOGIN)
    (contact,) = other.agent.registrar.contacts(LOGIN)
    other.invite(contact.target())
    (invite,) = other.sent
    assert invite.flow.remote == PHONE
    assert invite.message.headers("Route") == ["<sip:edge.example.com;lr>"]
    other.advance(501)
    assert bound(other) == []
    assert other.store.kept == {}


def test_an_old_request_is_known_after_a_restart(world):
    phone = Phone(world)
    phone.register(HOME)
    other = again(world)
    phone.world, phone.cseq = other, phone.cseq - 3
    assert phone.register(HOME, expires=0).what == 500
    phone.cseq += 9
    assert phone.register(HOME, expires=0).what == 200


def test_what_ran_out_meanwhile_stays_away(world):
    Phone(world).register(HOME, expires=60)
    world.clock.seconds += 61
    other = again(world)
    assert bound(other) == [] and other.board.did == [] and len(other.wheel) == 0


def test_the_store_hears_of_every_change(world):
    Phone(world).register("<sip:a@10.0.0.1>")
    Phone(world).register("<sip:b@10.0.0.1>")
    assert [contact.uri for contact in world.store.kept[LOGIN]] == bound(world)[::-1]
    Phone(world).register("<sip:a@10.0.0.1>", expires=0)
    assert [contact.uri for contact in world.store.kept[LOGIN]] == ["sip:b@10.0.0.1"]
    world.agent.registrar.forget(LOGIN)
    assert world.store.kept == {}
