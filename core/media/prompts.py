"""Clips of the ready-made library (``core.library``), made when they are wanted for the first time.

The recordings of the packages are 8 kHz WAV of several loudnesses; rtpengine paces 48 kHz evenly, and a
caller wants to hear all of them alike. So the parts of an entry are levelled, joined with their pauses
and kept, by a name that changes with what is heard.
"""

from __future__ import annotations

import asyncio
import hashlib
import math
import secrets
import shutil
import wave
from array import array
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

import structlog

from core.errors import SunSimError
from core.library import BY_ID, Kind, Part, Ready
from core.media import clip

__all__ = ["PACKAGES", "VOICES", "Prompts"]

log = structlog.get_logger(__name__)

PACKAGES = Path("/usr/share/asterisk")
"""Where the packages put their files: ``sounds`` in a folder for each voice, and ``moh``."""
VOICES = Path("/usr/share/festival/voices")

_VOICES = {
    "ru": ("russian/msu_ru_nsh_clunits", "voice_msu_ru_nsh_clunits"),
    "en": ("us/cmu_us_slt_arctic_hts", "voice_cmu_us_slt_arctic_hts"),
}
"""By language: the folder and the name of the voice that speaks what nobody recorded."""

_SPEECH, _MUSIC = -20.0, -26.0  # dB below full scale, of what is not silence
_PEAK = -2.0  # dB that nothing exceeds
_FULL = 32768
_SILENCE = 300  # root mean square of 16-bit samples
_WINDOW = 0.02  # seconds
_FADE = 0.008
_ROOM = 120  # milliseconds around speech: some recordings begin and end with the word
_SPEAKING = 30.0  # seconds
_RECIPE = 1  # counts changes of how clips are made


class _Heard(NamedTuple):
    """What a recording sounds like: seconds, its level and its peak in dB, and where sound is."""

    seconds: float
    level: float
    peak: float
    begins: float
    ends: float


class Prompts:
    """``folder`` keeps the clips; ``packages`` and ``voices`` are where the Debian packages are."""

    def __init__(self, folder: Path, packages: Path = PACKAGES, voices: Path = VOICES) -> None:
        self._folder = folder
        self._packages = packages
        self._voices = voices
        self._making: dict[Path, asyncio.Task[None]] = {}
        self._turn = asyncio.Semaphore(1)

    def available(self, media: UUID, language: str) -> bool:
        """Whether the packages have what an entry of the library is made of."""
        ready = BY_ID.get(media)
        if ready is None:
            return False
        if ready.parts:
            names = [part for part in ready.parts.get(language, ()) if isinstance(part, str)]
            return bool(names) and all(self._recording(name, language) for name in names)
        voice = _VOICES.get(language)
        speaks = voice is not None and (self._voices / voice[0]).is_dir()
        return speaks and shutil.which("text2wave") is not None

    async def clip(self, media: UUID, language: str) -> Path | None:
        """The clip of an entry, made now if it is not there; ``None`` if it cannot be.

        Several who want it at the same time wait for one making, which goes on if one of them leaves.
        """
        ready = BY_ID.get(media)
        if ready is None:
            return None
        kept = self._kept(ready, language)
        if await asyncio.to_thread(kept.is_file):
            return kept
        if not await asyncio.to_thread(self.available, media, language):
            log.warning("library.package_missing", prompt=ready.name, language=language)
            return None
        making = self._making.get(kept)
        if making is None:
            making = self._making[kept] = asyncio.create_task(self._make(ready, language, kept))
            making.add_done_callback(lambda _: self._making.pop(kept, None))
        await asyncio.shield(making)
        return kept if await asyncio.to_thread(kept.is_file) else None

    def _kept(self, ready: Ready, language: str) -> Path:
        recipe = (_RECIPE, ready.says.get(language), ready.parts.get(language))
        digest = hashlib.sha256(repr(recipe).encode()).hexdigest()[:12]
        return self._folder / language / f"{ready.name}-{digest}.wav"

    def _recording(self, name: str, language: str) -> Path | None:
        """A file of the packages: ``moh/`` has the music, each language a folder for its voice."""
        if name.startswith("moh/"):
            found = [self._packages / f"{name}.wav"]
        else:
            voices = sorted((self._packages / "sounds").glob(f"{language}_*"))
            found = [voice / f"{name}.wav" for voice in voices]
        return next((path for path in found if path.is_file()), None)

    async def _make(self, ready: Ready, language: str, kept: Path) -> None:
        """Never raises: who wanted the clip goes on without it."""
        work = kept.with_name(f".{secrets.token_hex(4)}")
        try:
            async with self._turn:
                await asyncio.to_thread(work.mkdir, parents=True)
                parts = await self._parts(ready, language, work)
                await asyncio.to_thread(clip.joined, parts, kept)
        except (SunSimError, OSError, TimeoutError, ValueError, wave.Error) as error:
            log.error("library.not_made", prompt=ready.name, language=language, exc_info=error)
        finally:
            await asyncio.to_thread(shutil.rmtree, work, ignore_errors=True)

    async def _parts(self, ready: Ready, language: str, work: Path) -> list[Path | int | array[int]]:
        """The parts as clips of one loudness, with their pauses."""
        if not ready.parts:
            spoken = work / "spoken"
            await _speak(ready.says[language], _VOICES[language][1], spoken)
            sources: list[Path | Part] = [spoken]
        else:
            found = [(part, self._recording(str(part), language)) for part in ready.parts[language]]
            sources = [path or part for part, path in found]
        made: list[Path | int | array[int]] = []
        for number, source in enumerate(sources):
            if isinstance(source, Path):
                heard = await asyncio.to_thread(_listen, source)
                target = work / str(number)
                await clip.converted(source, target, _filters(heard, ready.kind))
                made.append(target)
            elif isinstance(source, int):
                made.append(source)
        return made if ready.kind in (Kind.MUSIC, Kind.TONE) else [_ROOM, *made, _ROOM]


def _listen(path: Path) -> _Heard:
    """Of a mono 16-bit WAV. Raises wave.Error, ValueError for one without sound."""
    with wave.open(str(path), "rb") as file:
        rate = file.getframerate()
        samples = array("h", file.readframes(file.getnframes()))
    window = int(rate * _WINDOW)
    starts = range(0, len(samples) - window + 1, window)
    powers = [sum(x * x for x in samples[at : at + window]) / window for at in starts]
    loud = [at for at, power in enumerate(powers) if power > _SILENCE * _SILENCE]
    if not loud:
        raise ValueError(f"nothing is heard in {path.name}")
    level = sum(powers[at] for at in loud) / len(loud)
    peak = max(abs(sample) for sample in samples)
    return _Heard(
        seconds=len(samples) / rate,
        level=10 * math.log10(level / _FULL / _FULL),
        peak=20 * math.log10(peak / _FULL),
        begins=loud[0] * _WINDOW,
        ends=min((loud[-1] + 1) * _WINDOW, len(samples) / rate),
    )


def _filters(heard: _Heard, kind: Kind) -> str:
    """Levelled, without a click at the ends; music without the silence around it, as it is looped."""
    wanted = _MUSIC if kind is Kind.MUSIC else _SPEECH
    gain = min(wanted - heard.level, _PEAK - heard.peak)
    begins, ends = (heard.begins, heard.ends) if kind is Kind.MUSIC else (0.0, heard.seconds)
    return (
        f"atrim={begins:.3f}:{ends:.3f},asetpts=PTS-STARTPTS,volume={gain:.2f}dB,"
        f"afade=t=in:d={_FADE},afade=t=out:st={ends - begins - _FADE:.3f}:d={_FADE}"
    )


async def _speak(text: str, voice: str, target: Path) -> None:
    """Let the synthesis speak. Raises OSError, TimeoutError, NotPlayable if it does not."""
    written = target.with_suffix(".txt")
    await asyncio.to_thread(written.write_text, text, encoding="utf-8")
    speaker = await asyncio.create_subprocess_exec(
        *(*clip.BOUNDED, "text2wave", "-eval", f"({voice})", "-o", str(target), str(written)),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        status = await asyncio.wait_for(speaker.wait(), _SPEAKING)
    finally:
        if speaker.returncode is None:
            with suppress(ProcessLookupError):
                speaker.kill()
            await speaker.wait()
    if status:
        raise clip.NotPlayable
