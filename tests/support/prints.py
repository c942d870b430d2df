"""Acoustic fingerprints: sixteen bits for every moment of a sound, the same after any telephone codec.

After J. Haitsma and T. Kalker, *A Highly Robust Audio Fingerprinting System* (2002): a bit says whether
the energy falls from one band of hearing to the next, more than it did a moment before. Loudness does
not matter, noise little. In pure Python, about 5 ms for a second of sound.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterator, Sequence
from itertools import pairwise
from operator import mul

from core.media.g711 import RATE

__all__ = ["BITS", "HOP", "QUIET", "STEP", "prints"]

_RATE = RATE // 2
_WINDOW = 192  # samples of _RATE: 48 ms
HOP = RATE * 32 // 1000
"""Samples from one moment to the next, of what is heard."""
STEP = HOP // 4
"""The same of what is known: nobody knows at which sample the hearing began."""
BITS = 16
QUIET = -1
"""In place of the bits where nothing is heard."""

_SILENCE = 40  # root mean square
_LOWEST, _HIGHEST = 250.0, 1850.0


def _waves() -> Iterator[tuple[array[float], array[float]]]:
    """Cosine and sine of each band in a Hann window."""
    hann = [0.5 - 0.5 * math.cos(2 * math.pi * n / _WINDOW) for n in range(_WINDOW)]
    for band in range(BITS + 1):
        turn = 2 * math.pi * _LOWEST * (_HIGHEST / _LOWEST) ** (band / BITS) / _RATE
        yield (
            array("d", (w * math.cos(turn * n) for n, w in enumerate(hann))),
            array("d", (w * math.sin(turn * n) for n, w in enumerate(hann))),
        )


_WAVES = tuple(_waves())


def prints(samples: Sequence[int], step: int = HOP, before: int = HOP) -> array[int]:
    """The fingerprint of every ``step`` samples; each compares with the moment ``before``."""
    half = [a + b for a, b in zip(samples[::2], samples[1::2], strict=False)]
    lag = before // step
    slopes: list[list[float] | None] = []
    found = array("i")
    for at in range(0, len(half) - _WINDOW + 1, step // 2):
        slopes.append(_slopes(half[at : at + _WINDOW]))
        now, then = slopes[-1], slopes[-1 - lag] if len(slopes) > lag else None
        if now is None:
            found.append(QUIET)
            continue
        bits = 0
        for a, b in zip(now, then or [0.0] * BITS, strict=True):
            bits = bits << 1 | (a > b)
        found.append(bits)
    return found


def _slopes(window: list[int]) -> list[float] | None:
    """How much the energy falls from band to band; nothing in silence."""
    if sum(map(mul, window, window)) < 4 * _SILENCE * _SILENCE * _WINDOW:
        return None
    energies = [
        math.log(sum(map(mul, window, c)) ** 2 + sum(map(mul, window, s)) ** 2 + 1.0) for c, s in _WAVES
    ]
    return [a - b for a, b in pairwise(energies)]
