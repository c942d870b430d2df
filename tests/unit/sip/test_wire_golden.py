"""Byte-exact messages: those that we build, and the traps that others send (``trap_*``)."""

from pathlib import Path

import pytest

from core.sip._wire import build_request, build_response, parse, problem
from core.sip.uri import NameAddr, SipUri

GOLDEN = Path(__file__).parents[2] / "golden" / "sip"


def golden(name):
    return (GOLDEN / f"{name}.sip").read_bytes()


def test_every_line_of_the_goldens_ends_in_crlf():
    for path in GOLDEN.glob("*.sip"):
        data = path.read_bytes()
        assert data.count(b"\n") == data.count(b"\r\n") == data.count(b"\r") > 0, path.name


@pytest.mark.parametrize("name", ["invite", "register"])
def test_a_request_taken_apart_and_built_again(name):
    message = parse(golden(name))
    assert problem(message) is None
    values = {header: iter(message.headers(header)) for header in dict.fromkeys(message.names())}
    headers = [
        (header, ", ".join(values[header]) if header == "Allow" else next(values[header]))
        for header in message.names()
    ]
    assert build_request(message.method, message.uri, headers, message.body) == golden(name)


def test_the_invite_field_by_field():
    message = parse(golden("invite"))
    assert (message.is_request, message.status, message.reason) == (True, 0, "")
    assert (message.method, message.uri) == ("INVITE", "sip:+74951234567@sip.example.org")
    assert (message.call_id, message.cseq) == ("5f0c@192.0.2.10", 7)
    assert (message.from_tag, message.to_tag, message.branch) == ("a1", "", "z9hG4bK7a1c")
    via = message.via
    assert (via.transport, via.host, via.port) == ("UDP", "192.0.2.10", 5062)
    assert (via.branch, via.received, via.rport) == ("z9hG4bK7a1c", "", 0)
    assert message.headers("record-route") == ["<sip:192.0.2.10;lr>", "<sip:192.0.2.99;lr>"]
    assert message.header("RECORD-ROUTE") == "<sip:192.0.2.10;lr>"
    assert message.headers("allow") == ["INVITE", "ACK", "CANCEL", "BYE", "OPTIONS"]
    assert message.header("Expires") is None and message.headers("Expires") == []
    assert message.body.startswith(b"v=0\r\n") and message.body.endswith(b"a=sendrecv\r\n")
    assert message.raw == golden("invite")


SOURCE = ("203.0.113.9", 1024)
CONTACT = ("Contact", "<sip:192.0.2.1:5060>")


@pytest.mark.parametrize(
    ("name", "status", "reason", "headers", "to_tag"),
    [
        ("trying", 100, "Trying", [], "b2"),
        ("ringing", 180, "Ringing", [CONTACT], "b2"),
        ("ok", 200, "OK", [CONTACT, ("Content-Type", "application/sdp")], "b2"),
        ("busy", 486, "Занято", [], "b2"),
    ],
)
def test_answers_to_the_invite(name, status, reason, headers, to_tag):
    body = golden("ok").partition(b"\r\n\r\n")[2] if name == "ok" else b""
    built = build_response(parse(golden("invite")), status, reason, headers, body, to_tag, SOURCE)
    assert built == golden(name)
    message = parse(built)
    assert (message.is_request, message.status, message.reason) == (False, status, reason)
    assert (message.method, message.cseq, message.uri) == ("INVITE", 7, "")
    assert message.to_tag == ("" if status == 100 else "b2")
    assert message.via.rport == 1024


def test_a_challenge():
    value = 'Digest realm="sip.example.org", nonce="n1", algorithm={}, qop="auth"'
    built = build_response(
        parse(golden("register")),
        401,
        "Unauthorized",
        [("WWW-Authenticate", value.format("SHA-256")), ("WWW-Authenticate", value.format("MD5"))],
        to_tag="b3",
        source=("203.0.113.7", 5060),
    )
    assert built == golden("unauthorized")
    assert parse(built).headers("www-authenticate") == [value.format("SHA-256"), value.format("MD5")]


def test_trap_compact_forms_and_a_phone_context():
    message = parse(golden("trap_compact"))
    assert problem(message) is None
    assert SipUri.parse(message.uri).user == "+74951234567"
    assert SipUri.parse(message.uri).host == "gw.example.net"
    for name in ("Via", "From", "To", "Call-ID", "Contact", "Content-Type", "Subject"):
        assert message.header(name), name
    assert message.headers("Supported") == message.headers("k") == ["timer", "100rel"]
    assert (message.call_id, message.branch, message.from_tag) == (
        "compact@192.0.2.10",
        "z9hG4bKc1",
        "a1",
    )
    assert SipUri.parse(NameAddr.parse(message.header("contact")).uri).transport == "udp"
    answer = build_response(message, 200, "OK", to_tag="b").decode()
    assert "\r\nVia: " in answer and "\r\nCall-ID: compact@192.0.2.10\r\n" in answer


def test_trap_any_case_a_tel_uri_and_a_space_before_the_colon():
    message = parse(golden("trap_case"))
    assert problem(message) is None
    assert SipUri.parse(message.uri).user == "+74951234567"
    assert (message.via.transport, message.branch, message.via.rport) == ("UDP", "z9hG4bKc2", 0)
    assert (message.from_tag, message.cseq, message.call_id) == ("a1", 1, "case@192.0.2.10")
    assert message.body == b"body"


def test_trap_folded_lines():
    message = parse(golden("trap_folded"))
    assert problem(message) is None
    via = message.via
    assert (via.transport, via.host, via.port, via.branch) == ("UDP", "192.0.2.10", 5062, "z9hG4bKf1")
    assert (
        message.header("from") == '"A; B <c>, \\"d\\"" <sip:a@example.net;x=1> ;x="; tag=no" ; tag = a1'
    )
    assert (message.from_tag, message.to_tag) == ("a1", "")
    assert message.cseq == 9
    assert message.header("subject") == "one two three"
    assert message.headers("via")[1] == "SIP/2.0/TCP 192.0.2.11;branch=z9hG4bKf0"
    answer = parse(build_response(message, 200, "OK", to_tag="b", source=SOURCE))
    assert answer.to_tag == "b" and answer.cseq == 9
    assert answer.via.received == "203.0.113.9" and answer.branch == "z9hG4bKf1"
    assert len(answer.headers("via")) == 2
    assert b"\r\n " not in answer.raw and b"\r\n\t" not in answer.raw


def test_trap_quoted_strings():
    message = parse(golden("trap_quoted"))
    assert problem(message) is None
    assert (message.branch, message.from_tag, message.to_tag) == ("z9hG4bKq1", "a1", "")
    assert NameAddr.parse(message.header("from")).display_name == "Bell, <Al>; tag=no"
    assert NameAddr.parse(message.header("to")).display_name == '"'
    assert message.headers("contact") == [
        '"a, b" <sip:a,b@192.0.2.10>;x="1,2"',
        "<sip:c@192.0.2.10>",
        "sip:d@192.0.2.10;q=0.5",
    ]
    assert message.header("date") == "Sat, 13 Nov 2010 23:29:00 GMT", "not a list"


def test_trap_contact_star():
    message = parse(golden("trap_star"), stream=True)
    assert problem(message) is None
    assert message.headers("contact") == ["*"]
    assert (message.via.host, message.via.port) == ("2001:db8::9", 5070)
