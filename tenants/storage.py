"""Where a company's sound is kept: files by company and name, never by a name that somebody chose.

A folder of this machine; what is used of it is small enough to be an object store one day.
"""

from __future__ import annotations

import asyncio
import os
import re
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID

__all__ = ["Storage"]

_NAME = re.compile(r"[0-9a-f][0-9a-f-]{31,63}\.[a-z0-9]{2,4}\Z")


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
        """Keep a file of ``incoming`` under this name; the same name has the same content."""
        await asyncio.to_thread(_moved, source, self.path(tenant_id, name))

    async def delete(self, tenant_id: UUID, name: str) -> None:
        """Forget a file; nothing happens if it is gone already."""
        await asyncio.to_thread(self.path(tenant_id, name).unlink, missing_ok=True)

    @asynccontextmanager
    async def incoming(self, tenant_id: UUID) -> AsyncIterator[Path]:
        """A folder beside the kept files for what is being made; it is emptied in the end."""
        folder = self._folder / str(tenant_id) / f"incoming-{secrets.token_hex(8)}"
        await asyncio.to_thread(folder.mkdir, mode=0o700, parents=True)
        try:
            yield folder
        finally:
            await asyncio.to_thread(_removed, folder)


def _moved(source: Path, target: Path) -> None:
    """It is on the disk before anything refers to it."""
    with source.open("rb") as file:
        os.fsync(file.fileno())
    source.replace(target)
    descriptor = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _removed(folder: Path) -> None:
    for path in folder.iterdir():
        path.unlink(missing_ok=True)
    folder.rmdir()
