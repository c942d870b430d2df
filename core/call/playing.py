"""What parties of a call hear of us: greetings, menus, music, the ringback tone. One clip at a time.

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
    """Plays to the parties of one call; once that is ``over`` nothing is worth a word to the server.

    A party is ``None`` for who is in the middle of the media session (the caller, as a rule).
    """

    def __init__(self, media: MediaSession, over: Callable[[], bool]) -> None:
        self._media = media
        self._over = over
        self._music: set[str | None] = set()  # who hears some

    async def whole(self, clip: Path, to: str | None = None) -> None:
        """Play a clip to its end. Cancelled, it falls silent at once."""
        try:
            await asyncio.sleep(await self._media.play(clip, to=to))
        except MediaUnavailable as error:
            log.warning("call.clip_not_played", code=error.code)
        except asyncio.CancelledError:  # it may just have begun
            await self._hush(to)
            raise

    async def music(self, clip: Path | None, to: str | None = None) -> bool:
        """Play a clip again and again until ``silence``; whether it does."""
        if clip is None:
            return False
        self._music.add(to)
        try:
            await self._media.play(clip, again=True, to=to)
        except MediaUnavailable as error:
            log.warning("call.clip_not_played", code=error.code)
            self._music.discard(to)
        return to in self._music

    async def silence(self, of: str | None = None) -> None:
        """No more music for this party."""
        if of in self._music:
            self._music.remove(of)
            await self._hush(of)

    async def quiet(self) -> None:
        """No more music for anybody."""
        for party in tuple(self._music):
            await self.silence(party)

    async def _hush(self, of: str | None) -> None:
        if self._over():
            return
        try:
            await self._media.hush(of)
        except MediaUnavailable as error:  # who hears it talks to nobody, or is gone
            log.warning("call.clip_not_stopped", code=error.code)
