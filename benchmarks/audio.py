"""Audio of many calls at once, by the kernel's clock: who sent what, what of it arrived, and when.

What a leg says are packets of G.711 with a mark and a number instead of sound. They come out of
rtpengine as they went in, as long as nothing is transcoded; what has no mark was played by rtpengine.
"""

from __future__ import annotations

import asyncio
import secrets
import socket
import struct
import time
from collections import defaultdict
from contextlib import suppress
from typing import NamedTuple

from core import sdp
from core.sdp import TELEPHONE_KEYS

__all__ = ["Leg", "Pace", "Packet", "Voice", "lost"]

_FRAME = 0.02
_PHASES = 10
_MARK = b"\x55sun"
_HEAD = struct.Struct("!4sII")
_FILL = b"\xd5" * (160 - _HEAD.size)
_SO_TIMESTAMPNS = 35
_EVENTS, _PCMA = 101, 8
_KEY_PACKETS = 5  # 100 ms, the last one three times (RFC 4733 §2.5.1.4)
_WATCHED = 60  # packets after a key


class Packet(NamedTuple):
    """One that rtpengine made: when it came, its SSRC, whether it begins something, its sound."""

    at: float
    ssrc: int
    marker: bool
    payload: bytes


class Voice:
    """What arrived of one side's packets, or of one SSRC: of the numbers from ``first`` to ``last``."""

    __slots__ = ("came", "came_at", "first", "last")

    def __init__(self, number: int, at: float) -> None:
        self.first = self.last = number
        self.came, self.came_at = 0, at

    def take(self, number: int) -> None:
        """One more packet."""
        self.came += 1
        self.last = max(self.last, number)


def lost(voice: Voice) -> int:
    """How many of them did not arrive."""
    return voice.last - voice.first + 1 - voice.came


class Leg:
    """One phone's socket. ``voices`` is what it heard of other legs, ``played`` what rtpengine played,
    by SSRC; ``ended_key`` is when the first end packet of its last key left, ``after_key`` what was
    played after it."""

    def __init__(self, host: str, number: int) -> None:
        self.number = number
        self.said = 0
        self.voices: dict[int, Voice] = {}
        self.played: dict[int, Voice] = {}
        self.ended_key = 0.0
        self.after_key: list[Packet] = []
        self._key: tuple[int, int] | None = None
        self._events = _EVENTS
        self._stamp, self._sequence = secrets.randbelow(1 << 30), secrets.randbelow(1 << 15)
        self._ssrc = secrets.randbelow(1 << 32)
        self._sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._sock.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        self._sock.bind((host, 0))
        self._sock.setblocking(False)
        self._remote: tuple[str, int] | None = None
        asyncio.get_running_loop().add_reader(self._sock, self._read)

    @property
    def sdp(self) -> bytes:
        """Where it listens, as an offer and as an answer."""
        host, port = self._sock.getsockname()
        return (
            f"v=0\r\no=- {port} 1 IN IP4 {host}\r\ns=-\r\nc=IN IP4 {host}\r\nt=0 0\r\n"
            f"m=audio {port} RTP/AVP {_PCMA} {_EVENTS}\r\na=rtpmap:{_PCMA} PCMA/8000\r\n"
            f"a=rtpmap:{_EVENTS} telephone-event/8000\r\na=fmtp:{_EVENTS} 0-15\r\n"
            "a=ptime:20\r\na=sendrecv\r\n"
        ).encode()

    def connect(self, body: bytes) -> None:
        """Speak to where this body says, from now on and from the next packet."""
        self._remote = sdp.connection(body)
        self._events = sdp.events_payload(body) or _EVENTS

    def press(self, key: str) -> None:
        """Press a key instead of speaking, from the next packet."""
        self._key = TELEPHONE_KEYS.index(key), 0

    def send(self) -> None:
        """The next packet."""
        self._sequence += 1
        self._stamp += 160
        if self._remote is None:
            return
        if self._key is None:
            self.said += 1
            payload = _HEAD.pack(_MARK, self.number, self.said) + _FILL
            self._put(_PCMA, self._stamp, payload)
            return
        event, sent = self._key
        sent += 1
        length = min(sent, _KEY_PACKETS) * 160
        end = 0x80 if sent >= _KEY_PACKETS else 0
        started = self._stamp - (sent - 1) * 160
        if sent == _KEY_PACKETS:
            self.after_key = []
            self.ended_key = time.time()
        marked = self._events | (0x80 if sent == 1 else 0)
        self._put(marked, started, struct.pack("!BBH", event, end | 10, length))
        self._key = None if sent == _KEY_PACKETS + 2 else (event, sent)

    def _put(self, kind: int, stamp: int, payload: bytes) -> None:
        header = struct.pack(
            "!BBHII", 0x80, kind, self._sequence & 0xFFFF, stamp & 0xFFFFFFFF, self._ssrc
        )
        with suppress(OSError):  # a full buffer, a port that was closed: what is lost is counted
            self._sock.sendto(header + payload, self._remote)

    def _read(self) -> None:
        with suppress(OSError):
            while True:
                data, ancillary, _, _ = self._sock.recvmsg(400, 64)
                if len(data) < 24 or data[0] >> 6 != 2 or data[1] & 0x7F != _PCMA:
                    continue  # RTCP, a key
                seconds, nanoseconds = struct.unpack("qq", ancillary[0][2])
                self._heard(data, seconds + nanoseconds / 1e9)

    def _heard(self, data: bytes, at: float) -> None:
        mark, number, count = _HEAD.unpack_from(data, 12)
        if mark == _MARK:
            voice = self.voices.get(number)
            if voice is None:
                voice = self.voices[number] = Voice(count, at)
            voice.take(count)
            return
        sequence, _, ssrc = struct.unpack_from("!HII", data, 2)
        stream = self.played.get(ssrc)
        if stream is None:
            stream = self.played[ssrc] = Voice(sequence, at)
        # Sequence numbers begin again after 65535 (RFC 3550 §5.1).
        stream.take(stream.last + ((sequence - stream.last + 0x8000) & 0xFFFF) - 0x8000)
        if self.ended_key and len(self.after_key) < _WATCHED:
            self.after_key.append(Packet(at, ssrc, bool(data[1] & 0x80), data[12:]))

    def close(self) -> None:
        """Give the socket back."""
        asyncio.get_running_loop().remove_reader(self._sock)
        self._sock.close()


class Pace:
    """Sends a packet of every leg each 20 ms, not all at once; ``late`` are milliseconds by which a
    round of packets left too late."""

    def __init__(self) -> None:
        self._legs: dict[int, dict[int, Leg]] = defaultdict(dict)
        self.late: list[float] = []

    def add(self, leg: Leg) -> None:
        """Speak from now on."""
        self._legs[leg.number % _PHASES][leg.number] = leg
        leg.send()

    def remove(self, leg: Leg) -> None:
        """Be silent. Safe to call twice."""
        self._legs[leg.number % _PHASES].pop(leg.number, None)

    async def run(self) -> None:
        """For ever."""
        loop = asyncio.get_running_loop()
        due, phase = loop.time(), 0
        while True:
            for leg in list(self._legs[phase].values()):
                leg.send()
            phase, due = (phase + 1) % _PHASES, due + _FRAME / _PHASES
            ahead = due - loop.time()
            self.late.append(max(0.0, -ahead * 1000))
            await asyncio.sleep(max(0.0, ahead))
