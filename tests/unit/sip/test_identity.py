"""Who sends a request: digest, bans, and a From that must be one's own (RFC 3261 §22, RFC 8760)."""

import re
import sys

import pytest

from core.sip import digest
from core.sip._wire import parse
from core.sip.binding import asked
from core.sip.guard import Failures
from core.sip.identity import FromLine
from tests.support.sip_phone import HOME, LOGIN, OTHER, Phone, call, challenged, proof, signed
from tests.support.sip_world import (
    CARRIER,
    DOMAIN,
    HERE,
    OFFER,
    PASSWORD,
    PHONE,
    STRANGER,
    Peer,
    World,
    make_line,
    whats,
)


@pytest.fixture
def world():
    return World()


def phone(login=LOGIN, source=PHONE):
    return Peer(source, login, DOMAIN)


def test_a_line_is_challenged_and_then_let_in(world):
    peer = phone()
    assert whats(signed(world, peer)) == [100]
    assert world.invites[0][1] == FromLine(world.lines[LOGIN])
    assert world.stats.logins == 1


@pytest.mark.parametrize("algorithm", ["SHA-256", "MD5"])
def test_both_algorithms_are_offered_the_better_one_first(world, algorithm):
    peer = phone()
    response = challenged(world, peer)
    offered = [digest.parse_challenge(v) for v in response.message.headers("WWW-Authenticate")]
    assert [c.algorithm for c in offered] == ["SHA-256", "MD5"]
    assert {c.realm for c in offered} == {DOMAIN}
    assert not any(c.stale for c in offered)
    answer = proof(response, LOGIN, algorithm=algorithm)
    assert whats(world.receive(call(peer, headers=[answer]), PHONE)) == [100]


def test_a_phone_that_gives_up_at_unknown_algorithms_is_offered_md5_alone(world):
    agent = ("User-Agent", "baresip v1.0.0 (x86_64/linux)")
    (response,) = world.receive(call(phone(), headers=[agent]), PHONE)
    (offered,) = response.message.headers("WWW-Authenticate")
    assert "algorithm=MD5," in offered


@pytest.mark.parametrize("transport", ["WS", "WSS"])
def test_a_phone_in_a_browser_is_offered_md5_alone(world, transport):
    request = call(phone()).replace(b"SIP/2.0/UDP", f"SIP/2.0/{transport}".encode())
    (response,) = world.receive(request, PHONE)
    (offered,) = response.message.headers("WWW-Authenticate")
    assert "algorithm=MD5," in offered


def test_an_unknown_user_and_a_wrong_password_are_answered_alike(world):
    answers = []
    for login, password in ((LOGIN, "wrong"), ("0050000000", "wrong"), ("0050000000", PASSWORD)):
        peer = phone(login)
        peer.call_id, peer.branches = "same", 0
        request = call(
            peer, headers=[proof(challenged(world, peer), login, password)], branch="z9hG4bKx"
        )
        (response,) = world.receive(request, PHONE)
        text = response.data.decode().replace(login, "LOGIN")
        answers.append(re.sub(r'nonce="[^"]{55}"', "NONCE", text))
    assert answers[0].startswith("SIP/2.0 401 ")
    assert len(set(answers)) == 1
    assert not world.invites


def test_invite_from_a_claiming_b(world):
    peer = phone()
    response = challenged(world, peer)
    liar = f"<sip:{OTHER}@{DOMAIN}>;tag=peer"
    sent = world.receive(call(peer, from_=liar, headers=[proof(response, LOGIN)]), PHONE)
    assert whats(sent) == [403]
    assert not world.invites


def test_from_in_another_domain_is_forbidden_too(world):
    peer = phone()
    response = challenged(world, peer)
    foreign = f"<sip:{LOGIN}@example.org>;tag=peer"
    sent = world.receive(call(peer, from_=foreign, headers=[proof(response, LOGIN)]), PHONE)
    assert whats(sent) == [403]


def test_a_line_behind_a_carriers_address_needs_its_password(world):
    peer = phone(source=CARRIER)
    assert whats(signed(world, peer, CARRIER)) == [100]
    assert world.invites[0][1] == FromLine(world.lines[LOGIN])


def test_a_proof_is_good_once(world):
    peer = phone()
    answer = proof(challenged(world, peer), LOGIN)
    assert whats(world.receive(call(peer, headers=[answer]), PHONE)) == [100]
    (again,) = world.receive(call(peer, headers=[answer]), PHONE)
    assert again.what == 401
    assert "stale=true" in again.message.header("WWW-Authenticate")
    assert world.stats.failed_logins == 0


def test_an_old_nonce_is_stale_and_no_failure(world):
    peer = phone()
    answer = proof(challenged(world, peer), LOGIN)
    world.clock.seconds += digest.NONCE_SECONDS + 2
    (stale,) = world.receive(call(peer, headers=[answer]), PHONE)
    assert "stale=true" in stale.message.header("WWW-Authenticate")
    assert world.stats.failed_logins == 0


def test_a_nonce_of_another_address_is_worth_nothing(world):
    peer = phone()
    answer = proof(challenged(world, peer), LOGIN)
    assert whats(world.receive(call(peer, headers=[answer]), STRANGER)) == [401]
    assert not world.invites


def test_challenge_is_not_a_failure(world):
    for _ in range(200):
        challenged(world, phone())
    assert world.stats.failed_logins == 0
    assert whats(signed(world, phone())) == [100]


def test_guessing_is_stopped_before_20_even_with_the_right_password(world):
    earlier = challenged(world, phone())
    assert [whats(signed(world, phone(), password=f"guess{i}")) for i in range(10)] == [[401]] * 10
    # Banned: nothing is heard any more, not even the right one; nor is there another challenge.
    for password in [*(f"guess{i}" for i in range(10, 19)), PASSWORD]:
        assert world.receive(call(phone()), PHONE) == []
        answer = proof(earlier, LOGIN, password)
        assert world.receive(call(phone(), headers=[answer]), PHONE) == []
    assert not world.invites
    assert world.stats.banned == 1
    assert world.stats.failed_logins == 10


def test_nat_office_of_50_phones_is_not_banned():
    """Phones with wrong passwords, retrying for an hour, lock out nobody behind the same address."""
    world = World(max_sessions=10_000)
    office = [f"00577{number:05}" for number in range(50)]
    world.lines |= {login: make_line(login) for login in office}
    for login in office:  # in the morning all is well
        assert whats(signed(world, phone(login))) == [100]
    for _ in range(60):
        for login in office[:20]:
            if sent := world.receive(call(phone(login)), PHONE):
                answer = proof(sent[0], login, "wrong")
                world.receive(call(phone(login), headers=[answer]), PHONE)
        assert [whats(signed(world, phone(login))) for login in office[20:]] == [[100]] * 30
        world.clock.seconds += 60


def test_a_challenge_is_not_a_failure(world):
    for _ in range(200):
        challenged(world, phone())
    assert world.stats.failed_logins == 0
    assert whats(signed(world, phone())) == [100]


def test_a_ban_ends(world):
    for _ in range(10):
        signed(world, phone(), password="wrong")
    world.clock.seconds += 601
    assert whats(signed(world, phone())) == [100]


def test_trying_many_accounts_bans_the_source():
    world = World(failures=Failures(per_account=10, per_source=20))
    peer = phone(OTHER)
    response = challenged(world, peer)
    for i in range(20):
        assert whats(signed(world, phone(f"005000{i:04}"), password="x")) == [401]
    assert world.receive(call(peer, headers=[proof(response, OTHER)]), PHONE) == []
    assert whats(signed(world, phone(OTHER, STRANGER), STRANGER)) == [100]


def test_a_forged_source_cannot_ban_a_victim(world):
    """Who was given no nonce for that address does not fail in its name."""
    elsewhere = challenged(world, phone(), STRANGER)
    for _ in range(50):
        answer = proof(elsewhere, LOGIN, "wrong")
        assert whats(world.receive(call(phone(), headers=[answer]), PHONE)) == [401]
    assert world.stats.failed_logins == 0
    assert whats(signed(world, phone())) == [100]


@pytest.mark.parametrize(
    "value",
    [
        "Basic eDp5",
        "Digest",
        'Digest username="x"',
        f'Digest username="{LOGIN}", realm="elsewhere", nonce="n", uri="u", response="r"',
        f'Digest username="{LOGIN}", realm="{DOMAIN}", nonce="", uri="", response="", algorithm=X',
        f'Digest username="{LOGIN}", realm="{DOMAIN}", nonce="zz", uri="", response="", qop=auth, nc=1',
    ],
)
def test_credentials_that_say_nothing_are_challenged(world, value):
    peer = phone()
    assert whats(world.receive(call(peer, headers=[("Authorization", value)]), PHONE)) == [401]


def test_a_line_that_is_gone_cannot_call(world):
    peer = phone()
    response = challenged(world, peer)
    del world.lines[LOGIN]
    answer = proof(response, LOGIN)
    assert whats(world.receive(call(peer, headers=[answer]), PHONE)) == [401]


def test_a_challenge_leaves_nothing_behind(world):
    peer = phone()
    for _ in range(20):
        challenged(world, peer)
    assert not world.agent.transactions.servers
    assert not world.agent.sessions
    assert len(world.wheel) == 0


def test_the_phones_dialog_stays_on_its_flow(world):
    peer = phone()
    signed(world, peer)
    world.session.answer(OFFER)
    assert world.sent[-1].flow.remote == PHONE
    ack = peer.request("ACK", f"sip:{HERE[0]}:5060", to_tag=world.session.tag)
    world.receive(ack, PHONE)
    world.session.bye()
    bye = world.sent[-1]
    assert bye.flow.remote == PHONE
    assert bye.message.uri == f"sip:{LOGIN}@192.168.1.5:5060"
    assert parse(bye.data).method == "BYE"


def remembered():
    """Entries in all caches of the stack."""
    modules = [module for name, module in list(sys.modules.items()) if name.startswith("core.sip.")]
    caches = {id(each): each for module in modules for each in vars(module).values()}
    return sum(each.cache_info().currsize for each in caches.values() if hasattr(each, "cache_info"))


def test_long_texts_of_strangers_are_not_remembered(world):
    def asks(long):
        for number in range(3):
            peer = Peer(STRANGER)
            odd = f"{long}{number}" if long else ""
            contact, agent = ("Contact", f"<sip:a{odd}@h>"), ("User-Agent", f"phone{odd}")
            for method, uri in (("OPTIONS", f"sip:{odd}@{DOMAIN}"), ("REGISTER", f"sip:{DOMAIN}")):
                given = {"from_": f"<sip:b{odd}@{DOMAIN}>;tag=1", "headers": [contact, agent]}
                world.receive(peer.request(method, uri, **given), STRANGER)
        asked(f"<sip:a{odd}@h>")  # as after the password

    asks("")
    before = remembered()
    asks("9" * 7000)
    assert remembered() == before


def test_of_a_long_user_agent_only_the_beginning_is_remembered(world):
    phone = Phone(world)
    phone.register(HOME, headers=[("User-Agent", "x" * 300)])
    before = remembered()
    phone.register(HOME, headers=[("User-Agent", "x" * 7000)])
    assert world.board.did[-1][3] == "x" * 200
    assert remembered() == before
