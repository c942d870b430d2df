"""The little SDP (RFC 8866) that driving rtpengine takes; everything else in a body passes untouched.

The stub leg of a call (nobody is connected yet) has an SDP of our own, made from the far side's:
connection address 0.0.0.0 and port 9, so that nothing is sent there, and the far side's own payload
types, because rtpengine pairs telephone-event by its number.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from core.errors import MediaRefused

__all__ = ["audio_only", "codecs", "hold", "preferred", "restrict_codecs", "with_rejected"]

EVENTS = "telephone-event"

# RFC 3551 §6: payload types that need no rtpmap.
_STATIC = {
    b"0": "PCMU/8000",
    b"3": "GSM/8000",
    b"4": "G723/8000",
    b"8": "PCMA/8000",
    b"9": "G722/8000",
    b"18": "G729/8000",
}

_Section = list[bytes]


def audio_only(sdp: bytes) -> bytes:
    """The body with its first live audio stream alone. MediaRefused if it has none."""
    session, media = _sections(sdp)
    return _join(session + media[_audio(media)])


def with_rejected(answer: bytes, offer: bytes) -> bytes:
    """An answer for ``audio_only(offer)`` made one for ``offer``: every other stream gets port 0.

    RFC 3264 §6: an answer has as many streams as its offer, in the same order.
    """
    _, offered = _sections(offer)
    session, answered = _sections(answer)
    taken = _audio(offered)
    body = list(session)
    for index, section in enumerate(offered):
        body += answered[0] if index == taken else [_rejected(section[0])]
    return _join(body)


def hold(sdp: bytes) -> bytes:
    """The stub's body for a far side with this SDP: its codecs with their payload types, no address.

    ``sendrecv`` because rtpengine plays no prompt towards a leg whose other side only receives.
    """
    _, media = _sections(sdp)
    section = media[_audio(media)]
    formats = section[0].split()[3:]
    # A stub has no keys: towards it rtpengine speaks plain RTP whatever the far side speaks.
    line = b" ".join((b"m=audio", b"9", b"RTP/AVP", *formats))
    body = [
        b"v=0",
        b"o=- 1 1 IN IP4 0.0.0.0",
        b"s=-",
        b"c=IN IP4 0.0.0.0",
        b"t=0 0",
        line,
        *_maps(section, formats),
        b"a=sendrecv",
    ]
    return _join(body)


def codecs(sdp: bytes) -> list[str]:
    """Names of the audio codecs in order of preference, upper case, without telephone-event."""
    _, media = _sections(sdp)
    names = (name.partition("/")[0].upper() for _, name in _formats(media[_audio(media)]))
    return [name for name in names if name != EVENTS.upper()]


def preferred(sdp: bytes) -> str:
    """The codec that the stub answers with: G.711 where there is some, as it costs least to relay."""
    names = codecs(sdp)
    if not names:
        raise MediaRefused()
    return next((name for name in ("PCMA", "PCMU") if name in names), names[0])


def restrict_codecs(sdp: bytes, keep: Collection[str]) -> bytes:
    """The body with the named audio codecs alone and the telephone-events of their clock rates.

    A body that has none of them is refused (MediaRefused).
    """
    session, media = _sections(sdp)
    index = _audio(media)
    wanted = {name.upper() for name in keep}
    formats = [(number, *_name_and_rate(name)) for number, name in _formats(media[index])]
    rates = {rate for _, name, rate in formats if name in wanted}
    kept = [n for n, name, rate in formats if name in wanted or _is_event(name, rate, rates)]
    if not rates:
        raise MediaRefused()
    section = media[index]
    fixed = section[0].split()[:3]
    others = [line for line in section[1:] if _payload(line) is None]
    media[index] = [b" ".join((*fixed, *kept)), *others, *_maps(section, kept)]
    return _join(session + [line for part in media for line in part])


def _is_event(name: str, rate: str, rates: Collection[str]) -> bool:
    return name == EVENTS.upper() and rate in rates


def _name_and_rate(text: str) -> tuple[str, str]:
    name, _, rest = text.partition("/")
    return name.upper(), rest.partition("/")[0]


def _sections(sdp: bytes) -> tuple[_Section, list[_Section]]:
    """The session's lines, and one list of lines per stream, its ``m=`` line first."""
    session: _Section = []
    media: list[_Section] = []
    for raw in sdp.split(b"\n"):
        line = raw.rstrip(b"\r ")
        if line.startswith(b"m="):
            media.append([line])
        elif line:
            (media[-1] if media else session).append(line)
    return session, media


def _join(lines: _Section) -> bytes:
    return b"\r\n".join(lines) + b"\r\n"


def _audio(media: list[_Section]) -> int:
    """Which stream is the first audio that is not refused (port 0) and names a format."""
    for index, section in enumerate(media):
        words = section[0].split()
        if words[0] == b"m=audio" and len(words) > 3 and words[1].partition(b"/")[0] != b"0":
            return index
    raise MediaRefused()


def _rejected(line: bytes) -> bytes:
    kind, _, *rest = line.split()
    return b" ".join((kind, b"0", *rest))


def _formats(section: _Section) -> Iterator[tuple[bytes, str]]:
    """Payload types of a stream in order, each with ``name/rate``; unknown ones have no name."""
    mapped = dict(_STATIC)
    for line in section[1:]:
        number = _payload(line)
        if number is not None and line.startswith(b"a=rtpmap:"):
            mapped[number] = line.partition(b" ")[2].decode("latin-1").strip()
    for number in section[0].split()[3:]:
        yield number, mapped.get(number, "")


def _maps(section: _Section, formats: Collection[bytes]) -> _Section:
    return [line for line in section[1:] if _payload(line) in formats]


def _payload(line: bytes) -> bytes | None:
    """Which payload type a line describes; ``None`` for lines about the whole stream."""
    for name in (b"a=rtpmap:", b"a=fmtp:", b"a=rtcp-fb:"):
        if line.startswith(name):
            number = line[len(name) :].split(b" ", 1)[0]
            return None if number == b"*" else number
    return None
