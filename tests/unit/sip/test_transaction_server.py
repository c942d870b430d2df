"""Server transactions in virtual time (RFC 3261 §17.2, RFC 6026)."""

import pytest

from core.sip._wire import parse
from core.sip.flow import Flow
from core.sip.transaction import server_key
from core.sip.transaction_server import reply_flow
from tests.support.sip_world import ANSWER, CARRIER, HERE, STRANGER, Peer, World, whats


@pytest.fixture
def world():
    return World()


def times(sent, what):
    return [s.at for s in sent if s.what == what]


def test_100_leaves_at_once_and_a_repeated_invite_is_no_second_call(world):
    invite = Peer().invite()
    assert whats(world.receive(invite)) == [100]
    assert whats(world.receive(invite)) == [100]
    world.session.progress(180)
    again = world.receive(invite)
    assert whats(again) == [180]
    assert again[0].data == world.sent[-2].data  # byte for byte
    assert len(world.invites) == 1


def test_refusal_is_repeated_at_timer_g_until_timer_h(world):
    world.receive(Peer().invite())
    world.session.reject(486)
    sent = world.advance(40)
    assert times(sent, 486) == [0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]
    assert not world.agent.transactions.servers
    assert not world.agent.transactions.merges


def test_ack_ends_the_repetition_and_timer_i_the_transaction(world):
    peer = Peer()
    invite = peer.invite()
    world.receive(invite)
    world.session.reject(486)
    world.advance(0.6)
    assert world.receive(peer.same("ACK", invite, to_tag="x")) == []
    assert world.advance(4.9) == []
    assert world.agent.transactions.servers
    assert world.receive(invite) == []  # absorbed while confirmed
    world.advance(0.2)
    assert not world.agent.transactions.servers


def test_final_answer_to_a_repeated_invite_comes_again_at_once(world):
    invite = Peer().invite()
    world.receive(invite)
    world.session.reject(404)
    assert whats(world.receive(invite)) == [404]


def test_invite_repeated_after_200_is_absorbed(world):
    invite = Peer().invite()
    world.receive(invite)
    world.session.answer(ANSWER)
    assert world.receive(invite) == []
    assert len(world.invites) == 1


def test_after_the_final_answer_only_bytes_are_kept(world):
    world.receive(Peer().invite())
    world.session.reject(486)
    (transaction,) = world.agent.transactions.servers.values()
    assert transaction.request is None
    assert transaction.session is None


def test_200_is_sent_again_until_its_ack(world):
    peer = Peer()
    world.receive(peer.invite())
    world.session.answer(ANSWER)
    sent = world.advance(8)
    assert times(sent, 200) == [0.5, 1.5, 3.5, 7.5]
    world.receive(ack(peer, world))
    assert world.advance(60) == []
    assert not world.agent.transactions.servers


def ack(peer, world, **given):
    return peer.request("ACK", f"sip:{HERE[0]}:5060", to_tag=world.session.tag, **given)


def test_ack_with_the_branch_of_the_invite_counts_for_a_200_too(world):
    peer = Peer()
    invite = peer.invite()
    world.receive(invite)
    world.session.answer(ANSWER)
    world.receive(peer.same("ACK", invite, to_tag=world.session.tag))
    assert world.advance(5) == []


def test_the_same_request_by_another_way_is_merged(world):
    peer = Peer()
    world.receive(peer.invite(branch="z9hG4bKone"))
    assert whats(world.receive(peer.invite(branch="z9hG4bKtwo"))) == [482]
    assert len(world.invites) == 1


def test_requests_of_rfc_2543_are_told_apart_by_their_ids(world):
    one, two = Peer(), Peer()
    world.receive(one.invite(branch="1"))
    world.receive(two.invite(branch="1"))
    assert len(world.invites) == 2
    world.receive(one.invite(branch="1"))
    assert len(world.invites) == 2


def test_a_repeated_bye_gets_its_200_again_for_timer_j(world):
    peer = Peer()
    world.receive(peer.invite())
    world.session.answer(ANSWER)
    world.receive(ack(peer, world))
    bye = peer.request("BYE", f"sip:{HERE[0]}:5060", to_tag=world.session.tag, cseq=2)
    first = world.receive(bye)
    assert whats(first) == [200]
    for _ in range(3):
        world.advance(10)
        assert [s.data for s in world.receive(bye)] == [first[0].data]
    world.advance(3)
    assert not world.agent.transactions.servers
    assert not world.agent.sessions


@pytest.mark.parametrize(
    ("via", "expected"),
    [
        ("SIP/2.0/UDP 10.0.0.5:5070;rport;branch=z9hG4bKa", CARRIER),
        ("SIP/2.0/UDP 10.0.0.5:5070;branch=z9hG4bKa", (CARRIER[0], 5070)),
        ("SIP/2.0/UDP 10.0.0.5;branch=z9hG4bKa", (CARRIER[0], 5060)),
    ],
)
def test_answers_go_to_the_source_and_to_its_port_if_asked(via, expected):
    request = parse(Peer().invite(via=via))
    flow = Flow("UDP", HERE, (CARRIER[0], 40000) if "rport" not in via else CARRIER)
    assert reply_flow(request, flow).remote == expected


def test_answers_on_a_connection_stay_on_it():
    request = parse(Peer().invite(via="SIP/2.0/TCP 10.0.0.5:5070;branch=z9hG4bKa"))
    flow = Flow("TCP", HERE, STRANGER)
    assert reply_flow(request, flow) is flow


def test_a_reliable_flow_repeats_only_the_200():
    world = World()
    flow = Flow("TCP", HERE, CARRIER)
    for peer, verb in ((Peer(), "reject"), (Peer(), "answer")):
        world.agent.receive(peer.invite(), flow)
        session = world.session
        world.take()
        if verb == "reject":
            session.reject(486)
            world.take()
            assert world.advance(5) == []
        else:
            session.answer(ANSWER)
            world.take()
            assert whats(world.advance(2)) == [200, 200]


def test_keys_tell_methods_and_senders_apart():
    peer = Peer()
    invite, bye = peer.invite(branch="z9hG4bKx"), peer.request("BYE", "sip:a@b", branch="z9hG4bKx")
    assert server_key(parse(invite), "INVITE") != server_key(parse(bye), "BYE")
    other = Peer(STRANGER)
    other.call_id = peer.call_id
    assert server_key(parse(other.invite(branch="z9hG4bKx")), "INVITE") != server_key(
        parse(invite), "INVITE"
    )
