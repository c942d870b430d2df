"""Messages out of a stream: where one ends, however the bytes arrive."""

import pytest

from core.sip._wire import MAX_MESSAGE, WireError, build_request, frame, parse

ONE = build_request("MESSAGE", "sip:h", [("Via", "SIP/2.0/TCP h;branch=z9hG4bK1")], b"hello")
TWO = build_request("OPTIONS", "sip:h", [("Via", "SIP/2.0/TCP h;branch=z9hG4bK2")])


def test_nothing_until_the_last_byte_came():
    for size in range(len(ONE)):
        assert frame(ONE[:size]) == 0
    assert frame(ONE) == len(ONE)
    assert frame(ONE + TWO) == len(ONE)


def test_empty_lines_between_messages_belong_to_the_next():
    assert frame(b"\r\n\r\n" + ONE) == len(ONE) + 4
    assert frame(b"\r\n\r\n") == frame(b"\r") == frame(b"") == 0
    assert parse(b"\r\n\r\n" + ONE, stream=True).body == b"hello"


def test_messages_come_out_one_by_one():
    buffer, got = ONE + b"\r\n\r\n" + TWO + ONE, []
    while size := frame(buffer):
        got.append(parse(buffer[:size], stream=True).method)
        buffer = buffer[size:]
    assert got == ["MESSAGE", "OPTIONS", "MESSAGE"] and buffer == b""


def test_a_space_before_the_colon_of_the_length():
    data = ONE.replace(b"Content-Length:", b"Content-Length :")
    assert frame(data) == len(data)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"Content-Length: 5", b"X: 5"),
        (b"Content-Length: 5", b"Content-Length: -5"),
        (b"Content-Length: 5", b"Content-Length: 99999999999999999999"),
        (b"Content-Length: 5", b"Content-Length: 65536"),
        (b"Content-Length: 5", b"Content-Length: 5\r\nl: 6"),
        (b"MESSAGE sip:h SIP/2.0", b"GET / HTTP/1.1"),
        (b"Via:", b"Via"),
    ],
)
def test_a_stream_that_cannot_be_followed(old, new):
    with pytest.raises(WireError):
        frame(ONE.replace(old, new))


def test_a_header_block_without_end_is_not_buffered_for_ever():
    assert frame(b"x" * MAX_MESSAGE) == 0
    with pytest.raises(WireError, match="over 64 KB"):
        frame(b"x" * (MAX_MESSAGE + 1))


def test_64_kb_is_the_most():
    room = MAX_MESSAGE - len(ONE.replace(b": 5", b": 65000")) + len(b"hello")
    data = ONE.replace(b": 5", b": %d" % room)[:-5]
    assert frame(data) == 0
    assert frame(data + b"x" * room) == MAX_MESSAGE
    with pytest.raises(WireError):
        frame(data.replace(b"%d" % room, b"%d" % (room + 1)))
