"""An RTP peer (RFC 3550): a telephone's audio half, for `make demo`, for tests and for diagnosis.

It sends G.711 in 20 ms packets, keeps what it hears in the order of the timestamps, and speaks just
enough SDP to be connected. It is no part of a call: calls' audio never passes through Python.
"""

from __future__ import annotations

import asyncio
import secrets
import struct
from array import array
from collections.abc import Sequence
from pathlib import Path
from typing import cast

from core.media.g711 import PCMA, RATE, Codec
from core.media.tones import write_wav
from core.sdp import TELEPHONE_KEYS

__all__ = ["RtpPeer"]

_FRAME = RATE // 50
_GAP = 2 * RATE  # a longer jump of the timestamps is a new stream, not that much silence
_EVENTS = 101


class RtpPeer(asyncio.DatagramProtocol):
    """One audio socket. Make it with ``open``, point it with ``connect``, then ``play``.

    ``packets`` counts what arrived, ``sources`` holds the addresses that it came from, ``pressed`` the
    keys (RFC 4733, under the payload type ``events``; 0 for a phone that knows none).
    """

    def __init__(self, codec: Codec, events: int = _EVENTS) -> None:
        self.codec = codec
        self.events = events
        self.pressed: list[str] = []
        self._sends = events
        self._key_ssrc, self._key_sequence = secrets.randbelow(1 << 32), secrets.randbelow(1 << 16)
        self._key: int | None = None  # timestamp of the key that came last
        self.packets = 0
        self.sources: set[tuple[str, int]] = set()
        self.remote: tuple[str, int] | None = None
        self._transport: asyncio.DatagramTransport | None = None
        self._sender: asyncio.Task[None] | None = None
        self._heard = array("h")
        self._stream: tuple[int, int] | None = None  # SSRC, timestamp that belongs to sample 0
        self._arrived = asyncio.Event()

    @classmethod
    async def open(cls, host: str = "127.0.0.1", codec: Codec = PCMA, events: int = _EVENTS) -> RtpPeer:
        """A peer with a socket at ``host`` on a port that the system chooses."""
        loop = asyncio.get_running_loop()
        _, peer = await loop.create_datagram_endpoint(lambda: cls(codec, events), local_addr=(host, 0))
        return peer

    @property
    def address(self) -> tuple[str, int]:
        """Where the peer listens."""
        assert self._transport is not None
        host, port = self._transport.get_extra_info("sockname")[:2]
        return host, port

    @property
    def sdp(self) -> bytes:
        """The peer's body, as good for an offer as for an answer."""
        host, port = self.address
        kind = self.codec.payload_type
        events = (
            f"a=rtpmap:{self.events} telephone-event/{RATE}\r\na=fmtp:{self.events} 0-16\r\n"
            if self.events
            else ""
        )
        return (
            f"v=0\r\no=- {port} 1 IN IP4 {host}\r\ns=-\r\nc=IN IP4 {host}\r\nt=0 0\r\n"
            f"m=audio {port} RTP/AVP {kind}{f' {self.events}' if self.events else ''}\r\n"
            f"a=rtpmap:{kind} {self.codec.name}/{RATE}\r\n{events}"
            "a=ptime:20\r\na=sendrecv\r\n"
        ).encode()

    def connect(self, sdp: bytes) -> tuple[str, int]:
        """Send to where the other side's body says from now on; returns that address.

        Raises ValueError if the body names no connection or no audio port.
        """
        lines = sdp.decode("latin-1").splitlines()
        hosts = [line.split()[2] for line in lines if line.startswith("c=IN IP4 ")]
        ports = [int(line.split()[1]) for line in lines if line.startswith("m=audio ")]
        if not hosts or not ports:
            raise ValueError("the body has no audio address")
        self.remote = hosts[-1], ports[0]
        # Whoever sends uses the other side's payload types (RFC 3264 §5.1).
        theirs = [line for line in lines if line.endswith(f" telephone-event/{RATE}")]
        if theirs:
            self._sends = int(theirs[0].removeprefix("a=rtpmap:").split()[0])
        return self.remote

    def play(self, samples: Sequence[int], repeat: bool = True) -> None:
        """Send these samples from now on instead of the ones before, over and over or once."""
        self.silence()
        payload = self.codec.encode(samples)
        if not repeat:
            payload += self.codec.encode([0] * (-len(payload) % _FRAME))
        elif len(payload) < _FRAME:
            payload *= _FRAME
        self._sender = asyncio.create_task(self._send(payload, repeat))

    async def press(self, key: str, seconds: float = 0.1) -> None:
        """Press a key: RFC 4733 packets, the last one three times."""
        ssrc, sequence = self._key_ssrc, self._key_sequence
        stamp = int(asyncio.get_running_loop().time() * RATE) & 0xFFFFFFFF
        frames = max(1, round(seconds * RATE / _FRAME))
        for number in range(1, frames + 3):
            end = 0x80 if number >= frames else 0
            kind = self._sends | (0x80 if number == 1 else 0)
            header = struct.pack("!BBHII", 0x80, kind, (sequence + number) & 0xFFFF, stamp, ssrc)
            lasted = min(number, frames) * _FRAME
            event = struct.pack("!BBH", TELEPHONE_KEYS.index(key), end | 10, lasted)
            if self.remote is not None and self._transport is not None:
                self._transport.sendto(header + event, self.remote)
            await asyncio.sleep(_FRAME / RATE)
        self._key_sequence += frames + 2

    def silence(self) -> None:
        """Stop sending."""
        if self._sender is not None:
            self._sender.cancel()
            self._sender = None

    @property
    def heard(self) -> array[int]:
        """All that arrived so far, gaps filled with silence; one stream after another."""
        return array("h", self._heard)

    def forget(self) -> None:
        """Start listening anew."""
        self._heard = array("h")
        self._stream = None
        self.packets = 0
        self.sources.clear()

    async def listen(self, seconds: float, patience: float = 5.0) -> array[int]:
        """Wait until ``heard`` holds that much and return it; TimeoutError after ``patience`` more."""
        async with asyncio.timeout(seconds + patience):
            while len(self._heard) < seconds * RATE:
                self._arrived.clear()
                await self._arrived.wait()
        return self.heard

    def save(self, path: Path) -> None:
        """Write what was heard as WAV."""
        write_wav(path, self._heard)

    def close(self) -> None:
        """Stop sending and give the socket back."""
        self.silence()
        if self._transport is not None:
            self._transport.close()

    async def _send(self, payload: bytes, repeat: bool) -> None:
        loop = asyncio.get_running_loop()
        sequence, stamp = secrets.randbelow(1 << 16), secrets.randbelow(1 << 32)
        ssrc = secrets.randbelow(1 << 32)
        marker, at, due = 0x80, 0, loop.time()
        while repeat or at < len(payload):
            frame = (payload[at : at + _FRAME] + payload[:_FRAME])[:_FRAME]
            kind = self.codec.payload_type | marker
            header = struct.pack("!BBHII", 0x80, kind, sequence & 0xFFFF, stamp & 0xFFFFFFFF, ssrc)
            if self.remote is not None and self._transport is not None:
                self._transport.sendto(header + frame, self.remote)
            at, sequence, stamp, marker = at + _FRAME, sequence + 1, stamp + _FRAME, 0
            if repeat:
                at %= len(payload)
            # Deadlines are absolute, so that one late packet does not delay all that follow.
            due += _FRAME / RATE
            await asyncio.sleep(max(0.0, due - loop.time()))

    def _hear_key(self, data: bytes) -> None:
        """All packets of a key have one timestamp; it counts when the first one comes."""
        stamp = int.from_bytes(data[4:8], "big")
        if stamp != self._key and data[12] < len(TELEPHONE_KEYS):
            self._key = stamp
            self.pressed.append(TELEPHONE_KEYS[data[12]])
            self._arrived.set()

    def _place(self, ssrc: int, stamp: int, samples: array[int]) -> None:
        """Put samples where their timestamp says."""
        length = len(self._heard)
        if self._stream is None or self._stream[0] != ssrc:
            self._stream = (ssrc, stamp - length)
        at = (stamp - self._stream[1] + (1 << 31)) % (1 << 32) - (1 << 31)
        if at < 0 or at > length + _GAP:
            self._stream, at = (ssrc, stamp - length), length
        if at > length:
            self._heard.extend(bytes(at - length))
        self._heard[at : at + len(samples)] = samples

    # --- asyncio.DatagramProtocol ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the socket."""
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Take an RTP packet of the codec that our body names; anything else is not for us."""
        if len(data) < 12 or data[0] >> 6 != 2:
            return
        if self.events and data[1] & 0x7F == self.events and len(data) >= 16:
            self._hear_key(data)
        if data[1] & 0x7F != self.codec.payload_type:
            return
        start = 12 + 4 * (data[0] & 15)
        if data[0] & 0x10:  # header extension, RFC 3550 §5.3.1
            start += 4 + 4 * int.from_bytes(data[start + 2 : start + 4], "big")
        stamp, ssrc = struct.unpack_from("!II", data, 4)
        self.packets += 1
        self.sources.add(addr[:2])
        self._place(ssrc, stamp, self.codec.decode(data[start:]))
        self._arrived.set()

    def error_received(self, exc: Exception) -> None:
        """The other side closed its port; a telephone goes on regardless."""
