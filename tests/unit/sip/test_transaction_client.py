"""Client transactions in virtual time (RFC 3261 §17.1, RFC 6026)."""

import pytest

from core.sip.flow import Flow, Target
from core.sip.session import Answered, Failed, Progress
from tests.support.sip_world import ANSWER, CARRIER, HERE, World, reply, whats


@pytest.fixture
def world():
    return World()


def times(sent, what):
    return [s.at for s in sent if s.what == what]


def test_invite_is_repeated_at_timer_a_and_given_up_at_timer_b(world):
    world.invite()
    assert times(world.advance(31.95), "INVITE") == [0.5, 1.5, 3.5, 7.5, 15.5, 31.5]
    assert world.events == []
    world.advance(0.1)
    assert world.events == [Failed(408, "Request Timeout")]
    assert not world.agent.transactions.clients
    assert not world.agent.sessions
    assert len({s.data for s in world.sent}) == 1


def test_provisional_answer_ends_the_repetition(world):
    world.invite()
    world.advance(0.6)
    world.receive(reply(world.sent[0], 100))
    assert world.advance(200) == []
    assert world.events == []  # 100 says nothing about the call


def test_refusal_gets_its_ack_each_time_it_comes(world):
    world.invite()
    invite = world.sent[0]
    world.receive(reply(invite, 180))
    (ack,) = world.receive(reply(invite, 486, reason="Busy"))
    assert ack.what == "ACK"
    assert ack.message.branch == invite.message.branch
    assert ack.message.uri == invite.message.uri
    assert ack.message.cseq == invite.message.cseq
    assert ack.message.to_tag == "there"
    assert world.events == [Progress(180, "x"), Failed(486, "Busy")]
    (again,) = world.receive(reply(invite, 486))
    assert again.data == ack.data
    assert len(world.events) == 2
    world.advance(31.9)
    assert world.receive(reply(invite, 486))
    world.advance(0.2)
    assert world.receive(reply(invite, 486)) == []
    assert not world.agent.transactions.clients


def test_ack_of_a_refusal_has_the_route_of_the_invite(world):
    flow = Flow("UDP", HERE, CARRIER)
    world.invite(Target("sip:x@10.0.0.1", flow, path=("<sip:edge.example.com;lr>",)))
    (ack,) = world.receive(reply(world.sent[0], 404))
    assert ack.message.headers("Route") == ["<sip:edge.example.com;lr>"]


def test_200_gets_an_ack_of_its_own_each_time_it_comes(world):
    world.invite()
    invite = world.sent[0]
    (ack,) = world.receive(reply(invite, 200, body=ANSWER))
    assert ack.what == "ACK"
    assert ack.message.branch != invite.message.branch
    assert ack.message.uri == f"sip:there@{CARRIER[0]}:5060"
    assert world.events == [Answered(ANSWER)]
    world.advance(0.5)
    (again,) = world.receive(reply(invite, 200, body=ANSWER))
    assert again.data == ack.data
    assert len(world.events) == 1
    world.advance(32)
    assert world.receive(reply(invite, 200)) == []
    assert not world.agent.transactions.clients


def confirmed(world):
    session = world.invite()
    world.receive(reply(world.sent[0], 200, body=ANSWER))
    world.take()
    return session


def test_bye_is_repeated_at_timer_e_up_to_t2_and_given_up_at_timer_f(world):
    confirmed(world).bye()
    assert times(world.advance(40), "BYE") == [
        0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5,
    ]  # fmt: skip
    assert not world.agent.sessions
    assert not world.agent.transactions.clients


def test_bye_after_a_provisional_answer_is_repeated_at_t2(world):
    confirmed(world).bye()
    world.receive(reply(world.sent[0], 100))
    assert times(world.advance(10), "BYE") == [0.5, 4.5, 8.5]


def test_timer_k_absorbs_repeated_answers(world):
    confirmed(world).bye()
    bye = world.sent[0]
    world.receive(reply(bye, 200))
    assert not world.agent.sessions
    assert ("BYE" in {key[1] for key in world.agent.transactions.clients}) is True
    assert world.receive(reply(bye, 200)) == []
    world.advance(5.05)
    assert "BYE" not in {key[1] for key in world.agent.transactions.clients}
    assert whats(world.advance(60)) == []


def test_an_answer_to_nothing_is_dropped(world):
    world.invite()
    stray = reply(world.sent[0], 200).replace(b"z9hG4bK", b"z9hG4bKother")
    assert world.receive(stray) == []
    assert world.stats.dropped["stray_response"] == 1
    assert world.events == []


def test_a_reliable_flow_repeats_nothing(world):
    flow = Flow("TCP", HERE, CARRIER)
    world.invite(Target("sip:x@10.0.0.1", flow))
    assert whats(world.advance(31)) == []
    world.advance(1.1)
    assert world.events == [Failed(408, "Request Timeout")]


def test_after_the_final_answer_the_request_is_not_kept(world):
    confirmed(world)
    (transaction,) = world.agent.transactions.clients.values()
    assert transaction.data == b""


def test_branches_and_tags_never_repeat(world):
    for _ in range(50):
        world.invite()
    assert len({s.message.branch for s in world.sent}) == 50
    assert len({s.message.from_tag for s in world.sent}) == 50
    assert len({s.message.call_id for s in world.sent}) == 50
