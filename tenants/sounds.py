"""What calls play: clips of companies and of the library, the tone that tells that somebody rings."""

from __future__ import annotations

import asyncio
from pathlib import Path
from uuid import UUID

import structlog

from core.media import clip
from core.media.prompts import Prompts
from core.media.tones import tone
from core.settings import DataSettings
from tenants.storage import Storage

__all__ = ["SoundFiles"]

_PITCH = 425  # Hz, one second of five (GOST R 53532; ITU-T E.180)
_LEVEL = 0.15
_SILENT = 4000  # milliseconds
_PATIENCE = 15.0  # seconds

log = structlog.get_logger(__name__)


class SoundFiles:
    """Implements ``core.ports.Sounds`` over a folder."""

    def __init__(self, storage: Storage, ringback: Path, prompts: Prompts) -> None:
        self._storage = storage
        self._ringback = ringback
        self._prompts = prompts

    @classmethod
    async def open(cls, settings: DataSettings) -> SoundFiles:
        """With the sounds of the data folder; makes the tone if it is not there yet."""
        folder = settings.dir.resolve() / "sound"
        ringback = folder / "ringback.wav"
        if not await asyncio.to_thread(ringback.is_file):
            await asyncio.to_thread(_make, ringback)
        return cls(Storage(folder), ringback, Prompts(settings.library_folder))

    def clip(self, tenant_id: UUID, sound: str) -> Path | None:
        """A clip by its hash, if it is kept here."""
        path = self._storage.path(tenant_id, f"{sound}.wav")
        return path if path.is_file() else None

    async def ready(self, media: UUID, language: str) -> Path | None:
        """A clip of the library, made if it is not there yet; a call waits so long and not longer."""
        try:
            return await asyncio.wait_for(self._prompts.clip(media, language), _PATIENCE)
        except TimeoutError:  # it is being made all the same, for the next one
            log.warning("library.clip_late", media=str(media), language=language)
            return None

    def ringback(self) -> Path:
        """The tone."""
        return self._ringback


def _make(target: Path) -> None:
    clip.joined([tone(_PITCH, 1.0, _LEVEL, clip.RATE), _SILENT], target)
