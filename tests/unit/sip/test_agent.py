"""Requests out of any dialog: who is answered what, and who hears nothing (RFC 3261 §8.2)."""

import pytest

from core.contracts import Trunk
from core.sip.flow import Flow, Target
from core.sip.identity import FromTrunk
from tests.support.sip_world import (
    CARRIER,
    DOMAIN,
    HERE,
    OFFER,
    PHONE,
    STRANGER,
    TRUNK,
    Peer,
    World,
    reply,
    whats,
)


@pytest.fixture
def world():
    return World()


def test_the_source_address_makes_a_carrier(world):
    world.receive(Peer().invite())
    assert world.invites[0][1] == FromTrunk(TRUNK)
    assert isinstance(world.invites[0][1].trunk, Trunk)


@pytest.mark.parametrize("method", ["INVITE", "REGISTER", "OPTIONS", "BYE", "CANCEL", "FOO", "ACK"])
@pytest.mark.parametrize("uri", [f"sip:100@{HERE[0]}", "sip:example.org", "tel:+74951234567", "x:y"])
def test_scan_unknown_domain_is_silent(world, method, uri):
    scanner = Peer(STRANGER)
    assert world.receive(scanner.request(method, uri), STRANGER) == []
    assert world.receive(scanner.request(method, uri, to_tag="x"), STRANGER) == []
    assert not world.agent.transactions.servers


def test_the_domain_in_capitals_is_ours_too(world):
    sent = world.receive(Peer(PHONE).request("OPTIONS", f"sip:{DOMAIN.upper()}"), PHONE)
    assert whats(sent) == [200]


def test_options_is_answered_200_with_what_we_can(world):
    (ok,) = world.receive(Peer(PHONE).request("OPTIONS", f"sip:{DOMAIN}"), PHONE)
    assert ok.what == 200
    assert {"INVITE", "BYE", "REGISTER"} <= set(ok.message.headers("Allow"))
    assert ok.message.header("Accept") == "application/sdp"
    assert ok.message.to_tag


@pytest.mark.parametrize("method", ["MESSAGE", "SUBSCRIBE", "PUBLISH", "FOO"])
def test_methods_that_we_lack_are_405_with_allow(world, method):
    (refused,) = world.receive(Peer().request(method, f"sip:x@{HERE[0]}"))
    assert refused.what == 405
    assert "INVITE" in refused.message.headers("Allow")


def test_extensions_that_we_lack_are_420(world):
    headers = [("Require", "precondition, foo, path")]
    (refused,) = world.receive(Peer().invite(headers=headers))
    assert refused.what == 420
    assert refused.message.headers("Unsupported") == ["precondition", "foo"]
    assert not world.invites


def test_no_hops_left_is_483(world):
    assert whats(world.receive(Peer().invite(max_forwards=0))) == [483]
    assert not world.invites


def test_another_kind_of_body_is_415(world):
    data = Peer().invite().replace(b"application/sdp", b"text/plain;x=1")
    (refused,) = world.receive(data)
    assert refused.what == 415
    assert refused.message.header("Accept") == "application/sdp"


def test_what_is_no_sip_is_dropped(world):
    for data in (b"", b"\r\n\r\n", b"hello", b"\x00" * 100, Peer().invite()[:80], b"x" * 70000):
        assert world.receive(data) == []
    assert world.stats.dropped["malformed"] >= 4


def test_a_message_over_64_kb_is_dropped(world):
    head, _, _ = Peer().invite().partition(b"Content-Length")
    body = b"a=x\r\n" * 13200
    for size in (0, len(body)):
        data = b"%bContent-Length: %d\r\n\r\n%b" % (head, size, body)
        assert len(data) > 65536
        assert world.receive(data) == []


def test_a_request_without_a_tag_is_a_mistake_of_its_sender(world):
    peer = Peer()
    assert whats(world.receive(peer.request("BYE", f"sip:x@{HERE[0]}"))) == [481]
    assert whats(world.receive(peer.request("INVITE", f"sip:x@{HERE[0]}", to_tag="gone"))) == [481]


def test_stateless_answers_to_one_request_are_alike(world):
    data = Peer().invite(max_forwards=0)
    assert world.receive(data)[0].data == world.receive(data)[0].data
    assert not world.agent.transactions.servers


def test_an_ack_for_nothing_is_dropped(world):
    assert world.receive(Peer().request("ACK", f"sip:x@{HERE[0]}", to_tag="x")) == []


def test_above_the_limit_a_call_gets_503_and_when_to_try_again():
    world = World(max_sessions=2)
    for _ in range(2):
        world.receive(Peer().invite())
    (refused,) = world.receive(Peer().invite())
    assert refused.what == 503
    assert int(refused.message.header("Retry-After")) > 0
    world.invites[0][0].reject(486)
    assert 100 in whats(world.receive(Peer().invite()))


def test_a_lagging_loop_refuses_new_calls_only(world):
    world.receive(Peer().invite())
    world.agent.load.note(0.5)
    assert whats(world.receive(Peer().invite())) == [503]
    world.session.progress(180)
    assert world.sent[-1].what == 180


def test_via_names_the_source_that_rport_asked_for(world):
    via = "SIP/2.0/UDP 10.1.1.1:5090;rport;branch=z9hG4bKa"
    (trying,) = world.receive(Peer().invite(via=via), (CARRIER[0], 33333))
    assert trying.flow.remote == (CARRIER[0], 33333)
    assert trying.message.via.rport == 33333
    assert trying.message.via.received == CARRIER[0]


def test_counters(world):
    peer = Peer()
    invite = peer.invite()
    world.receive(invite)
    world.receive(invite)
    world.receive(peer.request("FOO", f"sip:x@{HERE[0]}"))
    world.receive(Peer(STRANGER).request("OPTIONS", "sip:example.org"), STRANGER)
    world.invite()
    world.receive(reply(world.sent[-1], 180))
    stats = world.stats
    assert stats.requests == {"INVITE": 2, "other": 1, "OPTIONS": 1}
    assert stats.responses == {180: 1}
    assert stats.refused == {405: 1}
    assert stats.dropped == {"unknown_domain": 1}
    assert stats.retransmitted_by_peer == 1


def test_two_agents_carry_a_call_over_a_lossy_network():
    """Each message is lost once, in both directions; the call comes about and ends all the same."""
    caller, callee = World(), World()
    here, there = ("192.0.2.1", 5060), CARRIER
    callee.trunks = {}
    callee.agent._identity._trunk_from = lambda host: TRUNK
    seen = set()
    done = {caller: 0, callee: 0}

    def carry():
        for world, other, source in ((caller, callee, here), (callee, caller, there)):
            while done[world] < len(world.sent):
                sent = world.sent[done[world]]
                done[world] += 1
                key = (world is caller, sent.data)
                if key in seen:
                    other.receive(sent.data, source)
                seen.add(key)

    def run(seconds):
        for _ in range(int(seconds / 0.05)):
            for world in (caller, callee):
                world.advance(0.05)
            carry()

    target = Target(f"sip:+7495@{there[0]}", Flow("UDP", here, there))
    session = caller.invite(target)
    run(4)
    callee.session.progress(180)
    run(1)
    callee.session.answer(OFFER)
    run(4)
    assert [type(e).__name__ for e in caller.events][-1] == "Answered"
    assert [type(e).__name__ for e in callee.events] == ["Confirmed"]
    session.bye()
    run(4)
    assert [type(e).__name__ for e in callee.events] == ["Confirmed", "Ended"]
    run(40)
    for world in (caller, callee):
        assert not world.agent.sessions
        assert not world.agent.transactions.servers
        assert not world.agent.transactions.clients
        assert len(world.wheel) == 0
