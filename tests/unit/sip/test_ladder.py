"""A call drawn as a ladder."""

from pathlib import Path
from uuid import UUID

from core.sip.ladder import groups, ladder, line
from core.sip.tap import Traced
from tests.unit.sip.test_tap import message

GOLDEN = Path(__file__).parents[2] / "golden" / "sip"
SDP = (
    b"v=0\r\nc=IN IP4 192.0.2.1\r\nm=audio 4000 RTP/AVP 8 101\r\n"
    b"a=rtpmap:101 telephone-event/8000\r\na=sendonly\r\n"
)
CALL, TENANT = UUID(int=7), UUID(int=1)


def traced(at, sent, host, data, call_id="a", ours=CALL):
    return Traced(
        1_800_000_000 + at,
        sent,
        "UDP",
        ("192.0.2.9", 5060),
        (host, 5060),
        data,
        call_id,
        ours,
        TENANT if ours else None,
    )


def answer(status, request):
    head, _, _ = request.partition(b"\r\n\r\n")
    rest = head.partition(b"\r\n")[2]
    return b"SIP/2.0 %s\r\n%s\r\n\r\n" % (status, rest)


def call():
    invite, ringing = message(body=SDP), answer(b"180 Ringing", message(call_id="b"))
    cancel = message("CANCEL", "c", extra=[("Reason", "SIP;cause=200")])
    return [
        traced(0, False, "192.0.2.1", invite),
        traced(0.001, True, "192.0.2.1", answer(b"100 Trying", message())),
        traced(0.004, True, "192.0.2.2", message(call_id="b"), "b"),
        traced(0.504, True, "192.0.2.2", message(call_id="b"), "b"),
        traced(0.6, False, "192.0.2.2", ringing, "b"),
        traced(0.7, True, "198.51.100.3", cancel, "c"),
    ]


def test_a_call_with_three_parties():
    drawn = "\n".join(ladder(call())) + "\n"
    assert drawn == (GOLDEN / "ladder.txt").read_text()


def test_whole_messages_below_their_arrows():
    lines = list(ladder(call()[:1], full=True))
    assert any(text.strip() == "Call-ID: a" for text in lines)
    assert lines[-1].strip() == "a=sendonly"


def test_two_legs_of_one_peer_are_two_columns():
    messages = [
        traced(0, False, "192.0.2.1", message()),
        traced(1, True, "192.0.2.1", message(call_id="b"), "b"),
    ]
    heading = list(ladder(messages))[1]
    assert heading.count("UDP 192.0.2.1:5060") == 2


def test_messages_are_grouped_by_call():
    alone = traced(3, False, "192.0.2.4", message(call_id="r"), "r", ours=None)
    found = groups([*call()[:3], alone, *call()[3:]])
    assert [len(each) for each in found] == [6, 1]
    assert next(ladder(found[1])) == "Call-ID r"
    assert list(ladder([])) == []


def test_one_line_for_each_message():
    assert line(call()[0]) == (
        "08:00:00.000  000000000007  <- UDP 192.0.2.1:5060            INVITE 1  sip:102@pbx"
        "  SDP audio 192.0.2.1:4000 PCMA telephone-event sendonly"
    )
    odd = traced(0, True, "192.0.2.1", b"\x00\x01", "", ours=None)
    assert "(2 bytes)  not SIP" in line(odd)


def test_a_stranger_does_not_steer_the_terminal():
    odd = message(extra=[("Reason", "BEEP")], body=b"\x1b[2J\x9b\n\xc2\x9b2J")
    odd = odd.replace(b"BEEP", b"\x1b]0;mine\x07")
    wild = [
        traced(0, False, "192.0.2.1", odd, "\x1b[31m", ours=None),
        traced(
            1, False, "192.0.2.1", b"SIP/2.0 200 \x1b[2J\r\n" + odd.partition(b"\r\n")[2], "\x1b[31m"
        ),
    ]
    for shown in (*ladder(wild, full=True), *map(line, wild)):
        assert shown.isprintable()
    assert "Reason: \ufffd]0;mine\ufffd" in line(wild[0])
