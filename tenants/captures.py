"""What the media servers recorded, as files in their folder, until sound is made of it.

A file's name begins with what the call is called there, which ends with the call's id. The folder may
be shared with servers on other machines; only files with names of this form are ever touched.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

__all__ = ["Captured", "Captures"]

_ID = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_SOURCE = re.compile(f"[0-9a-f]*-?({_ID})")
_NAME = re.compile(rf"(?:rtpengine-meta-)?([0-9a-f]*-?({_ID}))-[0-9a-f]+\.(?:pcap|txt|tmp)")
_FOLDERS = ("pcaps", "metadata", "tmp")


class Captured(NamedTuple):
    """A file of a call, and for how many seconds nothing was written to it."""

    path: Path
    call_id: UUID
    age: float


class Captures:
    """The folder; it need not be there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    async def of(self, source: str) -> list[Path]:
        """The packets of one recorded call, in files. ValueError for what is no name of a call."""
        if not _SOURCE.fullmatch(source):
            raise ValueError(f"{source!r} names no recording")
        found = await asyncio.to_thread(lambda: list(self.folder.glob(f"pcaps/{source}-*.pcap")))
        return sorted(path for path in found if _NAME.fullmatch(path.name))

    async def seen(self) -> bool:
        """Whether the folder with packets is there; one that is shared may be away."""
        return await asyncio.to_thread((self.folder / "pcaps").is_dir)

    async def delete(self, source: str) -> None:
        """Forget all files of one call."""
        if _SOURCE.fullmatch(source):
            await asyncio.to_thread(self._delete, source)

    def sizes(self, sources: frozenset[str]) -> dict[str, int]:
        """How many bytes of packets there are of each of these calls now. Blocks."""
        found: dict[str, int] = {}
        for path in (self.folder / "pcaps").glob("*.pcap"):
            named = _NAME.fullmatch(path.name)
            if named is not None and named[1] in sources:
                with suppress(FileNotFoundError):
                    found[named[1]] = found.get(named[1], 0) + path.stat().st_size
        return found

    async def all(self) -> list[Captured]:
        """Every file of every call."""
        return await asyncio.to_thread(lambda: list(self._all("*")))

    def _delete(self, source: str) -> None:
        for found in self._all(f"*{source}-*"):
            found.path.unlink(missing_ok=True)

    def _all(self, pattern: str) -> Iterator[Captured]:
        now = time.time()
        for folder in _FOLDERS:
            for path in (self.folder / folder).glob(pattern):
                if named := _NAME.fullmatch(path.name):
                    with suppress(FileNotFoundError):
                        yield Captured(path, UUID(named[2]), now - path.stat().st_mtime)
