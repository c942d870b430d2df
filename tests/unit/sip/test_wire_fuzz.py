"""Whatever comes from the network: WireError or a message whose accessors all answer."""

import contextlib
import os
from pathlib import Path

from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from core.sip import _wire
from core.sip._wire import WireError, build_request, build_response, frame, parse, problem
from core.sip.uri import NameAddr, SipUri, UriError

GOLDEN = [
    path.read_bytes() for path in sorted((Path(__file__).parents[2] / "golden" / "sip").glob("*.sip"))
]
EXAMPLES = 20_000 if os.environ.get("SUNSIM_PROOF") == "1" else 400
PIECES = [
    b'"',
    b"\\",
    b"<",
    b">",
    b";",
    b",",
    b":",
    b"\r\n",
    b"\r",
    b"\n",
    b"\r\n ",
    b" ",
    b"=",
    b"\x00",
]
PIECES += [
    b"\xff",
    b"Via:",
    b"v:",
    b"l: 5\r\n",
    b";tag=",
    b";rport",
    b";received=",
    b"[",
    b"]",
    b"%00",
    b"@",
]


def read_everything(data):
    """Use each accessor; returns the message, or None if it was refused."""
    for stream in (True, False):
        with contextlib.suppress(WireError):
            parse(data, stream)
    with contextlib.suppress(WireError):
        assert 0 <= frame(data) <= len(data)
    try:
        message = parse(data)
    except WireError:
        return None
    assert message.raw == data
    assert data.endswith(message.body) or message.body in data
    texts = [message.method, message.uri, message.reason, message.call_id, message.branch]
    texts += [message.from_tag, message.to_tag, *message.names()]
    via = message.via
    texts += [via.transport, via.host, via.received]
    assert 0 <= via.port < 65536 and (via.rport is None or 0 <= via.rport < 65536)
    assert -1 <= message.cseq < 2**31
    for name in {*message.names(), "Contact", "Via", "nobody"}:
        values = message.headers(name)
        first = message.header(name)
        assert first == (values[0] if values else ("" if first is not None else None))
        texts += values
        for value in values:
            with contextlib.suppress(UriError):
                SipUri.parse(NameAddr.parse(value).uri)
    for text in texts:
        assert not any(ord(c) < 32 and c != "\t" for c in text)
        text.encode()
    found = problem(message)
    assert found is None or (400 <= found[0] < 600 and found[1])
    answer_it(message)
    return message


def answer_it(message):
    """An answer is a message again, of the same transaction."""
    try:
        data = build_response(message, 200, "OK", [("X", "y")], b"z", "t1", ("192.0.2.1", 5))
    except WireError:
        return  # the copies made it too long
    answer = parse(data)
    assert (answer.status, answer.body, answer.header("x")) == (200, b"z", "y")
    assert (answer.call_id, answer.cseq, answer.from_tag) == (
        message.call_id,
        message.cseq,
        message.from_tag,
    )
    if problem(message) is None:
        assert answer.branch == message.branch
        assert answer.to_tag == (message.to_tag or "t1")


def test_the_module_is_the_one_that_is_to_be_proved():
    assert _wire.__file__.startswith(os.environ.get("SUNSIM_SANITIZED", ""))


@given(st.binary(max_size=2000))
@settings(max_examples=EXAMPLES // 4, deadline=None)
@example(b"\r\n")
@example(b"SIP/")
@example(b"A B SIP/2.0\r\nv:\r\n\r\n")
def test_random_bytes(data):
    read_everything(data)


@given(st.lists(st.sampled_from(PIECES) | st.binary(max_size=6), max_size=40))
@settings(max_examples=EXAMPLES // 4, deadline=None)
def test_random_values_in_a_message_that_is_whole(pieces):
    value = b"".join(pieces)
    for name in (
        b"Via",
        b"From",
        b"To",
        b"CSeq",
        b"Call-ID",
        b"Contact",
        b"Content-Length",
        b"l",
        b"X",
    ):
        data = b"OPTIONS sip:h SIP/2.0\r\n" + name + b": " + value + b"\r\nVia: SIP/2.0/UDP h\r\n\r\n"
        read_everything(data)
    read_everything(b"OPTIONS " + value + b" SIP/2.0\r\nVia: SIP/2.0/UDP h\r\n\r\n")
    read_everything(b"SIP/2.0 200 " + value + b"\r\nVia: SIP/2.0/UDP h\r\n\r\n")


@st.composite
def mutated(draw):
    data = bytearray(draw(st.sampled_from(GOLDEN)))
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, len(data)))
        length = draw(st.integers(0, 12))
        piece = draw(
            st.sampled_from(PIECES) | st.binary(max_size=6) | st.just(bytes(data[at : at + 40]))
        )
        data[at : at + length] = piece
    return bytes(data)


@given(mutated())
@settings(max_examples=EXAMPLES, deadline=None)
def test_mutations_of_the_goldens(data):
    read_everything(data)


@given(st.sampled_from(GOLDEN), st.integers(0, 1000))
@settings(deadline=None)
def test_goldens_cut_short(data, at):
    assume(at < len(data))
    message = read_everything(data[:at])
    if message is not None and len(message.body) < int(message.header("content-length")):
        assert message.is_request and problem(message)[0] == 400


TOKEN = st.text("abcXYZ019-.!%*_+`'~", min_size=1, max_size=12)
VALUE = st.text(st.characters(codec="utf-8", exclude_categories=["C"]), max_size=40).map(str.strip)
NAME = TOKEN.map(lambda name: "X-" + name)


@given(
    method=TOKEN,
    headers=st.lists(st.tuples(NAME, VALUE), max_size=40),
    body=st.binary(max_size=200),
    call_id=TOKEN,
    tag=TOKEN,
    cseq=st.integers(0, 2**31 - 1),
)
@settings(deadline=None)
def test_what_is_built_is_parsed_back(method, headers, body, call_id, tag, cseq):
    assume(not method.upper().startswith("SIP/"))
    own = [
        ("Via", f"SIP/2.0/UDP h;branch=z9hG4bK{tag};rport"),
        ("From", f'"a; <b>" <sip:a@h;tag=no>;tag={tag}'),
        ("To", "<sip:b@h>"),
        ("Call-ID", call_id),
        ("CSeq", f"{cseq} {method}"),
    ]
    data = build_request(method, "sip:b@h", own + headers, body)
    message = read_everything(data)
    assert (message.method, message.uri, message.body) == (method, "sip:b@h", body)
    assert (message.call_id, message.cseq, message.from_tag) == (call_id, cseq, tag)
    assert message.branch == f"z9hG4bK{tag}"
    for name in {name for name, _ in headers}:
        expected = [value for other, value in headers if other.lower() == name.lower()]
        assert message.headers(name) == expected
    if method != "INVITE":
        assert problem(message) is None
    assert frame(data) == len(data) and parse(data, stream=True).body == body
