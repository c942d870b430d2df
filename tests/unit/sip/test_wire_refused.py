"""What is dropped: not SIP, ambiguous, or over the limits. Exactly at a limit is still taken."""

import pytest

from core.sip._wire import MAX_HEADER, MAX_HEADERS, MAX_MESSAGE, Message, WireError, parse

VIA = b"Via: SIP/2.0/UDP h;branch=z9hG4bK1\r\n"


def message(*headers, start=b"OPTIONS sip:h SIP/2.0", body=b""):
    return start + b"\r\n" + VIA + b"".join(line + b"\r\n" for line in headers) + b"\r\n" + body


def refused(data, why, stream=False):
    with pytest.raises(WireError, match=why):
        parse(data, stream)


@pytest.mark.parametrize(
    ("start", "why"),
    [
        (b"", "no method"),
        (b"hello", "no method"),
        (b"OPTIONS", "no method"),
        (b"OPTIONS sip:h", "no SIP version"),
        (b"OPTIONS  SIP/2.0", "no Request-URI"),
        (b"OPTIONS SIP/2.0", "no Request-URI"),
        (b"OPTIONS sip:h HTTP/1.1", "no SIP version"),
        (b"OPTIONS sip:h SIP/2", "no SIP version"),
        (b"OPTIONS sip:h SIP/2.x", "no SIP version"),
        (b"OPT(IONS sip:h SIP/2.0", "no method"),
        (b"GET / HTTP/1.1", "no SIP version"),
        (b" OPTIONS sip:h SIP/2.0", "no method"),
        (b"SIP/2.0", "not a status line"),
        (b"SIP/2.0 20", "not a status line"),
        (b"SIP/2.0 2000 OK", "no status code"),
        (b"SIP/2.0 099 OK", "no status code"),
        (b"SIP/2.0 700 OK", "no status code"),
        (b"SIP/2.0 +20 OK", "no status code"),
        (b"SIP/7.0 200 OK", "not a status line"),
    ],
)
def test_start_lines(start, why):
    refused(message(start=start), why)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "without end"),
        (b"\r\n\r\n", "without end"),
        (b"\x00" * 20, "without end"),
        (b"OPTIONS sip:h SIP/2.0", "without end"),
        (b"OPTIONS sip:h SIP/2.0\r\n", "no header name"),
        (b"OPTIONS sip:h SIP/2.0\r\n" + VIA, "no header name"),
        (b"OPTIONS sip:h SIP/2.0\r\n" + VIA + b"\r", "no header name"),
        (b"OPTIONS sip:h SIP/2.0\r\n\r\n", "no Via"),
        (b"OPTIONS sip:h SIP/2.0\r\nTo: <sip:h>\r\n\r\n", "no Via"),
    ],
)
def test_no_whole_message(data, why):
    refused(data, why)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b"Foobar roobar", "no colon"),
        (b": value", "no header name"),
        (b"Foo", "no colon"),
        (b"F\xc3\xb6\xc3\xb6: bar", "no colon"),
        (b"Foo(bar): baz", "no colon"),
        (b"Foo: a\rb", "bare CR"),
        (b"Foo: a\r", "bare CR"),
        (b"Foo: a\nb", "bare LF"),
        (b"Foo: a\r\n b\rc", "bare CR"),
        (b"Foo: a\r\n b\nc", "bare LF"),
        (b"Foo:\nBar: b", "bare LF"),
    ],
)
def test_headers(line, why):
    refused(message(line), why)


def test_bare_line_ends_in_the_start_line():
    refused(message(start=b"OPTIONS sip:h\r SIP/2.0"), "bare CR")
    refused(message(start=b"OPTIONS sip:h\n SIP/2.0"), "bare LF")


def test_a_first_line_that_is_folded():
    refused(b"OPTIONS sip:h SIP/2.0\r\n " + VIA + b"\r\n", "no header name")


def test_a_body_may_hold_anything():
    assert parse(message(body=b"\r\n\n\r\x00\xff")).body == b"\r\n\n\r\x00\xff"


# --- lengths ----------------------------------------------------------------------------------


def test_lengths_that_differ_are_refused_and_the_same_twice_is_read_once():
    refused(message(b"Content-Length: 1", b"l: 2", body=b"abc"), "conflicting")
    refused(message(b"Content-Length: 1", b"Content-Length: x", body=b"abc"), "conflicting")
    assert parse(message(b"Content-Length: 1", b"l: 1", body=b"abc")).body == b"a"


def test_a_datagram_is_cut_to_its_length_or_taken_whole():
    assert parse(message(b"Content-Length: 2", body=b"abc")).body == b"ab"
    assert parse(message(b"Content-Length: 0", body=b"abc")).body == b""
    assert parse(message(body=b"abc")).body == b"abc"


def test_a_response_whose_body_is_not_whole_is_dropped_a_request_is_kept_for_its_400():
    ok = b"SIP/2.0 200 OK"
    refused(message(b"Content-Length: 4", start=ok, body=b"abc"), "not whole")
    refused(message(b"Content-Length: -1", start=ok, body=b"abc"), "not whole")
    assert parse(message(b"Content-Length: 4", body=b"abc")).body == b"abc"


@pytest.mark.parametrize(
    "line", [b"Subject: x", b"Content-Length: 9", b"Content-Length: x", b"l: 99999999999"]
)
def test_in_a_stream_the_length_must_be_there_and_fit(line):
    with pytest.raises(WireError):
        parse(message(line, body=b"abc"), stream=True)


# --- limits -----------------------------------------------------------------------------------


def test_64_kb_of_message():
    room = MAX_MESSAGE - len(message())
    assert len(parse(message(body=b"x" * room)).body) == room
    refused(message(body=b"x" * (room + 1)), "over 64 KB")


def test_8_kb_of_header():
    room = MAX_HEADER - len(b"Subject: ")
    assert len(parse(message(b"Subject: " + b"x" * room)).header("subject")) == room
    refused(message(b"Subject: " + b"x" * (room + 1)), "over 8 KB")


def test_8_kb_of_header_over_many_lines():
    folded = b"Subject: x" + b"\r\n " + b"\r\n ".join([b"x" * 100] * 90)
    refused(message(folded), "over 8 KB")


def test_8_kb_of_start_line():
    room = MAX_HEADER - len(b"OPTIONS  SIP/2.0")
    uri = b"sip:" + b"h" * (room - 4)
    assert len(parse(message(start=b"OPTIONS " + uri + b" SIP/2.0")).uri) == room
    refused(message(start=b"OPTIONS " + uri + b"h SIP/2.0"), "over 8 KB")


def test_256_headers():
    lines = [b"X-%d: %d" % (i, i) for i in range(MAX_HEADERS - 1)]
    whole = parse(message(*lines))
    assert len(whole.names()) == MAX_HEADERS
    assert whole.header("x-254") == "254" and whole.branch == "z9hG4bK1"
    refused(message(*lines, b"Y: y"), "over 256")


def test_a_name_as_long_as_a_message():
    refused(message(b"N" * 60000 + b": x"), "no header name")


def test_messages_are_made_by_parse_only_and_of_bytes_only():
    with pytest.raises(TypeError):
        Message()
    for wrong in (None, "text", bytearray(message())):
        with pytest.raises(TypeError):
            parse(wrong)
