"""What the accessors give for odd and broken values: never an exception."""

import contextlib
import os
from pathlib import Path

import pytest

from core.sip._wire import WireError, parse

HEAD = b"OPTIONS sip:h SIP/2.0\r\n"


def read(*lines, via=b"SIP/2.0/UDP h"):
    return parse(HEAD + b"Via: " + via + b"\r\n" + b"".join(line + b"\r\n" for line in lines) + b"\r\n")


@pytest.mark.parametrize(
    ("value", "tag"),
    [
        (b"<sip:a@h>;tag=1", "1"),
        (b"sip:a@h;tag=1", "1"),
        (b"sip:a@h;x;tag=1;tag=2", "1"),
        (b"<sip:a@h;tag=no>", ""),
        (b"<sip:a@h>;tagged=no;tag=1", "1"),
        (b'"x" <sip:a@h>;tag="1 2"', "1 2"),
        (b"<sip:a@h>;tag", ""),
        (b"<sip:a@h>;tag=", ""),
        (b'"never closed <sip:a@h>;tag=1', ""),
        (b"<sip:a@h;tag=1", ""),
        (b'"\\', ""),
        (b'<sip:a@h>;tag="', ""),
        (b'<sip:a@h>;tag="x\\', "x\\"),
        (b"", ""),
    ],
)
def test_tags(value, tag):
    assert read(b"From: " + value).from_tag == tag
    assert read(b"t: " + value).to_tag == tag


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (b"1 OPTIONS", 1),
        (b"0 OPTIONS", 0),
        (b"2147483647 OPTIONS", 2147483647),
        (b"2147483648 OPTIONS", -1),
        (b"36893488147419103232 OPTIONS", -1),
        (b"-1 OPTIONS", -1),
        (b"1", -1),
        (b"1 ", -1),
        (b"1OPTIONS", -1),
        (b"OPTIONS", -1),
        (b"1 OPTIONS x", -1),
        (b"", -1),
    ],
)
def test_cseq(value, number):
    assert read(b"CSeq: " + value).cseq == number


def test_missing_headers():
    message = read()
    assert (message.call_id, message.from_tag, message.to_tag, message.cseq) == ("", "", "", -1)
    answer = parse(b"SIP/2.0 200\r\nVia: x\r\n\r\n")
    assert (answer.method, answer.reason, answer.uri, answer.branch) == ("", "", "", "")


@pytest.mark.parametrize(
    ("value", "transport", "host", "port", "rport"),
    [
        (b"SIP/2.0/udp h", "UDP", "h", 0, None),
        (b"SIP/2.0/UDP h:5060;rport", "UDP", "h", 5060, 0),
        (b"SIP/2.0/UDP h;rport=70", "UDP", "h", 0, 70),
        (b"SIP/2.0/UDP h;rport=x", "UDP", "h", 0, None),
        (b"SIP / 2.0 / WSS [::1]:1;ttl=1", "WSS", "::1", 1, None),
        (b"SIP/2.0/UDP [::1", "UDP", "", 0, None),
        (b"SIP/2.0/UDP", "UDP", "", 0, None),
        (b"SIP/2.0/UDP h:70000", "UDP", "h", 0, None),
        (b"SIP/2.0", "", "", 0, None),
        (b"", "", "", 0, None),
    ],
)
def test_via(value, transport, host, port, rport):
    via = read(via=value).via
    assert (via.transport, via.host, via.port, via.rport) == (transport, host, port, rport)
    assert "Via" in repr(via)


def test_a_value_is_decoded_whatever_it_holds():
    message = read(
        b"Subject: caf\xe9 \xd0\x90", b"User-Agent: a\x00b\x1b[31m\x7f", b"X: \ttab\t here\t"
    )
    assert message.header("s") == "caf\ufffd А"
    assert message.header("user-agent") == "a\ufffdb\ufffd[31m\ufffd"
    assert message.header("x") == "tab\t here"


def test_lists_and_what_is_none():
    message = read(b"Supported:", b"Allow: INVITE,,ACK ,", b"k: a", b"X-List: a, b", b"Empty:")
    assert message.headers("supported") == ["a"] and message.header("supported") == "a"
    assert message.headers("allow") == ["INVITE", "ACK"]
    assert message.headers("x-list") == ["a, b"], "commas mean nothing in headers that are not known"
    assert message.header("empty") == "" and message.headers("empty") == [""]
    assert read(b"Supported:").header("supported") == ""
    for name in ("", "é", "\x00", "z", "x" * 5000):
        assert message.header(name) is None


def test_empty_lines_before_a_message_are_skipped():
    data = read().raw
    message = parse(b"\r\n\r\n" + data)
    assert message.method == "OPTIONS" and message.body == b""


@pytest.mark.skipif(
    "SUNSIM_SANITIZED" in os.environ, reason="the address checks keep freed memory for a while"
)
def test_memory_stays_flat():
    many = read(*[b"X-%d: x" % i for i in range(200)]).raw  # long enough for a block of its own
    broken = many[:-2]

    def use():
        for _ in range(3000):
            parse(many).headers("x-7")
            with contextlib.suppress(WireError):
                parse(broken)

    def resident():
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    use()
    before = resident()
    use()
    assert resident() - before < 4_000_000, "6000 blocks of 4 KB would be 24 MB"


def test_repr_says_what_it_is():
    assert repr(read(b"Call-ID: c")) == "<OPTIONS sip:h c>"
    assert repr(parse(b"SIP/2.0 200 OK\r\nVia: x\r\ni: c\r\nCSeq: 1 BYE\r\n\r\n")) == "<200 BYE c>"
