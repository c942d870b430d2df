"""What a caller hears of us: greetings, menus, music, the ringback tone. One clip at a time.

The media server says nothing when a clip ends, but how long it is when it begins. A clip that cannot
be played costs nobody a call: it is passed over, with a line in the log.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import structlog

from core.errors import MediaUnavailable
from core.ports import MediaSession

__all__ = ["Playing"]

log = structlog.get_logger(__name__)


class Playing:
    """Plays to the caller of one call; once that is ``over`` nothing is worth a word to the server."""

    def __init__(self, media: MediaSession, over: Callable[[], bool]) -> None:
        self._media = media
        self._over = over
        self._music = False

    async def whole(self, clip: Path) -> None:
        """Play a clip to its end. Cancelled, it falls silent at once."""
        try:
            await asyncio.sleep(await self._media.play(clip))
        except MediaUnavailable as error:
            log.warning("call.clip_not_played", code=error.code)
        except asyncio.CancelledError:  # it may just have begun
            await self._hush()
            raise

    async def music(self, clip: Path | None) -> bool:
        """Play a clip again and again until ``silence``; whether it does."""
        if clip is None:
            return False
        self._music = True
        try:
            await self._media.play(clip, again=True)
        except MediaUnavailable as error:
            log.warning("call.clip_not_played", code=error.code)
            self._music = False
        return self._music

    async def silence(self) -> None:
        """No more music."""
        if self._music:
            self._music = False
            await self._hush()

    async def _hush(self) -> None:
        if self._over():
            return
        try:
            await self._media.hush()
        except MediaUnavailable as error:  # who hears it talks to nobody, or is gone
            log.warning("call.clip_not_stopped", code=error.code)
