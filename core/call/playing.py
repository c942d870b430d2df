"""What a caller hears of us: greetings, menus, music, the ringback tone. One clip at a time.

The media server says nothing when a clip ends, but how long it is when it begins. A clip that cannot
be played costs nobody a call: it is passed over, with a line in the log.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import structlog

from core.errors import MediaUnavailable
from core.ports import MediaSession

__all__ = ["Playing"]

log = structlog.get_logger(__name__)


class Playing:
    """Plays to the caller of one call."""

    def __init__(self, media: MediaSession) -> None:
        self._media = media

    async def whole(self, clip: Path) -> None:
        """Play a clip to its end. Cancelled, it falls silent at once."""
        seconds = await self._begin(clip, again=False)
        if seconds is None:
            return
        try:
            await asyncio.sleep(seconds)
        except asyncio.CancelledError:
            await self._stop()
            raise

    @asynccontextmanager
    async def meanwhile(self, clip: Path | None) -> AsyncIterator[None]:
        """Play a clip again and again until something else has happened; with ``None`` nothing."""
        played = clip is not None and await self._begin(clip, again=True) is not None
        try:
            yield
        finally:
            if played:
                await self._stop()

    async def _begin(self, clip: Path, *, again: bool) -> float | None:
        try:
            return await self._media.play(clip, again=again)
        except MediaUnavailable as error:
            log.warning("call.clip_not_played", code=error.code)
            return None

    async def _stop(self) -> None:
        try:
            await self._media.hush()
        except MediaUnavailable as error:  # who hears it talks to nobody, or is gone
            log.warning("call.clip_not_stopped", code=error.code)
