"""A session description taken apart into lines (RFC 8866 §5), as far as ``sdp`` needs it.

One body of a call is asked a dozen things within moments, and a call has several. Each is therefore
read once: the last of them are remembered, and what was read is shared, so that nobody changes it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import lru_cache
from typing import NamedTuple

from core.errors import MediaRefused

__all__ = ["REMEMBERED", "Body", "Codec", "described", "join", "payload", "port", "read"]

REMEMBERED = 512
"""Bodies, of all calls; some 3 KB each."""

_DESCRIBING = (b"a=rtpmap:", b"a=fmtp:", b"a=rtcp-fb:")

# RFC 3551 §6: payload types that need no rtpmap.
_STATIC = {b"0": "PCMU/8000", b"3": "GSM/8000", b"4": "G723/8000", b"8": "PCMA/8000"}
_STATIC |= {b"9": "G722/8000", b"13": "CN/8000", b"18": "G729/8000"}

_Lines = Sequence[bytes]


class Codec(NamedTuple):
    """One format of a stream: payload type, name in upper case (empty if unknown), clock rate."""

    payload: int
    name: str
    rate: int


class Body(NamedTuple):
    """``session`` are the session's lines, ``media`` those of each stream, of which the one ``at`` is
    the audio; ``formats`` are its payload types, each as written and with what it stands for."""

    session: _Lines
    media: Sequence[_Lines]
    at: int
    formats: Sequence[tuple[bytes, Codec]]

    @property
    def audio(self) -> _Lines:
        """The lines of the audio stream."""
        return self.media[self.at]

    def with_audio(self, audio: _Lines, session: _Lines | None = None) -> bytes:
        """The body with another audio stream, and other lines of the session if they are given."""
        lines = list(self.session if session is None else session)
        for at, section in enumerate(self.media):
            lines += audio if at == self.at else section
        return join(lines)


@lru_cache(REMEMBERED)
def read(sdp: bytes) -> Body:
    """Take a body apart. Raises MediaRefused for one without an audio stream that is not refused."""
    session: list[bytes] = []
    media: list[list[bytes]] = []
    section = session
    for raw in sdp.split(b"\n"):
        line = raw.rstrip(b"\r ")
        if line.startswith(b"m="):
            section = [line]
            media.append(section)
        elif line:
            section.append(line)
    at = next((at for at, each in enumerate(media) if _is_audio(each[0])), -1)
    if at < 0 or any(len(each[0].split()) < 4 for each in media):
        raise MediaRefused()
    return Body(session, media, at, _formats(media[at]))


def join(lines: _Lines) -> bytes:
    """Lines as a body."""
    return b"\r\n".join(lines) + b"\r\n"


def port(line: bytes) -> int:
    """The port of an ``m=`` line, which may carry a count as in ``4000/2``; 0 if it is none."""
    port = line.split()[1].partition(b"/")[0]
    return int(port) if port.isdigit() and len(port) <= 5 and int(port) < 65536 else 0


def payload(line: bytes) -> bytes | None:
    """Which payload type a line describes; ``None`` for lines about the whole stream."""
    if not line.startswith(_DESCRIBING):
        return None
    number = line.partition(b":")[2].partition(b" ")[0]
    return None if number == b"*" else number


def described(section: _Lines, numbers: Collection[bytes]) -> list[bytes]:
    """The lines of a stream that describe these payload types."""
    return [line for line in section[1:] if payload(line) in numbers]


def _is_audio(line: bytes) -> bool:
    words = line.split()
    return len(words) > 3 and words[0] == b"m=audio" and port(line) > 0


def _formats(section: _Lines) -> list[tuple[bytes, Codec]]:
    named = dict(_STATIC)
    for line in section[1:]:
        if line.startswith(b"a=rtpmap:"):
            number, _, meant = line[9:].partition(b" ")
            named[number] = meant.decode("latin-1").strip()
    found = []
    for number in section[0].split()[3:]:
        if number.isdigit() and len(number) <= 3:
            name, _, rate = named.get(number, "").partition("/")
            rate = rate.partition("/")[0]
            known = rate.isascii() and rate.isdigit() and len(rate) < 9
            found.append((number, Codec(int(number), name.upper(), int(rate) if known else 0)))
    return found
