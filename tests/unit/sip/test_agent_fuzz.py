"""Hostile bytes against the whole stack: nothing raises, nothing answers in a broken way."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.sip._wire import parse
from tests.support import torture
from tests.support.sip_world import ANSWER, CARRIER, DOMAIN, HERE, PHONE, Peer, Sent, World, reply


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
        *in_dialogs(world, peer, tag, ours),
    ]


def in_dialogs(world: World, peer: Peer, tag: str, ours: Sent) -> list[bytes]:
    """Messages of a call that rings reliably, and everything that a dialog may bring."""
    early = Peer()
    world.receive(early.invite(headers=[("Require", "100rel"), ("Session-Expires", "600")]))
    world.session.progress(183, ANSWER)
    acknowledges = ("RAck", f"{world.sent[-1].message.header('RSeq')} 1 INVITE")
    ringing, inside = world.session.tag, f"sip:{HERE[0]}:5060"
    timer = [("Session-Expires", "90;refresher=uac"), ("Supported", "timer"), ("Min-SE", "90")]
    to = [
        ("Refer-To", "<sip:102@x?Replaces=a%3Bto-tag%3D1%3Bfrom-tag%3D2>"),
        ("Referred-By", "<sip:a@b>"),
    ]
    replaces = [("Replaces", f"{peer.call_id};to-tag={tag};from-tag=peer;early-only")]
    reliable = [("Require", "100rel"), ("RSeq", "7")]
    return [
        early.request("PRACK", inside, to_tag=ringing, cseq=2, headers=[acknowledges], body=ANSWER),
        early.request("UPDATE", inside, to_tag=ringing, cseq=3, headers=timer, body=ANSWER),
        peer.request("INFO", inside, to_tag=tag, cseq=4, body=b"Signal=5\r\nDuration=100"),
        peer.request("REFER", inside, to_tag=tag, cseq=5, headers=to),
        peer.request("NOTIFY", inside, to_tag=tag, cseq=6, headers=[("Event", "refer;id=2")]),
        Peer().invite(headers=[*replaces, *timer]),
        reply(ours, 183, "fork", headers=reliable, body=ANSWER),
    ]


cuts = st.lists(
    st.tuples(st.integers(0, 2000), st.integers(0, 30), st.binary(max_size=12)), min_size=1, max_size=6
)


def mutated(data: bytes, changes) -> bytes:
    for at, size, new in changes:
        start = at % (len(data) + 1)
        data = data[:start] + new + data[start + size :]
    return data


@given(st.lists(st.tuples(st.integers(0, 17), cuts), min_size=1, max_size=8), st.booleans())
def test_mutated_messages_in_the_middle_of_calls(pieces, from_carrier):
    world, corpus = talk()
    for which, changes in pieces:
        world.receive(mutated(corpus[which], changes), CARRIER if from_carrier else PHONE)
    world.advance(1)
    for sent in world.sent:
        parse(sent.data)


@given(st.permutations(range(18)))
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


names = st.sampled_from(
    ["RAck", "RSeq", "Require", "Supported", "Session-Expires", "Min-SE", "Refer-To", "Refer-Sub"]
    + ["Replaces", "Join", "Event", "Content-Type", "Info-Package", "Allow", "Contact", "Record-Route"]
)
words = st.sampled_from(
    [
        "0",
        "1",
        "-1",
        "9" * 40,
        "\u00b2",
        "INVITE",
        "100rel",
        "timer",
        "refresher=uas",
        "update",
        "replaces",
    ]
    + [
        "<sip:a@b>",
        "<sip:a@b",
        "<sip:102@x?Replaces=%00%3B>",
        "to-tag=1",
        "from-tag=",
        ";;;",
        '"',
        ",",
        "",
    ]
    + ["application/dtmf-relay", "application/dtmf", "application/sdp", "refer;id=x", "tel:+7", "%"]
)
values = st.lists(words, max_size=4).map(" ".join) | st.lists(words, max_size=4).map(";".join)
wishes = st.lists(st.tuples(names, values), max_size=5)


@given(
    st.sampled_from(["PRACK", "UPDATE", "INFO", "REFER", "NOTIFY", "INVITE", "BYE"]),
    wishes,
    st.sampled_from([b"", ANSWER, b"Signal=\xb2\xb2\r\nDuration=\xb9", b"10"]),
    st.sampled_from([100, 183, 200, 302, 422, 407, 491]),
)
def test_headers_of_dialogs_may_say_anything(method, headers, body, status):
    world, peer = World(), Peer()
    world.receive(peer.invite(headers=headers))
    world.invite()
    ours = world.sent[-1]
    if world.invites:
        world.session.progress(183, ANSWER)
        tag, inside = world.session.tag, f"sip:{HERE[0]}:5060"
        world.receive(peer.request(method, inside, to_tag=tag, cseq=2, headers=headers, body=body))
        world.session.answer(ANSWER)
        world.receive(peer.request(method, inside, to_tag=tag, cseq=3, headers=headers, body=body))
    world.receive(reply(ours, 183, headers=headers, body=body))
    world.receive(reply(ours, status, headers=headers, body=body))
    for session in list(world.agent.sessions.values()):
        session.bye()
    world.advance(70)
    assert not world.agent.sessions
    assert not world.agent.transactions.servers


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
