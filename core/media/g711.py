"""ITU-T G.711 in plain Python: tables made once at import, samples are 16-bit linear at 8 kHz."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable

__all__ = ["PCMA", "PCMU", "Codec"]

RATE = 8000
"""Samples a second."""


class Codec:
    """One of the two laws. ``name`` and ``payload_type`` are those of RFC 3551."""

    def __init__(self, name: str, payload_type: int, expand: Callable[[int], int]) -> None:
        self.name = name
        self.payload_type = payload_type
        self._linear = array("h", map(expand, range(256)))
        self._code = _nearest(self._linear)

    def encode(self, samples: Iterable[int]) -> bytes:
        """One byte per sample."""
        code = self._code
        return bytes(code[sample & 0xFFFF] for sample in samples)

    def decode(self, payload: bytes) -> array[int]:
        """One sample per byte."""
        linear = self._linear
        return array("h", (linear[byte] for byte in payload))


def _alaw(byte: int) -> int:
    """G.711 table 1: even bits are inverted on the line, the top one is set for positive values."""
    byte ^= 0x55
    exponent, mantissa = byte >> 4 & 7, byte & 15
    magnitude = (mantissa << 4) + 8
    if exponent:
        magnitude = (magnitude + 0x100) << (exponent - 1)
    return magnitude if byte & 0x80 else -magnitude


def _ulaw(byte: int) -> int:
    """G.711 table 2: all bits are inverted on the line."""
    byte ^= 0xFF
    exponent, mantissa = byte >> 4 & 7, byte & 15
    magnitude = (((mantissa << 3) + 0x84) << exponent) - 0x84
    return -magnitude if byte & 0x80 else magnitude


def _nearest(linear: array[int]) -> bytes:
    """For each 16-bit sample (two's complement as index) the code whose value lies nearest."""
    steps = sorted((value, code) for code, value in enumerate(linear))
    table = bytearray(1 << 16)
    at = 0
    for sample in range(-32768, 32768):
        while at + 1 < len(steps) and steps[at + 1][0] - sample <= sample - steps[at][0]:
            at += 1
        table[sample & 0xFFFF] = steps[at][1]
    return bytes(table)


PCMA = Codec("PCMA", 8, _alaw)
PCMU = Codec("PCMU", 0, _ulaw)
