"""What is fuzzed: for each part of the code that reads what strangers send, a function that feeds it
some bytes and checks what must hold whatever they are, and the bytes to begin with.

An exception that a target does not expect is a finding, as is what the sanitizers say. Bytes that once
were a finding lie in ``tests/golden/fuzz/<target>/`` for ever (tests/unit/test_fuzz_found.py).
"""

import contextlib
from collections.abc import Callable, Iterable
from pathlib import Path

from wsproto import ConnectionType, WSConnection
from wsproto.events import BytesMessage, CloseConnection, Ping, Request, TextMessage

from core import sdp
from core.errors import MediaRefused
from core.sip import digest
from core.sip._wire import WireError, parse
from core.sip.stream import SipStream
from core.sip.uri import NameAddr, SipUri, UriError
from core.sip.websocket import WebSocket
from tests.support import torture
from tests.support.sip_world import CARRIER, PHONE
from tests.unit import test_sdp_bodies
from tests.unit.sip.test_agent_fuzz import talk
from tests.unit.sip.test_wire_fuzz import GOLDEN, read_everything

FOUND = Path(__file__).parents[2] / "golden" / "fuzz"


def wire(data: bytes) -> None:
    """One datagram: every accessor of the message answers, and so does an answer to it."""
    read_everything(data)


def stream(data: bytes) -> None:
    """A connection: however its bytes are cut, they give the same messages, or end it."""
    size = data[0] % 64 + 1 if data else 1
    whole, ended = _read([data])
    cut, ended_too = _read(data[start : start + size] for start in range(0, len(data), size))
    assert ended is ended_too
    assert cut[: len(whole)] == whole
    assert ended or len(cut) == len(whole)


def _read(pieces: Iterable[bytes]) -> tuple[list[bytes], bool]:
    codec, got = SipStream(), []
    try:
        for piece in pieces:
            got += codec.receive(piece)
            codec.take()
    except WireError:
        return got, True
    return got, False


def websocket(data: bytes) -> None:
    """A WebSocket from its handshake on."""
    codec = WebSocket()
    cut = len(data) // 2
    with contextlib.suppress(WireError):
        for piece in (data[:cut], data[cut:]):
            for message in codec.receive(piece):
                codec.send(message)
    assert isinstance(codec.take(), bytes)
    codec.ping()
    codec.close()
    codec.take()


def bodies(data: bytes) -> None:
    """A session description: refused with 488, or changed into one that is understood."""
    for read in (sdp.formats, sdp.codecs, sdp.preferred, sdp.profile, sdp.connection, sdp.direction):
        with contextlib.suppress(MediaRefused):
            read(data)
    for change in (sdp.hold, sdp.audio_only, sdp.cheapest_first, sdp.without_keys, sdp.without_webrtc):
        with contextlib.suppress(MediaRefused):
            sdp.codecs(change(data))
    for mix in (sdp.answer_direction, sdp.successor, sdp.with_rejected):
        with contextlib.suppress(MediaRefused):
            mix(test_sdp_bodies.PHONE, data)
        with contextlib.suppress(MediaRefused):
            mix(data, test_sdp_bodies.PHONE)
    with contextlib.suppress(MediaRefused):
        assert "PCMA" in sdp.codecs(sdp.restrict_codecs(data, ["PCMA"]))


def uris(data: bytes) -> None:
    """A URI or an address: refused, or what is written of it is read as the same.

    The wire layer lets no control characters through.
    """
    text = "".join(
        c if c.isprintable() or c == " " else "\ufffd" for c in data.decode(errors="replace")
    )
    for kind in (SipUri, NameAddr):
        with contextlib.suppress(UriError):
            written = str(kind.parse(text))
            assert str(_read_back(kind, written)) == written, text


def _read_back(kind: type[SipUri] | type[NameAddr], text: str) -> SipUri | NameAddr:
    try:
        return kind.parse(text)
    except UriError as error:
        raise AssertionError(f"we cannot read what we wrote: {text!r}") from error


def digests(data: bytes) -> None:
    """Credentials and challenges: understood or ``None``; nothing is proved by accident."""
    text = data.decode(errors="replace")
    for value in (text, f"Digest {text}"):
        credentials = digest.parse_credentials(value)
        if credentials is not None:
            assert not digest.verify(credentials, "REGISTER", "0" * 32)
        challenge = digest.strongest([value])
        if challenge is not None:
            answer = digest.authorize(challenge, "REGISTER", "sip:h", "login", "password")
            assert digest.parse_credentials(answer) is not None or not challenge.qop, answer


def stack(data: bytes) -> None:
    """A message from a carrier and from a phone in the middle of two calls: all that is said is SIP."""
    world, _ = talk()
    for source in (CARRIER, PHONE):
        world.receive(data, source)  # what is sent is parsed by the world
        world.advance(0.1)


TARGETS: dict[str, Callable[[bytes], None]] = {
    "wire": wire,
    "stream": stream,
    "websocket": websocket,
    "bodies": bodies,
    "uris": uris,
    "digests": digests,
    "stack": stack,
}


def seeds(target: str) -> list[bytes]:
    """What the fuzzer begins with."""
    found = [path.read_bytes() for path in sorted((FOUND / target).glob("*"))]
    messages = GOLDEN + [path.read_bytes() for path in torture.paths()]
    if target == "stream":
        return found + messages + [b"\r\n\r\n".join(GOLDEN)]
    if target == "websocket":
        return found + _websockets()
    if target == "bodies":
        return [*found, test_sdp_bodies.PHONE, test_sdp_bodies.BROWSER, *(m.body for m in _parsed())]
    if target == "uris":
        names = ("from", "to", "contact", "route", "record-route", "refer-to")
        return found + [v.encode() for m in _parsed() for name in names for v in m.headers(name)]
    if target == "digests":
        return found + _digests()
    return found + messages + (talk()[1] if target == "stack" else [])


def _parsed() -> list:
    messages = []
    for data in GOLDEN + [path.read_bytes() for path in torture.paths()]:
        with contextlib.suppress(WireError):
            messages.append(parse(data))
    return messages


def _websockets() -> list[bytes]:
    socket = WSConnection(ConnectionType.CLIENT)
    hello = socket.send(Request(host="h", target="/", subprotocols=["sip"]))
    server = WebSocket()
    server.receive(hello)
    socket.receive_data(server.take())
    list(socket.events())
    events = (
        TextMessage(data="OPTIONS sip:h SIP/2.0\r\nVia: SIP/2.0/WS h;branch=z9hG4bK1\r\n\r\n"),
        BytesMessage(data=b"OPTIONS sip:h", message_finished=False),
        BytesMessage(data=b" SIP/2.0\r\nVia: SIP/2.0/WS h\r\n\r\n"),
        Ping(payload=b"p"),
        TextMessage(data="\r\n\r\n"),
        CloseConnection(code=1000),
    )
    frames = [socket.send(event) for event in events]
    return [hello, *(hello + frame for frame in frames), hello + b"".join(frames)]


def _digests() -> list[bytes]:
    values = [digest.challenge("r", "n", algorithm) for algorithm in digest.ALGORITHMS]
    for value in list(values):
        challenge = digest.strongest([value])
        values.append(digest.authorize(challenge, "INVITE", "sip:h", 'u"1', "p", nc=1))
    return [value.encode() for value in values] + [b'username="x", realm=, nonce="n\\"']
