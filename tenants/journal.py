"""An append-only journal for what could not be stored while the database was away.

Layout: segments ``calls-<nanoseconds>.journal`` in one folder. A segment is a row of frames::

    length (u32, little endian) | CRC-32 of length and payload (u32) | payload

``append`` returns once the frame is fsynced; frames that wait at the same time share one fsync. A
writer always begins a segment of its own and never continues one that it found, so a tail torn by a
crash can only be the end of a segment. Replay hands each record to ``apply`` and deletes the segment
afterwards; a crash in between repeats records, hence ``apply`` must be idempotent. What cannot be
read or is refused for good is kept beside under another suffix, never deleted.

The writer holds ``flock`` on its segment, so a second process on the same folder leaves it alone.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import struct
import threading
import time
import zlib
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

import structlog

__all__ = ["Journal", "Rejected", "read_frames"]

log = structlog.get_logger(__name__)

HEADER = struct.Struct("<II")
LENGTH = struct.Struct("<I")
MAX_RECORD = 16 << 20
SEGMENT_BYTES = 16 << 20
SUFFIX = ".journal"
REJECTED = "rejected"
TORN = ".torn"

Apply = Callable[[bytes], Awaitable[None]]


class Rejected(Exception):
    """Raised by ``apply``: this record can never be stored; keep it aside and go on."""


class Journal:
    """Records (bytes) that wait in ``folder`` until they can be applied."""

    def __init__(self, folder: Path, segment_bytes: int = SEGMENT_BYTES) -> None:
        self._folder = folder
        self._segment_bytes = segment_bytes
        self._waiting: list[tuple[bytes, asyncio.Future[None]]] = []
        self._writer: asyncio.Task[None] | None = None
        self._file: BinaryIO | None = None
        self._lock = threading.Lock()
        self._replaying = asyncio.Lock()

    async def append(self, record: bytes) -> None:
        """Write a record and return when it is on the disk. Raises OSError if it cannot be."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((frame(record), done))
        if self._writer is None:
            self._writer = asyncio.create_task(self._drain())
        await asyncio.shield(done)

    def pending(self) -> bool:
        """Whether any record waits for a replay."""
        return any(True for _ in self._segments())

    def size(self) -> int:
        """Bytes that wait for a replay."""
        total = 0
        for path in self._segments():
            with suppress(FileNotFoundError):  # replayed just now
                total += path.stat().st_size
        return total

    async def replay(self, apply: Apply) -> int:
        """Apply every record in order of writing; returns how many were applied.

        An error of ``apply`` other than Rejected ends the replay; the rest stays for the next time.
        """
        async with self._replaying:
            await asyncio.to_thread(self._seal)
            applied = 0
            for path in self._segments():
                applied += await self._replay_segment(path, apply)
            return applied

    async def close(self) -> None:
        """Finish writing; what is journalled stays for the next start."""
        if self._writer is not None:
            await self._writer
        await asyncio.to_thread(self._seal)

    # --- writing, in a thread ---------------------------------------------------------------

    async def _drain(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting, []
            error: OSError | None = None
            try:
                await asyncio.to_thread(self._write, b"".join(data for data, _ in batch))
            except OSError as caught:
                error = caught
            for _, done in batch:
                if done.cancelled():
                    continue
                if error is None:
                    done.set_result(None)
                else:
                    done.set_exception(error)
        self._writer = None

    def _write(self, data: bytes) -> None:
        with self._lock:
            segment = self._file or self._open()
            try:
                segment.write(data)
                segment.flush()
                os.fsync(segment.fileno())
            except OSError:
                self._close_segment()  # its tail may be torn: nothing may follow it
                raise
            if segment.tell() >= self._segment_bytes:
                self._close_segment()

    def _open(self) -> BinaryIO:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._folder / f"calls-{time.time_ns():020d}{SUFFIX}"
        segment = path.open("xb")
        fcntl.flock(segment, fcntl.LOCK_EX)
        sync_folder(self._folder)
        self._file = segment
        return segment

    def _seal(self) -> None:
        with self._lock:
            self._close_segment()

    def _close_segment(self) -> None:
        if self._file is None:
            return
        segment, self._file = self._file, None
        try:
            segment.close()
        except OSError as error:  # the unflushed rest of a failed write; its sender knows already
            log.warning("journal_close_failed", error=str(error))

    # --- replaying --------------------------------------------------------------------------

    def _segments(self) -> Iterator[Path]:
        yield from sorted(self._folder.glob(f"calls-*{SUFFIX}"))

    async def _replay_segment(self, path: Path, apply: Apply) -> int:
        with path.open("rb") as segment:
            try:
                fcntl.flock(segment, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return 0  # another writer, or this one since replay began
            applied = 0
            for record in read_frames(segment):
                try:
                    await apply(record)
                except Rejected as error:
                    log.error("journal_record_rejected", segment=path.name, error=str(error))
                    await asyncio.to_thread(self._keep_aside, record)
                applied += 1
            await asyncio.to_thread(self._dispose, path, segment)
            return applied

    def _keep_aside(self, record: bytes) -> None:
        with (self._folder / REJECTED).open("ab") as aside:
            aside.write(frame(record))
            aside.flush()
            os.fsync(aside.fileno())

    def _dispose(self, path: Path, segment: BinaryIO) -> None:
        if not segment.read(1):
            path.unlink()
        else:
            log.warning("journal_torn_tail", segment=path.name)
            path.rename(path.with_suffix(TORN))
        sync_folder(self._folder)


def frame(record: bytes) -> bytes:
    """A record with its header."""
    if len(record) > MAX_RECORD:
        raise OSError(f"a journal record of {len(record)} bytes is too long")
    return HEADER.pack(len(record), checksum(record)) + record


def checksum(record: bytes) -> int:
    """CRC-32 over length and payload; with the length, so that a tail of zeros is not a record."""
    return zlib.crc32(record, zlib.crc32(LENGTH.pack(len(record))))


def read_frames(segment: BinaryIO) -> Iterator[bytes]:
    """The whole records from the present place on; stops before a torn one, leaving the file there."""
    while True:
        start = segment.tell()
        header = segment.read(HEADER.size)
        if len(header) == HEADER.size:
            length, expected = HEADER.unpack(header)
            record = segment.read(length) if length <= MAX_RECORD else b""
            if len(record) == length and checksum(record) == expected:
                yield record
                continue
        segment.seek(start)
        return


def sync_folder(folder: Path) -> None:
    """Make names that were added to or taken from a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
