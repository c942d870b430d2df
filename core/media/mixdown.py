"""Makes one sound file of what was recorded: a program of its own, started by ``core.media.render``.

    python -m core.media.mixdown JOB FOLDER < nothing > result as JSON

It reads the packets of strangers, so it runs with bounds (see there) and its decoders read and write
nothing but pipes. The parts follow one another; within a part everybody is heard when it was said, and
nothing where nobody sent anything. One party alone gives one channel, two give left and right.
"""

from __future__ import annotations

import errno
import shutil
import subprocess
import sys
from array import array
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO, BinaryIO

import msgspec
from msgspec import Struct

from core.media import ogg
from core.media.capture import Packet, packets
from core.media.timeline import LOUD, RATE, Placed, placed
from core.recordings import Channel, Part, Track

__all__ = ["FORMATS", "POINTS", "PREVENTED", "SOUND", "Job", "Result", "main"]

PREVENTED = 75
"""Status of the program when it could not do its work (EX_TEMPFAIL of sysexits.h)."""
POINTS = 400
"""Peaks of each channel."""
SOUND = "sound"
"""Name of the result in the folder."""
FORMATS = {
    "mp3": ("-c:a", "libmp3lame", "-joint_stereo", "0", "-write_xing", "0", "-f", "mp3"),
    "opus": ("-c:a", "libopus", "-apply_phase_inv", "0", "-f", "ogg"),
}
_BITS = 32  # thousands a second and channel

_FRAME = 2
_BLOCK = RATE * 60  # samples
_EARLY = 0.1  # seconds before a part begins for us in which the server may have begun

_WINDOW = RATE // 50
_DECODERS: dict[str, tuple[str, ...]] = {
    "PCMA": ("-f", "alaw", "-ar", "8000"),
    "PCMU": ("-f", "mulaw", "-ar", "8000"),
    "G722": ("-f", "g722"),
    "GSM": ("-f", "gsm"),
    "OPUS": ("-f", "ogg", "-codec_whitelist", "opus,libopus"),
}
_NO_VOICE = frozenset({"TELEPHONE-EVENT", "CN", "RED"})
_FFMPEG = ("ffmpeg", "-nostdin", "-loglevel", "quiet", "-protocol_whitelist", "pipe", "-threads", "1")
_TOLERANT = ("-max_error_rate", "1")  # what strangers sent may be rubbish throughout
_ENOUGH = 0.9  # of what packets should sound; a decoder that complained of something gave the rest
_SPACE = 1 << 20  # free bytes; with fewer a program failed for want of them
_RAW = ("-ar", str(RATE), "-ac", "1", "-f", "s16le", "pipe:1")


class Job(Struct, frozen=True):
    """What to make: the parts, the files with their packets, and the form of the result."""

    parts: tuple[Part, ...]
    files: tuple[str, ...]
    form: str = "mp3"


class Result(Struct, frozen=True):
    """What was made. ``sounding`` is for how many seconds anybody is heard, ``peaks`` the loudest
    samples of each channel, 0 to 255, in ``POINTS`` steps; ``packets`` were voice, ``unknown`` were of
    codecs that nobody here speaks."""

    milliseconds: int
    sounding: float
    peaks: tuple[tuple[int, ...], ...]
    packets: int
    unknown: int = 0


def main(arguments: Sequence[str]) -> int:
    """The program. Its status is ``PREVENTED`` where the machine is to blame, not the recording."""
    folder = Path(arguments[1])
    try:
        job = msgspec.json.decode(Path(arguments[0]).read_bytes(), type=Job)
        result = mix(job, folder)
    except OSError as error:
        if error.errno == errno.EFBIG:  # beyond its bounds
            raise
        return PREVENTED
    except subprocess.CalledProcessError:
        if shutil.disk_usage(folder).free < _SPACE:
            return PREVENTED
        raise
    sys.stdout.buffer.write(msgspec.json.encode(result))
    return 0


def mix(job: Job, folder: Path) -> Result:
    """Make ``folder / SOUND``. Raises OSError, subprocess.CalledProcessError."""
    tracks = {track.channel for part in job.parts for track in part.tracks}
    channels = [channel for channel in Channel if channel in tracks] or [Channel.CLIENT]
    length = sum(map(_length, job.parts))
    voices = unknown = 0
    with ExitStack() as opened:
        files = [opened.enter_context((folder / each).open("w+b")) for each in channels]
        begins = 0
        for part in job.parts:
            heard = _heard(part, job.files)
            for track in part.tracks:
                file = files[channels.index(track.channel)]
                found, strange = _codecs(track)
                unknown += sum(packet.kind in strange for packet in heard[track.port])
                voice = placed(heard[track.port], found, part.started_at)
                voices += len(voice)
                _write(voice, file, begins, _length(part), folder)
            begins += _length(part)
        for file in files:
            file.truncate(length * _FRAME)
        meters = [_Meter(length) for _ in files]
        _encode(files, meters, job.form, folder / SOUND)
    peaks = tuple(meter.peaks for meter in meters)
    sounding = max(meter.loud for meter in meters) * _WINDOW / RATE
    return Result(round(length * 1000 / RATE), sounding, peaks, voices, unknown)


def _length(part: Part) -> int:
    return max(0, round((part.ended_at - part.started_at) * RATE))


def _heard(part: Part, files: Iterable[str]) -> dict[int, list[Packet]]:
    """The part's packets by the port to which they came."""
    heard: dict[int, list[Packet]] = {track.port: [] for track in part.tracks}
    for name in files:
        with Path(name).open("rb") as file:
            for packet in packets(file):
                if packet.port in heard and part.started_at - _EARLY <= packet.at < part.ended_at:
                    heard[packet.port].append(packet)
    for each in heard.values():
        each.sort(key=lambda packet: packet.at)  # of several files
    return heard


def _codecs(track: Track) -> tuple[dict[int, tuple[str, int]], set[int]]:
    """What can be decoded, and what else might be voice."""
    named = {kind: text.partition("/") for kind, text in track.codecs.items()}
    found = {kind: (name, int(rate)) for kind, (name, _, rate) in named.items() if name in _DECODERS}
    voice = {kind for kind, (name, _, _) in named.items() if name not in _NO_VOICE}
    return found, voice - found.keys()


def _write(voice: list[Placed], file: BinaryIO, begins: int, length: int, folder: Path) -> None:
    """Put one track of a part to its place in a channel: one decoder for each codec, however often
    the sender changes from one to another."""
    runs: dict[str, list[Placed]] = {}
    for each in voice:
        runs.setdefault(each.codec, []).append(each)
    for run in runs.values():
        with _decoded(run, folder) as sound:
            for each in run:
                samples = sound.read(each.samples * _FRAME)
                at, most = max(each.at, 0), length - each.at
                samples = samples[(at - each.at) * _FRAME : max(most, 0) * _FRAME]
                if samples:
                    file.seek((begins + at) * _FRAME)
                    file.write(samples)


@contextmanager
def _decoded(run: list[Placed], folder: Path) -> Iterator[IO[bytes]]:
    """What packets of one codec sound like, without gaps. What cannot be decoded is missing at the end.
    CalledProcessError if the decoder did not come to the end."""
    coded, plain = folder / "coded", folder / "plain"
    payloads: Iterable[bytes] = (each.payload for each in run)
    if run[0].codec == "OPUS":
        payloads = ogg.opus((each.payload, each.samples / RATE) for each in run)
    with coded.open("wb") as file:
        file.writelines(payloads)
    with coded.open("rb") as source, plain.open("wb") as target:
        command = (*_FFMPEG, *_TOLERANT, *_DECODERS[run[0].codec], "-i", "pipe:0", *_RAW)
        status = subprocess.run(command, stdin=source, stdout=target, check=False).returncode
    wanted = sum(each.samples for each in run) * _FRAME
    if status < 0 or (status and plain.stat().st_size < wanted * _ENOUGH):
        raise subprocess.CalledProcessError(status, command)
    with plain.open("rb") as sound:
        yield sound
    coded.unlink()
    plain.unlink()


class _Meter:
    """How loud one channel is, over its whole length."""

    def __init__(self, length: int) -> None:
        self.loud = 0  # windows in which something is heard
        self._length = max(length, 1)
        self._peaks = [0] * POINTS
        self._at = 0

    @property
    def peaks(self) -> tuple[int, ...]:
        """From 0 to 255."""
        return tuple(min(255, peak >> 7) for peak in self._peaks)

    def hear(self, samples: array[int]) -> None:
        """What follows."""
        for start in range(0, len(samples), _WINDOW):
            window = samples[start : start + _WINDOW]
            peak = max((max(window), -min(window)))
            for point in range(self._point(start), self._point(start + len(window) - 1) + 1):
                self._peaks[point] = max(self._peaks[point], peak)
            self.loud += peak > LOUD
        self._at += len(samples)

    def _point(self, sample: int) -> int:
        return min((self._at + sample) * POINTS // self._length, POINTS - 1)


def _encode(files: Sequence[BinaryIO], meters: Sequence[_Meter], form: str, target: Path) -> None:
    count = str(len(files))
    rate = ("-b:a", f"{_BITS * len(files)}k")
    command = (*_FFMPEG, "-f", "s16le", "-ar", str(RATE), "-ac", count, "-i", "pipe:0", *rate)
    for file in files:
        file.seek(0)
    with target.open("wb") as out:
        coder = subprocess.Popen(
            (*command, *FORMATS[form], "pipe:1"), stdin=subprocess.PIPE, stdout=out
        )
        assert coder.stdin is not None
        with suppress(BrokenPipeError), coder, coder.stdin as pipe:  # its status says why
            for block in _interleaved(files, meters):
                pipe.write(block)
    if coder.returncode:
        raise subprocess.CalledProcessError(coder.returncode, command)


def _interleaved(files: Sequence[BinaryIO], meters: Sequence[_Meter]) -> Iterator[bytes]:
    while first := files[0].read(_BLOCK * _FRAME):
        blocks = [first, *(file.read(_BLOCK * _FRAME) for file in files[1:])]
        mixed = array("h", bytes(sum(map(len, blocks))))
        for number, (block, meter) in enumerate(zip(blocks, meters, strict=True)):
            samples = array("h", block)
            meter.hear(samples)
            mixed[number :: len(files)] = samples
        yield mixed.tobytes()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
