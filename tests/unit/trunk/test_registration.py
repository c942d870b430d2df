"""Registration with a carrier: challenges, renewal, back-off, farewell. Time is an argument."""

import pytest

from core.contracts import CarrierAccount
from core.sip import digest
from core.sip._wire import build_request, build_response, parse
from core.trunk.registration import EXPIRES, Registration

URI = "sip:registrar.test"
CONTACT = "sip:sunsim@192.0.2.1:5060"
FOREVER = float("inf")
CHALLENGE = ("WWW-Authenticate", digest.challenge("carrier", "n1"))


def registration(random=0.5, realm=None):
    return Registration(CarrierAccount("sunsim", "s3cret", realm), URI, CONTACT, lambda: random)


def reply(status, *headers):
    via = [("Via", "SIP/2.0/UDP x;branch=z9hG4bK1"), ("From", "<sip:a@b>;tag=1"), ("To", "<sip:a@b>")]
    request = parse(build_request("REGISTER", URI, [*via, ("Call-ID", "c"), ("CSeq", "1 REGISTER")]))
    return parse(build_response(request, status, "x", headers))


def ok(expires=100, contact=CONTACT):
    return reply(200, ("Contact", f"<sip:other@203.0.113.1>;expires=9, <{contact}>;expires={expires}"))


def proof(step, name="Authorization"):
    credentials = digest.parse_credentials(dict(step.headers)[name])
    key = digest.ha1("sunsim", "carrier", "s3cret", credentials.algorithm)
    assert digest.verify(credentials, "REGISTER", key)
    assert credentials.uri == URI
    return credentials


def bound(machine, now=0.0, expires=100):
    assert machine.due(now)
    assert machine.heard(now, ok(expires)) is None
    assert machine.registered(now)


def test_a_challenge_is_answered():
    machine = registration()
    first = machine.due(0)
    assert first.expires == EXPIRES
    assert dict(first.headers) == {"Contact": f"<{CONTACT}>", "Expires": str(EXPIRES)}
    assert machine.due(0) is None  # the answer is awaited
    second = machine.heard(1, reply(401, CHALLENGE))
    assert proof(second).nc == 1
    assert not machine.registered(1)
    assert machine.heard(2, ok()) is None
    assert machine.registered(101.9)
    assert not machine.registered(102)


def test_407_is_answered_in_its_own_header():
    machine = registration()
    machine.due(0)
    step = machine.heard(0, reply(407, ("Proxy-Authenticate", digest.challenge("carrier", "n1"))))
    proof(step, "Proxy-Authorization")


@pytest.mark.parametrize("random", [0.0, 1.0])
def test_it_is_renewed_in_time_with_the_same_nonce(random):
    machine = registration(random)
    machine.due(0)
    machine.heard(0, reply(401, CHALLENGE))
    machine.heard(0, ok(100))
    assert 70 <= machine.next_at <= 85.1
    assert machine.due(69) is None
    renewal = machine.due(machine.next_at)
    assert proof(renewal).nc == 2
    stale = ("WWW-Authenticate", digest.challenge("carrier", "n2", stale=True))
    again = machine.heard(80, reply(401, stale))
    assert (proof(again).nc, proof(again).nonce) == (1, "n2")
    machine.heard(80, ok(100))
    assert machine.registered(179)


def test_a_wrong_password_is_not_tried_again_and_again():
    machine = registration()
    machine.due(0)
    machine.heard(0, reply(401, CHALLENGE))
    assert machine.heard(0, reply(401, CHALLENGE)) is None
    assert machine.failed(0)
    assert machine.problem == "401 x"
    assert machine.due(44) is None
    assert machine.due(45)


def test_a_foreign_realm_gets_no_proof():
    machine = registration(realm="ours")
    machine.due(0)
    assert machine.heard(0, reply(401, CHALLENGE)) is None
    assert machine.failed(0)


def test_423_prolongs_once():
    machine = registration()
    machine.due(0)
    step = machine.heard(0, reply(423, ("Min-Expires", "3600")))
    assert step.expires == 3600
    assert machine.heard(0, reply(423, ("Min-Expires", "7200"))) is None
    assert machine.failed(0)
    assert machine.due(1000).expires == 3600


@pytest.mark.parametrize("value", ["0", "600", "9999999", "rubbish", ""])
def test_423_that_makes_no_sense(value):
    machine = registration()
    machine.due(0)
    assert machine.heard(0, reply(423, ("Min-Expires", value))) is None
    assert machine.failed(0)


def test_silence_is_met_with_growing_random_pauses():
    for random, share in ((0.0, 0.5), (1.0, 1.0)):
        machine = registration(random)
        now, waits = 0.0, []
        for _ in range(12):
            assert machine.due(now)
            machine.silent(now)
            waits.append(machine.next_at - now)
            now = machine.next_at
        assert waits[:4] == [10 * share, 20 * share, 40 * share, 80 * share]
        assert waits[-1] == 1800 * share
    machine.due(now)
    machine.heard(now, ok())
    assert machine.problem == ""
    machine.due(machine.next_at)
    machine.silent(200)
    assert machine.next_at == 210  # success starts the pauses anew


def test_a_failed_renewal_is_no_end_before_the_binding_ends():
    machine = registration()
    bound(machine, 0, 100)
    now = machine.next_at
    machine.due(now)
    machine.silent(now)
    assert machine.registered(99)
    assert not machine.failed(99)
    assert machine.failed(100)


def test_retry_after_is_respected():
    machine = registration()
    machine.due(0)
    machine.heard(0, reply(503, ("Retry-After", "120 (maintenance)")))
    assert machine.next_at == 120


@pytest.mark.parametrize(
    ("headers", "granted"),
    [
        ((("Contact", f"<{CONTACT}>"), ("Expires", "90")), 90),
        ((("Contact", f"<{CONTACT}>;expires=80"), ("Expires", "90")), 80),
        ((("Contact", "<sip:other@203.0.113.1>;expires=9"), ("Expires", "70")), 70),
        ((("Contact", "rubbish <"), ("Expires", "70")), 70),
        ((), EXPIRES),
    ],
)
def test_how_long_the_carrier_keeps_us(headers, granted):
    machine = registration()
    machine.due(0)
    machine.heard(0, reply(200, *headers))
    assert machine.registered(granted - 0.1)
    assert not machine.registered(granted)


def test_a_carrier_that_keeps_nothing():
    machine = registration()
    machine.due(0)
    machine.heard(0, ok(0))
    assert machine.failed(0)


def test_the_farewell_takes_the_binding_away():
    machine = registration()
    bound(machine)
    step = machine.leave(1)
    assert step.expires == 0
    assert dict(step.headers)["Expires"] == "0"
    challenged = machine.heard(1, reply(401, CHALLENGE))
    assert challenged.expires == 0
    proof(challenged)
    assert machine.heard(1, reply(200)) is None
    assert not machine.registered(1)
    assert machine.due(10_000) is None


def test_who_is_not_registered_says_no_farewell():
    machine = registration()
    assert machine.leave(0) is None
    machine.due(0)
    machine.silent(0)
    assert machine.leave(1) is None
