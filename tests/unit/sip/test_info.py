"""Digits by INFO, in both directions (RFC 6086 §4.2)."""

import pytest

from core.sip.session import Digit
from tests.support.sip_world import ANSWER, OFFER, World, inside, reply, whats

RELAY, PLAIN = "application/dtmf-relay", "application/dtmf"


@pytest.fixture
def world(talking):
    return talking


def info(world, peer, body, kind=RELAY, cseq=2, headers=()):
    data = inside(world, peer, "INFO", cseq=cseq, body=body, headers=headers)
    return data.replace(b"application/sdp", kind.encode())


@pytest.mark.parametrize(
    ("kind", "body", "digit"),
    [
        (RELAY, b"Signal=5\r\nDuration=250\r\n", Digit("5", 250)),
        (RELAY, b"Signal= *\nDuration= 100\n", Digit("*", 100)),
        (RELAY, b"signal=11\r\n", Digit("#", 160)),
        (RELAY, b"Duration=99999\r\nSignal=d", Digit("D", 6000)),
        (RELAY, b"Signal=1\r\nDuration=-5", Digit("1", 160)),
        (PLAIN, b"7", Digit("7", 160)),
        (PLAIN, b" 10 \r\n", Digit("*", 160)),
        (f"{RELAY};charset=utf-8", b"Signal=0", Digit("0", 160)),
        (RELAY.upper(), b"Signal=0", Digit("0", 160)),
    ],
)
def test_a_digit_is_told(world, peer, kind, body, digit):
    assert whats(world.receive(info(world, peer, body, kind))) == [200]
    assert world.events == [digit]


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (RELAY, b"Signal=17"),
        (RELAY, b"Signal="),
        (RELAY, b"5"),
        (PLAIN, b"55x"),
        (PLAIN, b"\xb2\xb2"),  # superscripts, which are digits to some
        (RELAY, b"Signal=5\r\nSignal=\xb9\xb2"),
    ],
)
def test_what_is_no_digit_is_400(world, peer, kind, body):
    assert whats(world.receive(info(world, peer, body, kind))) == [400]
    assert world.events == []


def test_a_repeated_info_is_one_digit(world, peer):
    data = info(world, peer, b"Signal=5")
    assert whats(world.receive(data)) == whats(world.receive(data)) == [200]
    assert len(world.events) == 1


def test_another_kind_of_body_is_415(world, peer):
    (refused,) = world.receive(info(world, peer, b"<x/>", "application/media_control+xml"))
    assert refused.what == 415
    assert refused.message.headers("Accept") == [RELAY, PLAIN]


def test_an_empty_one_asks_whether_we_are_there(world, peer):
    assert whats(world.receive(inside(world, peer, "INFO", cseq=2))) == [200]
    assert world.events == []


def test_packages_are_refused(world, peer):
    data = info(world, peer, b"x", headers=[("Info-Package", "foo")])
    (refused,) = world.receive(data)
    assert refused.what == 469
    assert refused.message.header("Recv-Info") == ""


def test_digits_before_the_answer(peer):
    world = World()
    world.receive(peer.invite())
    world.session.progress(183, ANSWER)
    assert whats(world.receive(info(world, peer, b"Signal=5"))) == [200]
    assert world.events == [Digit("5", 160)]


def test_we_say_digits(world):
    world.session.digit("#", 200)
    (sent,) = world.take()
    assert sent.message.header("Content-Type") == RELAY
    assert sent.message.body == b"Signal=#\r\nDuration=200\r\n"
    world.receive(reply(sent, 415))
    assert world.events == []


def test_we_say_none_before_the_answer():
    world = World()
    world.invite(sdp=OFFER).digit("1", 100)
    assert whats(world.take()) == ["INVITE"]
