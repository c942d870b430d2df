"""Where a company's sound is kept: files by company and name, never by a name that somebody chose.

A folder of this machine; what is used of it is small enough to be an object store one day.
"""

from __future__ import annotations

import asyncio
import os
import re
import secrets
import shutil
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from uuid import UUID

__all__ = ["RECORDINGS", "Storage"]

RECORDINGS = "recordings"
"""Folder of recorded conversations and messages in the data folder."""

_NAME = re.compile(r"[0-9a-f][0-9a-f-]{31,63}\.[a-z0-9]{2,4}\Z")
_INCOMING = "incoming-"


class Storage:
    """``<folder>/<tenant>/<name>``; a name is an id or a hash, with the ending of its form."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path(self, tenant_id: UUID, name: str) -> Path:
        """Where a company's file is, or would be. ValueError for a name that is none."""
        if not _NAME.match(name):
            raise ValueError(f"{name!r} names no file")
        return self._folder / str(tenant_id) / name

    async def get(self, tenant_id: UUID, name: str) -> Path | None:
        """A local file with the content, or ``None`` if it is gone."""
        path = self.path(tenant_id, name)
        return path if await asyncio.to_thread(path.is_file) else None

    async def put(self, tenant_id: UUID, name: str, source: Path) -> None:
        """Keep a synced file of ``incoming`` under this name; the same name has the same content."""
        await asyncio.to_thread(_moved, source, self.path(tenant_id, name))

    async def let_go(self, tenant_id: UUID, name: str) -> None:
        """Nobody refers to a file any more: from now on ``old`` counts its age."""
        await asyncio.to_thread(_touched, self.path(tenant_id, name))

    async def tenants(self) -> list[UUID]:
        """The companies that have a folder here."""
        return await asyncio.to_thread(_companies, self._folder)

    async def used(self, tenant_id: UUID) -> int:
        """Bytes of all that is kept for a company, whether somebody refers to it or not."""
        return await asyncio.to_thread(_size, self._folder / str(tenant_id))

    async def old(self, tenant_id: UUID, seconds: float) -> set[str]:
        """Names of the files that were kept, or let go, so long ago."""
        folder = self._folder / str(tenant_id)
        return {path.name for path in await asyncio.to_thread(_older, folder, seconds, files=True)}

    async def delete(self, tenant_id: UUID, name: str) -> None:
        """Forget a file that nobody begins to refer to meanwhile; it may be gone already."""
        await asyncio.to_thread(self.path(tenant_id, name).unlink, missing_ok=True)

    async def clear(self, tenant_id: UUID, seconds: float) -> None:
        """Forget what processes that died had in the making so long ago."""
        for folder in await asyncio.to_thread(
            _older, self._folder / str(tenant_id), seconds, files=False
        ):
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)

    @asynccontextmanager
    async def incoming(self, tenant_id: UUID) -> AsyncIterator[Path]:
        """A folder beside the kept files for what is being made; it is emptied in the end."""
        folder = self._folder / str(tenant_id) / f"{_INCOMING}{secrets.token_hex(8)}"
        await asyncio.to_thread(folder.mkdir, mode=0o700, parents=True)
        try:
            yield folder
        finally:
            await asyncio.to_thread(_removed, folder)

    async def sync(self, source: Path) -> None:
        """Bring a file of ``incoming`` to the disk, so that keeping it takes no time."""
        await asyncio.to_thread(_synced, source, os.O_RDWR)


def _moved(source: Path, target: Path) -> None:
    """It is on the disk before anything refers to it."""
    source.replace(target)
    _synced(target.parent, os.O_RDONLY)


def _synced(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _touched(path: Path) -> None:
    with suppress(FileNotFoundError):
        os.utime(path)


def _companies(folder: Path) -> list[UUID]:
    found = []
    for path in folder.iterdir() if folder.is_dir() else ():
        with suppress(ValueError):
            found.append(UUID(path.name))
    return found


def _size(folder: Path) -> int:
    return sum(each.st_size for _, each in _present(_kept(folder)))


def _older(folder: Path, seconds: float, *, files: bool) -> list[Path]:
    before = time.time() - seconds
    found = _kept(folder) if files else list(folder.glob(f"{_INCOMING}*"))
    return [path for path, each in _present(found) if each.st_mtime < before]


def _present(paths: list[Path]) -> Iterator[tuple[Path, os.stat_result]]:
    for path in paths:
        with suppress(FileNotFoundError):  # others may delete them meanwhile
            yield path, path.stat()


def _kept(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if _NAME.match(path.name)] if folder.is_dir() else []


def _removed(folder: Path) -> None:
    for path in folder.iterdir():
        path.unlink(missing_ok=True)
    folder.rmdir()
