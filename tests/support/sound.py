"""Sound for tests: tones as MP3 files, and what a clip sounds like."""

from __future__ import annotations

import subprocess
import wave
from array import array
from functools import cache
from itertools import pairwise
from pathlib import Path

from core.media.tones import tone

__all__ = ["dtmf", "milliseconds", "mp3", "pitches", "samples"]


_ROWS, _COLUMNS = (697, 770, 852, 941), (1209, 1336, 1477, 1633)
_PAD = ("123A", "456B", "789C", "*0#D")


def dtmf(key: str, seconds: float = 0.2) -> array[int]:
    """The two tones of a key (ITU-T Q.23) at 8 kHz, and as long a silence."""
    row = next(number for number, keys in enumerate(_PAD) if key in keys)
    low = tone(_ROWS[row], seconds, 0.2)
    high = tone(_COLUMNS[_PAD[row].index(key)], seconds, 0.2)
    both = [a + b for a, b in zip(low, high, strict=True)]
    return array("h", both + [0] * len(both))


@cache
def mp3(pitch: int = 440, seconds: float = 1.0, *options: str) -> bytes:
    """An MP3 file with one tone; ``options`` are ffmpeg's."""
    made = subprocess.run(
        [
            *("ffmpeg", "-nostdin", "-loglevel", "error", "-f", "lavfi"),
            *("-i", f"sine=frequency={pitch}:duration={seconds}", "-b:a", "64k", *options),
            *("-f", "mp3", "pipe:1"),
        ],
        capture_output=True,
        check=True,
    )
    return made.stdout


def samples(clip: Path) -> tuple[int, array[int]]:
    """Rate and samples of a WAV file in one channel."""
    with wave.open(str(clip), "rb") as file:
        assert (file.getnchannels(), file.getsampwidth()) == (1, 2)
        return file.getframerate(), array("h", file.readframes(file.getnframes()))


def milliseconds(clip: Path) -> int:
    """How long a WAV file plays."""
    rate, heard = samples(clip)
    return round(len(heard) * 1000 / rate)


def pitches(clip: Path, every: float = 0.25) -> list[int]:
    """What is heard in each of these spans: the pitch in Hz to the nearest 20, 0 for silence."""
    rate, heard = samples(clip)
    step = int(rate * every)
    found = []
    for at in range(0, len(heard) - step + 1, step):
        part = heard[at : at + step : 6]  # 8000 a second tell pitches below 4000 Hz
        crossings = sum(1 for a, b in pairwise(part) if a < 0 <= b)
        found.append(round(crossings / every / 20) * 20 if max(part) > 500 else 0)
    return found
