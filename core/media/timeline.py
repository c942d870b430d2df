"""Where each packet of a recorded party belongs in time.

Packets come late, twice, in another order or not at all. Within a stream their timestamps say how far
they are apart, exactly; when the stream began, and what its timestamps mean after a jump, only the
clock of the media server tells. Samples are those of ``RATE``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from core.media.capture import Packet

__all__ = ["LOUD", "RATE", "Placed", "placed", "samples_of"]

RATE = 16_000
LOUD = 650
"""Of 32768, about -34 dB: more than the noise of a line."""
_HALF, _WHOLE = 1 << 15, 1 << 16
_LATE = 2.0  # seconds; the same number again so much later is another packet
_APART = 0.3  # seconds between clock and timestamps at which the clock is believed
_OPUS_FRAMES = (10, 20, 40, 60), (10, 20), (2.5, 5, 10, 20)  # RFC 6716 §3.1, table 2

_OPUS_LARGEST = 48 * 1277  # bytes: 48 frames of 1275 and their lengths (§3.2)


class Placed(NamedTuple):
    """What is heard from sample ``at`` on; ``codec`` is a name in upper case."""

    at: int
    samples: int
    codec: str
    payload: bytes


def placed(
    packets: Iterable[Packet], codecs: Mapping[int, tuple[str, int]], start: float
) -> list[Placed]:
    """One party's packets by the instant from which they sound, counted from ``start`` (epoch seconds).

    ``codecs`` has name and clock rate of each payload type; packets of others are no voice.
    """
    found: list[Placed] = []
    for stream in _streams(packet for packet in packets if packet.kind in codecs):
        found.extend(_in_time(stream, codecs, start))
    found.sort(key=lambda each: each.at)
    return found


def samples_of(codec: str, payload: bytes) -> int:
    """How many samples a payload sounds; 0 for one that is none."""
    match codec:
        case "PCMA" | "PCMU" | "G722":  # G.722: two samples of 16 kHz in a byte
            return 2 * len(payload)
        case "GSM":  # frames of 33 bytes and 20 ms (RFC 3551 §4.5.8)
            return 0 if len(payload) % 33 else len(payload) // 33 * 320
        case "OPUS":
            return _opus_samples(payload)
    return 0


def _opus_samples(payload: bytes) -> int:
    """From the first byte of a packet, and the second where that counts the frames."""
    kind, count = payload[0] >> 3, payload[0] & 3
    frames = {0: 1, 1: 2, 2: 2}.get(count) or (payload[1] & 63 if len(payload) > 1 else 0)
    mode = 0 if kind < 12 else 1 if kind < 16 else 2
    milliseconds = _OPUS_FRAMES[mode][kind % len(_OPUS_FRAMES[mode])] * frames
    fits = milliseconds <= 120 and len(payload) <= _OPUS_LARGEST
    return int(milliseconds * RATE / 1000) if fits else 0


class _Stream:
    """One numbering of packets, each once."""

    def __init__(self, first: int) -> None:
        self.last = first
        self.packets: dict[int, Packet] = {}

    def take(self, packet: Packet) -> bool:
        """Keep a packet of this numbering; whether it is one, and not the beginning of another."""
        number = self.last + (packet.sequence - self.last + _HALF) % _WHOLE - _HALF
        known = self.packets.setdefault(number, packet)
        if packet.at - known.at > _LATE:
            return False
        self.last = max(self.last, number)
        return True


def _streams(packets: Iterable[Packet]) -> Iterator[list[Packet]]:
    """Each stream's packets in the order in which they were sent."""
    current: dict[int, _Stream] = {}
    streams: list[_Stream] = []
    for packet in packets:
        stream = current.get(packet.ssrc)
        if stream is None or not stream.take(packet):
            stream = current[packet.ssrc] = _Stream(packet.sequence)
            streams.append(stream)
            stream.take(packet)
    for stream in streams:
        yield [packet for _, packet in sorted(stream.packets.items())]


def _in_time(
    stream: list[Packet], codecs: Mapping[int, tuple[str, int]], start: float
) -> Iterator[Placed]:
    base, since, clock = 0, 0, 0  # the sample and the timestamp from which is counted
    for packet in stream:
        codec, rate = codecs[packet.kind]
        samples = samples_of(codec, packet.payload)
        if not samples:
            continue
        came = round((packet.at - start) * RATE)
        at = base + _signed(packet.stamp - since) * RATE // rate
        if rate != clock or abs(at - came) > _APART * RATE:
            base, since, clock, at = came, packet.stamp, rate, came
        yield Placed(at, samples, codec, packet.payload)


def _signed(apart: int) -> int:
    """The nearer of the two distances of 32-bit timestamps."""
    return (apart + (1 << 31)) % (1 << 32) - (1 << 31)
