"""What somebody heard, by name: which clips of the library, of a company, and which tones, in order.

    known = await library("ru", Prompt.GREETING, Prompt.WRONG_KEY, Prompt.HOLD_MUSIC)
    known["menu"] = Path("menu.wav")                       # a clip of a company, a WAV of any rate
    assert heard(peer.heard, known, tones={"anna": 620}) == [
        "greeting", "menu", "wrong.key", "menu", "music.morning_coffee", "anna"
    ]

``peer.heard`` are samples at 8 kHz, as ``RtpPeer`` and ``voices`` decode them from any codec; gaps are
silence. A clip counts after about half a second of it, one that is joined in its middle after a second;
it ends when it is cut. Loudness does not matter. What is played again from its beginning is told
again, but not what is listed in ``loops`` or is music of the library. A tone counts after 0.15 s. What
is neither known nor a tone is not told. Of clips that begin alike the one is told that it turns out to
be; if it is cut before that, the shortest: name only those in ``known`` that can come.

``Hearing`` is the same for sound that comes in pieces: it calls ``on_heard(name)`` once it is sure.
"""

from __future__ import annotations

import subprocess
import wave
from array import array
from collections import defaultdict, deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from core.library import Prompt, media_id
from core.media.g711 import RATE
from core.media.prompts import Prompts
from core.media.tones import purity
from tests.support.instance import LIBRARY
from tests.support.prints import BITS, HOP, QUIET, STEP, prints

__all__ = ["Hearing", "heard", "library"]

_FINE = HOP // STEP
_LONGEST = 40  # seconds of a clip that are known; music is heard from its beginning
_SPAN = 14  # moments that are compared: 0.45 s
_LEAST = 8
_ALIKE = {_SPAN: 0.32, _LEAST: 0.25}  # share of bits that may differ, by how many moments are compared
_UNLIKE = 0.43
_TWINS = 25  # moments until what begins alike must have shown up
_SETTLED, _SURE = 3, 25  # moments until one alone is believed, at its beginning and elsewhere
_BEGINNING = 40  # moments of a clip: when it is recognised it began a little while ago
_TONE = RATE // 20
_TONES = 3  # windows in a row
_PURE = 0.7


async def library(language: str, *prompts: Prompt) -> dict[str, Path]:
    """The clips of these entries of the library by their names, made if need be."""
    maker = Prompts(LIBRARY)
    clips = {str(each): await maker.clip(media_id(each), language) for each in prompts}
    return {name: path for name, path in clips.items() if path is not None}


def heard(
    samples: Iterable[int],
    known: Mapping[str, Path],
    tones: Mapping[str, float] | None = None,
    loops: Collection[str] = (),
) -> list[str]:
    """The names of what is heard in these samples at 8 kHz, in order."""
    names: list[str] = []
    hearing = Hearing(known, names.append, tones, loops)
    hearing.hear(array("h", samples))
    hearing.over()
    return names


class _Track(NamedTuple):
    """A clip, and which of its moments is heard at moment 0 of the hearing; in steps."""

    name: str
    shift: int


class _Since(NamedTuple):
    """When a track was recognised: the moment, and how many had sounded until then."""

    moment: int
    sounded: int


class Hearing:
    """Hears a sound that comes in pieces."""

    def __init__(
        self,
        known: Mapping[str, Path],
        on_heard: Callable[[str], None],
        tones: Mapping[str, float] | None = None,
        loops: Collection[str] = (),
    ) -> None:
        self._prints = {name: _known(path) for name, path in known.items()}
        self._where: dict[int, list[tuple[str, int]]] = defaultdict(list)
        for name, bits in self._prints.items():
            for at, each in enumerate(bits):
                if each != QUIET:
                    self._where[each].append((name, at))
        self._tell = on_heard
        self._tones = dict(tones or {})
        self._loops = {*loops, *(name for name in known if name.startswith("music."))}
        self._rest = array("h", bytes(2 * HOP))  # what a moment is compared with
        self._heard: deque[tuple[int, int]] = deque(maxlen=_SPAN)  # moment, bits; nothing of silence
        self._now = 0
        self._sounded = 0  # moments that were no silence
        self._alive: dict[_Track, _Since] = {}
        self._told: str | None = None  # of those alive
        self._last = ""
        self._tone_rest = array("h")
        self._tone, self._tone_times, self._sounding = "", 0, ""

    def hear(self, samples: array[int]) -> None:
        """What came next."""
        for at in range(0, len(samples), 2 * HOP):  # clips and tones in the order in which they sound
            self._hear(samples[at : at + 2 * HOP])

    def _hear(self, samples: array[int]) -> None:
        self._rest.extend(samples)
        bits = prints(self._rest)
        for each in bits[1:]:
            self._moment(each)
        used = max(0, len(bits) - 1) * HOP
        self._rest = self._rest[used:]
        self._hear_tones(samples)

    def over(self) -> None:
        """Nothing more comes."""
        self.hear(array("h", bytes(2 * RATE)))
        self._settle(gone=dict(self._alive))

    def _moment(self, bits: int) -> None:
        self._now += 1
        if bits != QUIET:
            self._heard.append((self._now, bits))
            self._sounded += 1
        gone = {track: since for track, since in self._alive.items() if not self._goes_on(track)}
        for track in gone:
            del self._alive[track]
        if gone:
            self._settle(gone)
        if bits != QUIET:
            self._recognise(bits)
        if self._told is None:
            self._decide()

    def _recognise(self, bits: int) -> None:
        for track in self._like(bits, self._now):
            if self._covered(track) or not self._is(track):
                continue
            self._alive[track] = _Since(self._now, self._sounded)
            # Others that sound alike there are more like it than like what was heard.
            clip = self._prints[track.name]
            for moment, _ in self._heard:
                at = moment * _FINE + track.shift
                if 0 <= at < len(clip) and clip[at] != QUIET:
                    for twin in self._like(clip[at], moment):
                        if not self._covered(twin) and self._is(twin):
                            self._alive[twin] = _Since(self._now, self._sounded)

    def _like(self, bits: int, moment: int) -> Iterator[_Track]:
        """What has these bits, or all but one, at that moment."""
        for near in (bits, *(bits ^ 1 << bit for bit in range(BITS))):
            for name, at in self._where.get(near, ()):
                yield _Track(name, at - moment * _FINE)

    def _decide(self) -> None:
        """Whom it can only be: what begins now comes before what has such a place in its middle."""
        begun = {track.name for track, since in self._alive.items() if self._begins(track, since)}
        ages = [self._sounded - since.sounded for since in self._alive.values()]
        if len(begun) == 1 and max(ages) >= _SETTLED:
            self._say(begun.pop(), begins=True)
        elif not begun and len({track.name for track in self._alive}) == 1 and max(ages) >= _SURE:
            self._say(next(iter(self._alive)).name, begins=False)

    def _begins(self, track: _Track, since: _Since) -> bool:
        return since.moment * _FINE + track.shift <= _BEGINNING * _FINE

    def _covered(self, track: _Track) -> bool:
        """Whether it is what is heard already, or something that sounds alike in its middle."""
        for other, since in self._alive.items():
            if other.name == track.name and abs(other.shift - track.shift) <= 2 * _FINE:
                return True
            if self._now - since.moment > _TWINS:
                return True
        return False

    def _is(self, track: _Track) -> bool:
        differ, compared = self._difference(track)
        for least, alike in _ALIKE.items():
            if compared >= least:
                return differ <= alike
        return False

    def _goes_on(self, track: _Track) -> bool:
        at = self._now * _FINE + track.shift
        clip = self._prints[track.name]
        if at >= len(clip):
            return False
        expected = sum(each != QUIET for each in clip[max(0, at - 12 * _FINE) : at])
        last = self._heard[-1][0] if self._heard else 0
        if expected > 9 * _FINE and self._now - last > 9:  # it should sound, and nothing does
            return False
        differ, compared = self._difference(track)
        return compared < _LEAST or differ < _UNLIKE

    def _difference(self, track: _Track) -> tuple[float, int]:
        """Share of the bits that differ, of so many moments that both have."""
        clip, shift = self._prints[track.name], track.shift
        wrong = compared = 0
        for moment, bits in self._heard:
            at = moment * _FINE + shift
            if 0 <= at < len(clip):
                compared += 1
                known = clip[at]
                wrong += BITS // 2 if known == QUIET else (known ^ bits).bit_count()
        return (wrong / compared / BITS if compared else 1.0), compared

    def _settle(self, gone: dict[_Track, _Since]) -> None:
        """Who is alive no more may have been it: of those that were alike the shortest one."""
        if self._alive:
            if self._told is not None and all(each.name != self._told for each in self._alive):
                self._told = None
            return
        sure = [
            (not begins, len(self._prints[track.name]), track.name)
            for track, since in gone.items()
            if (begins := self._begins(track, since)) or self._sounded - since.sounded >= _SURE
        ]
        if self._told is None and sure:
            within, _, name = min(sure)
            self._say(name, begins=not within)
        self._told = None

    def _say(self, name: str, *, begins: bool) -> None:
        """Tell it, unless it only goes on: a loop, or a clip of which something was lost."""
        self._told = name
        if name != self._last or (begins and name not in self._loops):
            self._tell(name)
        self._last = name

    def _hear_tones(self, samples: array[int]) -> None:
        self._tone_rest.extend(samples)
        while len(self._tone_rest) >= _TONE:
            window, self._tone_rest = self._tone_rest[:_TONE], self._tone_rest[_TONE:]
            pure = {name: purity(window, pitch) for name, pitch in self._tones.items()}
            name = max(pure, key=lambda each: pure[each], default="")
            name = name if name and pure[name] > _PURE else ""
            self._tone_times = self._tone_times + 1 if name == self._tone else 1
            self._tone = name
            if self._tone_times == _TONES and name != self._sounding:
                self._sounding = name
                if name:
                    self._last = name
                    self._tell(name)


@lru_cache(maxsize=200)
def _known(path: Path) -> array[int]:
    """The fingerprint of a clip, kept beside it where that is possible."""
    kept = path.with_suffix(".prints")
    if kept.is_file() and kept.stat().st_mtime >= path.stat().st_mtime:
        return array("i", kept.read_bytes())
    found = prints(_at_8_khz(path), STEP, HOP)
    if path.is_relative_to(LIBRARY):
        made = kept.with_name(f"{kept.name}.{id(found)}")
        made.write_bytes(found.tobytes())
        made.replace(kept)
    return found


def _at_8_khz(path: Path) -> array[int]:
    with wave.open(str(path), "rb") as file:
        assert file.getnchannels() == 1
    done = subprocess.run(
        [
            *("ffmpeg", "-nostdin", "-loglevel", "error", "-t", str(_LONGEST), "-i", str(path)),
            *("-ar", str(RATE), "-ac", "1", "-f", "s16le", "pipe:1"),
        ],
        capture_output=True,
        check=True,
    )
    return array("h", done.stdout)
