"""The legs of one call: each has a name of its own, and none stays open that nobody talks on."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import structlog

from core.call.leg import COMPLETED_ELSEWHERE, CalleeLeg, Header, Leg
from core.contracts import Ring
from core.errors import MediaUnavailable
from core.ports import MediaSession

__all__ = ["Legs"]

log = structlog.get_logger(__name__)


class Legs:
    """All that were offered the call, and others with it. ``completed`` is whether somebody has it,
    ``gone`` why those who still ring must stop if nobody has."""

    def __init__(self, named: dict[str, Leg], media: MediaSession) -> None:
        """``named`` has the caller, and others as they come."""
        self.named = named
        self.open: list[CalleeLeg] = []  # those that ring
        self.completed = False
        self.gone = "caller_left"
        self._media = media
        self._spent: list[CalleeLeg] = []
        self._count = 0

    def new(self, ring: Ring, trunk_id: UUID | None = None, *, offers: bool = False) -> CalleeLeg:
        """A leg of the call, with a name that no other one has."""
        self._count += 1
        leg = CalleeLeg(f"leg{self._count}", ring, trunk_id, offers=offers)
        self.named[leg.name] = leg
        return leg

    def leave(self, legs: Sequence[CalleeLeg], winner: CalleeLeg | None) -> None:
        """End each of these that still rings, except the winner."""
        completed = self.completed or winner is not None
        for leg in tuple(legs):  # which may be those that are open
            if leg in self.open and leg is not winner:
                self.open.remove(leg)
                leg.end(COMPLETED_ELSEWHERE if completed else None)
                self._spent.append(leg)

    async def release(self) -> None:
        """Drop the media of every leg that did not win, and forget it."""
        spent, self._spent = self._spent, []
        for leg in spent:
            if not await self.drop(leg):
                return
            del self.named[leg.name]

    async def drop(self, leg: Leg) -> bool:
        """Drop the media of one who has no part in the call any more; whether that succeeded.

        What fails is freed when the call closes, and costs those who talk nothing.
        """
        try:
            await self._media.drop(leg.name)
        except MediaUnavailable as error:
            log.warning("media.drop_failed", problem=error.message)
            return False
        return True

    def end(self, reason: Header | None = None) -> None:
        """Leave everybody who answered and is still there."""
        for leg in self.named.values():
            if leg.answered:
                leg.end(reason)
