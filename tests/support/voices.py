"""RTP peers that speak any of our codecs, at any packet time, and press keys (RFC 4733).

G.722 and Opus are spoken by the libraries that rtpengine brings along. Samples are 16-bit linear at
8 kHz, as in ``core.media.tones``.
"""

import asyncio
import ctypes
import secrets
import struct
from array import array
from contextlib import asynccontextmanager
from ctypes.util import find_library

from core import sdp
from core.media import g711
from core.media.tones import heard_seconds, tone

RATE = 8000


class Voice:
    """G.711, and what all codecs share: ``clock`` is that of timestamps."""

    def __init__(self, name, payload, clock=8000, channels=1):
        self.name, self.payload, self.clock, self.channels = name, payload, clock, channels

    def coder(self):
        law = g711.PCMA if self.name == "PCMA" else g711.PCMU
        return law.encode

    def decoder(self):
        law = g711.PCMA if self.name == "PCMA" else g711.PCMU
        return law.decode

    @property
    def rtpmap(self):
        channels = f"/{self.channels}" if self.channels > 1 else ""
        return f"{self.name}/{self.clock}{channels}"


class G722(Voice):
    """64 kbit/s; its clock says 8000 though it samples at 16 kHz (RFC 3551 §4.5.2)."""

    def coder(self):
        library = ctypes.CDLL(find_library("spandsp"))
        library.g722_encode_init.restype = ctypes.c_void_p
        state = ctypes.c_void_p(library.g722_encode_init(None, 64000, 0))

        def encode(samples):
            wide = array("h", (sample for sample in samples for _ in range(2)))
            out = ctypes.create_string_buffer(len(wide))
            size = library.g722_encode(state, out, wide.tobytes(), len(wide))
            return out.raw[:size]

        return encode

    def decoder(self):
        library = ctypes.CDLL(find_library("spandsp"))
        library.g722_decode_init.restype = ctypes.c_void_p
        state = ctypes.c_void_p(library.g722_decode_init(None, 64000, 0))

        def decode(payload):
            out = ctypes.create_string_buffer(4 * len(payload) + 64)
            size = library.g722_decode(state, out, payload, len(payload))
            return array("h", out.raw[: 2 * size])[::2]

        return decode


class Opus(Voice):
    """Mono inside, though its name says two channels (RFC 7587 §4.1)."""

    def __init__(self, payload):
        super().__init__("opus", payload, 48000, 2)

    def coder(self):
        library = ctypes.CDLL(find_library("opus"))
        library.opus_encoder_create.restype = ctypes.c_void_p
        state = ctypes.c_void_p(library.opus_encoder_create(RATE, 1, 2048, None))  # VOIP

        def encode(samples):
            out = ctypes.create_string_buffer(1500)
            data = array("h", samples).tobytes()
            size = library.opus_encode(state, data, len(samples), out, len(out))
            assert size > 0, f"opus_encode: {size}"
            return out.raw[:size]

        return encode

    def decoder(self):
        library = ctypes.CDLL(find_library("opus"))
        library.opus_decoder_create.restype = ctypes.c_void_p
        state = ctypes.c_void_p(library.opus_decoder_create(RATE, 1, None))

        def decode(payload):
            out = ctypes.create_string_buffer(2 * 960)
            size = library.opus_decode(state, payload, len(payload), out, 960, 0)
            return array("h", out.raw[: 2 * size]) if size > 0 else array("h")

        return decode


PCMA, PCMU = Voice("PCMA", 8), Voice("PCMU", 0)


class VoicePeer(asyncio.DatagramProtocol):
    """One phone: offers ``voices``, speaks the first of them that it has in common with the other side.

    ``events`` are clock rates of telephone-event; ``pressed`` are the keys that arrived, and
    ``sizes`` the lengths of the packets of voice.
    """

    def __init__(self, voices, events, ptime):
        self.voices = voices
        self.events = {rate: 101 + index for index, rate in enumerate(events)}
        self.ptime = ptime
        self.heard = array("h")
        self.pressed = []
        self.sizes = set()
        self.remote = None
        self.speaks = voices[0]
        self._event_sends = 0
        self._numbers = {voice: voice.payload for voice in voices}
        self._decoders = {voice: voice.decoder() for voice in voices}
        self._last = None
        self._arrived = asyncio.Event()
        self._sender = None
        self._pressing = False
        self._stamp = secrets.randbelow(1 << 30)
        self._sequence = secrets.randbelow(1 << 15)
        self._ssrc = secrets.randbelow(1 << 32)

    @property
    def sdp(self):
        host, port = self.transport.get_extra_info("sockname")[:2]
        numbers = [*self._numbers.values(), *self.events.values()]
        family = "IP6" if ":" in host else "IP4"
        lines = [
            "v=0",
            f"o=- {port} 1 IN {family} {host}",
            "s=-",
            f"c=IN {family} {host}",
            "t=0 0",
            f"m=audio {port} RTP/AVP {' '.join(map(str, numbers))}",
            *(f"a=rtpmap:{kind} {voice.rtpmap}" for voice, kind in self._numbers.items()),
            *(f"a=rtpmap:{kind} telephone-event/{rate}" for rate, kind in self.events.items()),
            *(f"a=fmtp:{kind} 0-15" for kind in self.events.values()),
            f"a=ptime:{self.ptime}",
            "a=sendrecv",
        ]
        return "".join(f"{line}\r\n" for line in lines).encode()

    def connect(self, body):
        """Speak to where this body says, with the numbers that it gives to codecs and events."""
        self.remote = sdp.connection(body)
        told = sdp.formats(body)
        numbers = {codec.name: codec.payload for codec in told}
        for voice in self.voices:
            if voice.name.upper() in numbers:
                self._numbers[voice] = numbers[voice.name.upper()]
        self.speaks = next(
            voice for codec in told for voice in self.voices if voice.name.upper() == codec.name
        )
        self.events |= {
            codec.rate: codec.payload
            for codec in told
            if codec.name == sdp.EVENTS and codec.rate in self.events
        }
        self._event_sends = self.events.get(self.speaks.clock) or next(iter(self.events.values()))

    def play(self, frequency):
        if self._sender is not None:
            self._sender.cancel()
        self._sender = asyncio.create_task(self._speak(tone(frequency)))

    async def _speak(self, samples):
        loop = asyncio.get_running_loop()
        size, encode, at, due = RATE * self.ptime // 1000, self.speaks.coder(), 0, loop.time()
        while True:
            frame = (samples[at : at + size] + samples[:size])[:size]
            at = (at + size) % len(samples)
            if not self._pressing:
                self._send(self._numbers[self.speaks], encode(frame), self._stamp)
            self._stamp += self.speaks.clock * self.ptime // 1000
            due += self.ptime / 1000
            await asyncio.sleep(max(0.0, due - loop.time()))

    async def press(self, event):
        """One key of 100 ms instead of what is being said (RFC 4733 §2.5)."""
        self._pressing = True
        clock, stamp = self.speaks.clock, self._stamp
        for number in range(1, 9):
            length = min(number, 6) * clock // 50  # the end is sent three times
            end = 0x80 if number >= 6 else 0
            payload = struct.pack("!BBH", event, end | 10, length)
            self._send(self._event_sends, payload, stamp, marker=number == 1)
            await asyncio.sleep(0.02)
        self._stamp += 8 * clock // 50
        self._pressing = False

    def _send(self, kind, payload, stamp, marker=False):
        first = kind | (0x80 if marker else 0)
        self._sequence += 1
        header = struct.pack(
            "!BBHII", 0x80, first, self._sequence & 0xFFFF, stamp & 0xFFFFFFFF, self._ssrc
        )
        self.transport.sendto(header + payload, self.remote)

    def forget(self):
        self.heard = array("h")
        self.sizes.clear()
        self.pressed.clear()

    async def listen(self, seconds, patience=10):
        async with asyncio.timeout(seconds + patience):
            while len(self.heard) < seconds * RATE:
                await self._next()
        return self.heard

    async def until_heard(self, frequency, seconds):
        """A busy machine may spoil a moment, but not all of them."""
        listened = seconds
        while heard_seconds(await self.listen(listened, 20), frequency) < 0.7 * seconds:
            assert listened < 10 * seconds, f"{frequency} Hz is not heard"
            listened += 0.5

    async def until_pressed(self, count, patience=20):
        async with asyncio.timeout(patience):
            while len(self.pressed) < count:
                await self._next()
        return self.pressed

    async def _next(self):
        self._arrived.clear()
        await self._arrived.wait()

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, addr):
        if len(data) <= 12 or data[0] >> 6 != 2 or 72 <= data[1] & 0x7F <= 76:  # RTCP
            return
        kind, payload = data[1] & 0x7F, data[12 + 4 * (data[0] & 15) :]
        if kind in self.events.values():
            stamp = data[4:8]
            if payload[1] & 0x80 and stamp != self._last:
                self._last = stamp
                self.pressed.append(payload[0])
        else:
            said = next((v for v, number in self._numbers.items() if number == kind), None)
            if said is not None:
                self.sizes.add(len(payload))
                self.heard.extend(self._decoders[said](payload))
        self._arrived.set()

    def error_received(self, exc):
        """The other side is gone; a telephone goes on regardless."""

    def close(self):
        if self._sender is not None:
            self._sender.cancel()
        self.transport.close()


@asynccontextmanager
async def voice(*voices, events=(8000,), ptime=20, host="127.0.0.1"):
    """A peer with its socket."""
    loop = asyncio.get_running_loop()
    make = lambda: VoicePeer(voices, events, ptime)  # noqa: E731
    _, peer = await loop.create_datagram_endpoint(make, local_addr=(host, 0))
    try:
        yield peer
    finally:
        peer.close()


async def converse(caller, callee, seconds=1.0):
    """Wait until each has heard the other's tone, and little else, for most of so long."""
    caller.forget()
    callee.forget()
    caller.play(440)
    callee.play(620)
    await asyncio.gather(caller.until_heard(620, seconds), callee.until_heard(440, seconds))
