"""Tones: made, kept in WAV files, and found again by Goertzel's algorithm.

Samples are 16-bit linear at 8 kHz in an ``array('h')``; frequencies are in hertz.
"""

from __future__ import annotations

import math
import wave
from array import array
from collections.abc import Sequence
from pathlib import Path

from core.media.g711 import RATE

__all__ = ["amplitude", "heard_seconds", "hears", "purity", "read_wav", "tone", "write_wav"]

_WINDOW = RATE // 10
_QUIET = 300  # root mean square of what counts as silence, about -40 dB
_PURE = 0.8  # share of a window's energy that the tone must have; G.711 alone leaves over 0.99


def tone(frequency: float, seconds: float = 1.0, level: float = 0.3, rate: int = RATE) -> array[int]:
    """A sine; ``level`` is its amplitude, 1 being full scale. Whole hertz repeat seamlessly."""
    step = 2 * math.pi * frequency / rate
    peak = level * 32767
    return array("h", (round(peak * math.sin(step * n)) for n in range(int(seconds * rate))))


def amplitude(samples: Sequence[int], frequency: float) -> float:
    """Amplitude of one frequency in the samples, 1 being full scale (Goertzel)."""
    if not samples:
        return 0.0
    turn = 2 * math.cos(2 * math.pi * frequency / RATE)
    before = last = 0.0
    for sample in samples:
        before, last = last, sample + turn * last - before
    power = last * last + before * before - turn * last * before
    return 2 * math.sqrt(max(power, 0.0)) / len(samples) / 32767


def purity(samples: Sequence[int], frequency: float) -> float:
    """Which share of the energy the frequency has: 1 for a clean sine, 0 for silence."""
    energy = sum(sample * sample for sample in samples)
    if energy < _QUIET * _QUIET * len(samples) or not energy:
        return 0.0
    sine = amplitude(samples, frequency) * 32767
    return sine * sine / 2 * len(samples) / energy


def heard_seconds(samples: Sequence[int], frequency: float) -> float:
    """For how long the tone, and little else, sounds; in steps of a tenth of a second."""
    starts = range(0, len(samples) - _WINDOW + 1, _WINDOW)
    windows = (samples[start : start + _WINDOW] for start in starts)
    return sum(purity(window, frequency) > _PURE for window in windows) * _WINDOW / RATE


def hears(samples: Sequence[int], frequency: float, seconds: float = 0.5) -> bool:
    """Whether the tone sounds for at least that long."""
    return heard_seconds(samples, frequency) >= seconds


def read_wav(path: Path) -> array[int]:
    """The samples of a mono 16-bit WAV of 8 kHz; ValueError for any other."""
    try:
        with wave.open(str(path), "rb") as file:
            form = (file.getnchannels(), file.getsampwidth(), file.getframerate())
            samples = file.readframes(file.getnframes())
    except (wave.Error, EOFError) as error:
        raise ValueError(f"{path} cannot be read: {error}") from error
    if form != (1, 2, RATE):
        raise ValueError(f"{path} is not a mono 16-bit WAV of {RATE} Hz")
    return array("h", samples)


def write_wav(path: Path, samples: Sequence[int]) -> None:
    """Keep the samples as a mono 16-bit WAV of 8 kHz."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(array("h", samples).tobytes())
