"""Clips: what can be played to a caller. 48 kHz mono WAV, the form that rtpengine paces evenly.

Measured (design: media.md): the largest gap between packets is 27 ms with it, 116 ms with 8 kHz.
A clip of somebody's file is made by ``decoded``; all clips have one form, so joining them and pauses
is copying.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import secrets
import struct
import wave
from array import array
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from msgspec import Struct

from core.errors import SunSimError

__all__ = [
    "BOUNDED",
    "LONGEST",
    "RATE",
    "Clip",
    "NotPlayable",
    "TooLong",
    "converted",
    "decoded",
    "joined",
    "size",
]

RATE = 48_000
LONGEST = 20 * 60
"""Seconds of one clip. Ten megabytes of MP3 may be hours."""

_DECODING = 60.0  # seconds; twenty minutes of music take about three
_BLOCK = 1 << 18  # frames
# Bytes of memory, seconds of CPU, bytes of a file, open files: what a decoder may use at most;
# and calls come before it.
_LIMITS = ("--as=1000000000", "--cpu=60", "--fsize=150000000", "--nofile=32")
BOUNDED = ("nice", "-n", "10", "prlimit", *_LIMITS)
"""Put before the command of a process that makes sound."""


class NotPlayable(SunSimError):
    """This is no MP3 file, or it is damaged. Choose another one."""

    code = "not_playable"
    http_status = 422


class TooLong(SunSimError):
    """The recording is longer than {minutes} minutes. Shorten it."""

    code = "too_long"
    http_status = 422

    def __init__(self) -> None:
        super().__init__(minutes=LONGEST // 60)


class Clip(Struct, frozen=True):
    """A file's content: its SHA-256 in hex, and how long it plays."""

    hash: str
    milliseconds: int


async def decoded(source: Path, target: Path) -> Clip:
    """Make a clip of an MP3 file of a stranger; by its content, never by its name (MED-03).

    The decoder is a process that can open no file and no connection, for a bounded time and in bounded
    memory. Tags and pictures stay behind. Raises NotPlayable, TooLong.
    """
    if not await asyncio.to_thread(_looks_like_mp3, source):
        raise NotPlayable
    return await _run(source, target, ("-format_whitelist", "mp3", "-codec_whitelist", "mp3,mp3float"))


async def converted(source: Path, target: Path, filters: str = "anull") -> Clip:
    """Make a clip of a recording of our own, in whatever form. Raises NotPlayable, TooLong.

    ``filters`` are ffmpeg's (``ffmpeg-filters(1)``) and see the sound as it is in the source.
    """
    return await _run(source, target, (), filters)


def joined(parts: Sequence[Path | int | array[int]], target: Path) -> Clip:
    """One clip of clips, samples and pauses in milliseconds, in this order (MED-06).

    Copies in blocks; call it in a thread. Raises OSError if a clip is not there.
    """
    with _new(target) as made, made.open("wb") as file:
        file.write(_header(0))
        for part in parts:
            file.writelines(_frames(part))
        return _finished(file, made)


def size(milliseconds: int) -> int:
    """Bytes of a clip that plays so long."""
    return _HEADER.size + milliseconds * RATE // 1000 * _FRAME


def _looks_like_mp3(path: Path) -> bool:
    """An ID3v2 tag, or a frame of layer III (ISO 11172-3 §2.4.1.3), stands at the very beginning.

    A decoder would search further, and find sound in a page of HTML that carries a song.
    """
    with path.open("rb") as file:
        head = file.read(4)
    if head[:3] == b"ID3":
        return True
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return False
    version, layer = head[1] >> 3 & 3, head[1] >> 1 & 3
    bit_rate, sample_rate = head[2] >> 4, head[2] >> 2 & 3
    return version != 1 and layer == 1 and bit_rate != 15 and sample_rate != 3


async def _run(source: Path, target: Path, only: tuple[str, ...], filters: str = "anull") -> Clip:
    with _new(target) as made, made.open("wb") as file:
        file.write(_header(0))
        file.flush()  # the decoder goes on where we are
        await _decode(source, file, only, filters)
        return await asyncio.to_thread(_finished, file, made)


async def _decode(source: Path, out: BinaryIO, only: tuple[str, ...], filters: str) -> None:
    with source.open("rb") as file:
        decoder = await asyncio.create_subprocess_exec(
            *BOUNDED,
            *("ffmpeg", "-nostdin", "-loglevel", "quiet", "-protocol_whitelist", "pipe", *only),
            *("-threads", "1", "-i", "pipe:0", "-map", "0:a:0", "-t", str(LONGEST + 1)),
            *("-af", filters),
            *("-ar", str(RATE), "-ac", "1", "-f", "s16le", "pipe:1"),
            stdin=file,
            stdout=out,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            status = await asyncio.wait_for(decoder.wait(), _DECODING)
        except TimeoutError:
            raise NotPlayable from None
        finally:
            if decoder.returncode is None:
                with suppress(ProcessLookupError):
                    decoder.kill()
                await decoder.wait()
    if status:
        raise NotPlayable


def _finished(file: BinaryIO, made: Path) -> Clip:
    """Say in the header how much came; of all that the name is the hash."""
    end = file.seek(0, 2)
    frames = (end - _HEADER.size) // _FRAME
    if not frames:
        raise NotPlayable
    if frames > LONGEST * RATE:
        raise TooLong
    file.seek(0)
    file.write(_header(frames))
    file.flush()
    os.fsync(file.fileno())
    with made.open("rb") as whole:
        return Clip(hashlib.file_digest(whole, "sha256").hexdigest(), round(frames * 1000 / RATE))


_FRAME = 2  # bytes of one sample
_HEADER = struct.Struct("<4sI4s4sIHHIIHH4sI")


def _header(frames: int) -> bytes:
    """Of a WAV file in PCM (RFC 2361 §A.1: format tag 1)."""
    size = frames * _FRAME
    form = (16, 1, 1, RATE, RATE * _FRAME, _FRAME, 8 * _FRAME)
    return _HEADER.pack(b"RIFF", _HEADER.size - 8 + size, b"WAVE", b"fmt ", *form, b"data", size)


def _frames(part: Path | int | array[int]) -> Iterator[bytes]:
    if isinstance(part, int):
        return _silence(part)
    return iter([part.tobytes()]) if isinstance(part, array) else _samples(part)


def _samples(clip: Path) -> Iterator[bytes]:
    with wave.open(str(clip), "rb") as file:
        while block := file.readframes(_BLOCK):
            yield block


def _silence(milliseconds: int) -> Iterator[bytes]:
    left = milliseconds * RATE // 1000
    while left > 0:
        yield bytes(_FRAME * min(left, _BLOCK))
        left -= _BLOCK


@contextmanager
def _new(target: Path) -> Iterator[Path]:
    """A file that takes the place of the target when it is complete, and else leaves nothing."""
    target.parent.mkdir(parents=True, exist_ok=True)
    made = target.with_name(f"{target.name}.{secrets.token_hex(4)}")
    try:
        yield made
        made.replace(target)
    finally:
        made.unlink(missing_ok=True)
