"""Whether there is room for recordings: on the disk, and in what each company may keep."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path
from uuid import UUID

import structlog

from core.call.recording import DISK_FULL
from core.errors import Unavailable
from core.settings import RecordingSettings
from tenants.captures import Captures
from tenants.db import Database
from tenants.failures import DATABASE_AWAY

__all__ = ["DiskRoom"]

log = structlog.get_logger(__name__)

_COMPANY_FULL = "recordings_full"
_NO_FOLDER = "not_recorded"
_STALE = 15.0  # seconds for which the disk is taken to be as it was
_PATIENCE = 2.0  # seconds in which it has to answer
_COUNTED = 60.0  # likewise, what a company keeps


class DiskRoom:
    """Implements ``core.ports.RecordingRoom``. ``captures`` is where media servers write; without it
    nothing is recorded. ``folder`` is where the sound is kept."""

    def __init__(
        self,
        database: Database,
        captures: Path | None,
        folder: Path,
        settings: RecordingSettings,
    ) -> None:
        self._db = database
        self._captures = captures
        self._folder = folder
        self._settings = settings
        self._free: int | None = None
        self._seen = -_STALE
        self._looking: asyncio.Task[tuple[int, dict[str, int]]] | None = None
        self._kept: dict[UUID, tuple[float, int]] = {}  # when it was counted, bytes

    async def refuses(self, tenant_id: UUID) -> str:
        """A database that is away refuses nobody: what is recorded is stored once it is back."""
        if self._captures is None:
            return _NO_FOLDER
        if time.monotonic() - self._seen >= _STALE:
            await self.look(())
        if self._free is None:
            return _NO_FOLDER
        if self.full():
            return DISK_FULL
        kept = 0
        with suppress(Unavailable, *DATABASE_AWAY):
            kept = await self._kept_by(tenant_id)
        return _COMPANY_FULL if kept >= self._settings.megabytes << 20 else ""

    def full(self) -> bool:
        """Whether less is free than the settings want; of a disk that does not answer nobody knows."""
        return self._free is not None and self._free < self._settings.free_megabytes << 20

    def free(self) -> int:
        """Free bytes when last looked at, of the folder that has fewer; 0 if nobody knows."""
        return self._free or 0

    async def look(self, sources: Collection[str]) -> Mapping[str, int]:
        """Look at the disk, in a thread: a shared folder may hang, and then one thread waits for it."""
        if self._looking is None or self._looking.done():
            wanted = frozenset(sources)
            self._looking = asyncio.create_task(asyncio.to_thread(self._look, wanted))
        try:
            self._free, written = await asyncio.wait_for(asyncio.shield(self._looking), _PATIENCE)
        except (OSError, TimeoutError) as error:
            log.warning("recording.room_unknown", problem=str(error) or type(error).__name__)
            self._free, written = None, {}
        self._seen = time.monotonic()
        return written

    def _look(self, sources: frozenset[str]) -> tuple[int, dict[str, int]]:
        folders = {_existing(each) for each in (self._captures, self._folder) if each is not None}
        free = min(shutil.disk_usage(each).free for each in folders)
        written = Captures(self._captures).sizes(sources) if self._captures and sources else {}
        return free, written

    async def _kept_by(self, tenant_id: UUID) -> int:
        now = time.monotonic()
        counted, size = self._kept.get(tenant_id, (-_COUNTED, 0))
        if now - counted >= _COUNTED:
            async with self._db.tenant(tenant_id) as session:
                size = await session.fetchval(
                    "SELECT COALESCE(sum(bytes), 0)::bigint FROM recordings WHERE state = 'ready'"
                )
            self._kept[tenant_id] = now, size
        return size


def _existing(folder: Path) -> Path:
    """The folder, or the nearest one above it that there is."""
    return next(each for each in (folder, *folder.parents) if each.is_dir())
