"""Hostile bytes against the whole stack: nothing raises, nothing answers in a broken way."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.sip._wire import parse
from tests.support import torture
from tests.support.sip_world import ANSWER, CARRIER, DOMAIN, HERE, PHONE, Peer, World, reply


def talk() -> tuple[World, list[bytes]]:
    """A world in the middle of two calls, and messages that concern them."""
    world = World()
    peer, phone = Peer(), Peer(PHONE, "0051234567", DOMAIN)
    invite = peer.invite()
    world.receive(invite)
    world.session.answer(ANSWER)
    tag = world.session.tag
    world.invite()
    ours = world.sent[-1]
    inside = f"sip:{HERE[0]}:5060"
    contact = [("Contact", "<sip:x@10.0.0.1>;expires=60"), ("Authorization", 'Digest username="x"')]
    return world, [
        invite,
        peer.same("CANCEL", invite),
        peer.request("ACK", inside, to_tag=tag, body=ANSWER),
        peer.request("INVITE", inside, to_tag=tag, cseq=2, body=ANSWER),
        peer.request("BYE", inside, to_tag=tag, cseq=3, headers=[("Reason", 'SIP;cause=1;text="x"')]),
        phone.request("REGISTER", f"sip:{DOMAIN}", headers=contact),
        phone.invite(f"sip:+7495@{DOMAIN}"),
        phone.request("OPTIONS", f"sip:{DOMAIN}"),
        reply(ours, 180, headers=[("Record-Route", "<sip:198.51.100.2;lr>")]),
        reply(ours, 200, body=ANSWER),
        reply(ours, 486),
    ]


cuts = st.lists(
    st.tuples(st.integers(0, 2000), st.integers(0, 30), st.binary(max_size=12)), min_size=1, max_size=6
)


def mutated(data: bytes, changes) -> bytes:
    for at, size, new in changes:
        start = at % (len(data) + 1)
        data = data[:start] + new + data[start + size :]
    return data


@given(st.lists(st.tuples(st.integers(0, 10), cuts), min_size=1, max_size=8), st.booleans())
def test_mutated_messages_in_the_middle_of_calls(pieces, from_carrier):
    world, corpus = talk()
    for which, changes in pieces:
        world.receive(mutated(corpus[which], changes), CARRIER if from_carrier else PHONE)
    world.advance(1)
    for sent in world.sent:
        parse(sent.data)


@given(st.permutations(range(11)))
def test_messages_in_any_order_leave_nothing_behind(order):
    world, corpus = talk()
    for which in order:
        world.receive(corpus[which], CARRIER)
    for session in list(world.agent.sessions.values()):
        session.bye()
    world.advance(70)
    assert not world.agent.transactions.servers
    assert not world.agent.transactions.clients
    assert not world.agent.sessions
    assert len(world.wheel) == 0


@given(st.binary(max_size=300))
def test_any_bytes(data):
    world = World()
    world.receive(data)
    world.receive(b"INVITE sip:x SIP/2.0\r\n" + data)
    world.receive(b"SIP/2.0 200 OK\r\n" + data)


@pytest.mark.skipif(torture.MESSAGES is None, reason=torture.ABSENT)
def test_torture_messages_raise_nothing():
    world = World()
    for path in torture.paths():
        world.receive(path.read_bytes())
        world.receive(path.read_bytes(), PHONE)
    world.advance(40)
