"""The keys that both sides of a call press, however they say it.

RFC 4733 packets travel in the audio by themselves; the media server reports them. A telephone without
them says its keys by INFO: towards the other side they are played as RFC 4733, or said by INFO again
if that side has nothing better. What the caller pressed waits for whoever wants it: a menu, say.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

import structlog

from core.call.leg import Leg
from core.errors import MediaUnavailable
from core.ports import MediaSession
from core.sip.session import Digit
from core.unheard import unheard

__all__ = ["Keys"]

log = structlog.get_logger(__name__)

_KEPT = 64  # of a caller who presses and presses while nobody listens, the last ones


class Keys:
    """The keys of one call: of its caller, and of the two who talk once they are ``joined``.

    ``on_pressed`` hears of every key of those who talk.
    """

    def __init__(self, caller: Leg, media: MediaSession) -> None:
        self._caller = caller
        self._middle = caller  # of the media session
        self._other: Leg | None = None
        self._media = media
        self._pressed: asyncio.Queue[str] = asyncio.Queue(_KEPT)
        self._informing: set[Leg] = set()  # who said a key by INFO
        self._turn = asyncio.Lock()
        self._chores: set[asyncio.Task[None]] = set()
        self.on_pressed: Callable[[Leg, str], None] = unheard
        media.listen(self.heard)

    async def next(self) -> str:
        """The next key of the caller, one of ``0-9*#A-D``."""
        return await self._pressed.get()

    def forget(self) -> None:
        """What was pressed until now is for nobody."""
        while not self._pressed.empty():
            self._pressed.get_nowait()

    def caller_is(self, leg: Leg) -> None:
        """Who wanted the call is at this telephone."""
        self._caller = self._middle = leg

    def joined(self, middle: Leg, other: Leg) -> None:
        """These two talk from now on; ``middle`` is in the middle of the media session."""
        self._middle, self._other = middle, other
        for leg in (middle, other):
            leg.on_digit = partial(self.informed, leg)

    def parted(self, middle: Leg) -> None:
        """Nobody talks with the one who is in the middle now."""
        self._middle, self._other = middle, None

    def opposite(self, leg: Leg) -> Leg | None:
        """Who talks with this one now, if anybody does."""
        if leg is self._middle:
            return self._other
        return self._middle if leg is self._other else None

    def heard(self, party: str | None, key: str, milliseconds: int) -> None:
        """The media server heard a key in the audio of a party (``None`` is in the middle)."""
        leg = self._leg(party)
        if leg is None or leg in self._informing:  # what we played ourselves
            return
        self._note(leg, key)
        other = self.opposite(leg)
        if other is not None and other.session is not None and other.session.by_info:
            other.session.digit(key, milliseconds)

    def informed(self, leg: Leg, digit: Digit) -> None:
        """A party said a key by INFO."""
        self._informing.add(leg)
        self._note(leg, digit.digit)
        other = self.opposite(leg)
        if other is None or other.session is None:
            return
        if other.session.by_info:
            other.session.digit(digit.digit, digit.milliseconds)
            return
        party = None if leg is self._middle else leg.name
        chore = asyncio.create_task(self._play(party, digit))
        self._chores.add(chore)
        chore.add_done_callback(self._chores.discard)

    def close(self) -> None:
        """The call is over."""
        for chore in self._chores:
            chore.cancel()
        self.on_pressed = unheard

    async def _play(self, party: str | None, digit: Digit) -> None:
        try:
            async with self._turn:  # in the order in which they were pressed
                await self._media.press(party, digit.digit, digit.milliseconds)
        except MediaUnavailable as error:
            log.warning("call.key_not_played", code=error.code)

    def _leg(self, party: str | None) -> Leg | None:
        if party is None:
            return self._middle
        return self._other if self._other is not None and party == self._other.name else None

    def _note(self, leg: Leg, key: str) -> None:
        if leg is self._caller:
            if self._pressed.full():
                self._pressed.get_nowait()
            self._pressed.put_nowait(key)
        if self.opposite(leg) is not None:
            self.on_pressed(leg, key)
