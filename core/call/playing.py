"""What parties of a call hear of us: greetings, menus, music, the ringback tone. One clip at a time.

The media server says nothing when a clip ends, but how long it is when it begins. A clip that cannot
be played costs nobody a call: it is passed over, with a line in the log.

Music that a step wants for the caller (``background``) goes on behind everything: while phones ring,
and again after what is said once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import structlog

from core.call.lasting import LastingMedia
from core.errors import MediaUnavailable

__all__ = ["Playing"]

log = structlog.get_logger(__name__)


class Playing:
    """Plays to the parties of one call; once that is ``over`` nothing is worth a word to the server.

    A party is ``None`` for who is in the middle of the media session (the caller, as a rule).
    """

    def __init__(self, media: LastingMedia, over: Callable[[], bool]) -> None:
        self._media = media
        self._over = over
        self._music: set[str | None] = set()  # who hears some
        self._background: Path | None = None

    async def whole(self, *clips: Path, to: str | None = None) -> None:
        """Play clips one after another to their end. Cancelled, it falls silent at once."""
        try:
            for clip in clips:
                await self._once(clip, to)
        except asyncio.CancelledError:  # it may just have begun
            await self._after(to)
            raise
        if self._background is not None:
            await self._after(to)

    async def music(self, clip: Path | None, to: str | None = None) -> bool:
        """Play a clip again and again until ``silence``; whether it, or what is behind, is heard."""
        if to is None and self._background is not None:
            return True
        if clip is None:
            return False
        self._music.add(to)
        if not await self._again(clip, to):
            self._music.discard(to)
        return to in self._music

    async def silence(self, of: str | None = None) -> None:
        """No more music for this party, but what is behind."""
        if of in self._music:
            self._music.remove(of)
            await self._hush(of)

    async def background(self, clip: Path | None) -> None:
        """Play a clip to the caller behind everything else from now on; ``None``: nothing any more."""
        heard = None in self._music or self._background is not None
        self._music.discard(None)
        self._background = clip
        if heard or clip is not None:
            await self._after(None)

    async def quiet(self) -> None:
        """No more music of any kind for anybody."""
        await self.background(None)
        for party in tuple(self._music):
            await self.silence(party)

    async def _once(self, clip: Path, to: str | None) -> None:
        try:
            while not await self._media.lasted(await self._media.play(clip, to=to)):
                pass  # another server says it from the beginning
        except MediaUnavailable as error:
            log.warning("call.clip_not_played", code=error.code)

    async def _after(self, to: str | None) -> None:
        """What is heard after something that was said, or in its place."""
        if self._background is None or to is not None:
            await self._hush(to)
        elif not self._over():
            await self._again(self._background, to)

    async def _again(self, clip: Path, to: str | None) -> bool:
        try:
            await self._media.play(clip, again=True, to=to)
        except MediaUnavailable as error:
            log.warning("call.clip_not_played", code=error.code)
            return False
        return True

    async def _hush(self, of: str | None) -> None:
        if self._over():
            return
        try:
            await self._media.hush(of)
        except MediaUnavailable as error:  # who hears it talks to nobody, or is gone
            log.warning("call.clip_not_stopped", code=error.code)
