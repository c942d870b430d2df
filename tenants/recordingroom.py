"""Whether there is room for recordings: on the disk, and in what each company may keep."""

from __future__ import annotations

import shutil
import time
from contextlib import suppress
from pathlib import Path
from uuid import UUID

from core.call.recording import DISK_FULL
from core.errors import Unavailable
from core.settings import RecordingSettings
from tenants.db import Database
from tenants.failures import DATABASE_AWAY

__all__ = ["DiskRoom"]

_COMPANY_FULL = "recordings_full"
_NO_FOLDER = "not_recorded"
_GLANCE = 2.0  # seconds for which the disk is taken to be as it was
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
        self._free: tuple[float, int] = (-_GLANCE, 0)
        self._kept: dict[UUID, tuple[float, int]] = {}  # when it was counted, bytes

    async def refuses(self, tenant_id: UUID) -> str:
        """A database that is away refuses nobody: what is recorded is stored once it is back."""
        if self._captures is None:
            return _NO_FOLDER
        if self.full():
            return DISK_FULL
        kept = 0
        with suppress(Unavailable, *DATABASE_AWAY):
            kept = await self._kept_by(tenant_id)
        return _COMPANY_FULL if kept >= self._settings.megabytes << 20 else ""

    def full(self) -> bool:
        """Whether less is free than the settings want."""
        return self.free() < self._settings.free_megabytes << 20

    def free(self) -> int:
        """Free bytes, of the folder that has fewer."""
        now = time.monotonic()
        if now - self._free[0] >= _GLANCE:
            folders = {_existing(each) for each in (self._captures, self._folder) if each is not None}
            self._free = now, min(shutil.disk_usage(each).free for each in folders)
        return self._free[1]

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
