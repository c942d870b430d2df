"""One leg that is answered: what it wants is done in order, its end is told at once.

An offer of it (hold, resume, another address) is answered here with what the media server says; the
other side keeps its ports and its codec and hears nothing of it but silence, or music. An answer to an
offer that we repeated may tell of another address, too.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

import structlog

from core import sdp
from core.call.leg import Leg
from core.errors import MediaRefused, MediaUnavailable
from core.ports import MediaSession
from core.sip.refer import Referral
from core.sip.session import (
    Cancelled,
    Confirmed,
    Ended,
    Referred,
    Reoffer,
    ReofferAnswered,
    Session,
    SessionEvent,
)
from core.unheard import unheard

__all__ = ["Left", "Side", "answer_offer"]

log = structlog.get_logger(__name__)

VANISHED = "vanished"
"""Why a session ended that gave no sign of life."""

_DEAF = ("sendonly", "inactive")

Left = tuple[str, str]
"""Who left (``caller``, ``callee``, ``system``) and why, if they said."""


def _middle() -> None:
    """Who has no name is in the middle of the media session."""


async def _ignore(direction: str) -> None:
    """Nobody is on the other side."""


class Side:
    """Listens to one leg. ``left`` is done once it is gone; ``direction`` is what it said last."""

    def __init__(
        self,
        leg: Leg,
        media: MediaSession,
        on_left: Callable[[asyncio.Future[Left]], None],
        *,
        name: Callable[[], str | None] = _middle,
        on_direction: Callable[[str], Awaitable[None]] = _ignore,
        on_referred: Callable[[Referral], None] = Referral.decline,
    ) -> None:
        """``on_left`` is given ``left`` as soon as it is done. ``name`` is the leg's name in the media
        session; ``on_direction`` hears that it holds or resumes, ``on_referred`` that it wants to
        transfer the call."""
        self.leg = leg
        self.left: asyncio.Future[Left] = asyncio.get_running_loop().create_future()
        self.direction = "sendrecv"
        self._media = media
        self._on_left = on_left
        self._name = name
        self._on_direction = on_direction
        self._on_referred = on_referred
        self._wanted: deque[SessionEvent] = deque()
        self._chore: asyncio.Task[None] | None = None
        leg.events.pour(self._hear)

    @property
    def holds(self) -> bool:
        """Whether it put the other side on hold."""
        return self.direction in _DEAF

    def close(self) -> None:
        """What is still to be done no longer matters, and nothing is told any more."""
        if self._chore is not None:
            self._chore.cancel()
        self._wanted.clear()
        self._on_left = unheard
        self._name, self._on_direction, self._on_referred = _middle, _ignore, Referral.decline

    async def handed_over(self) -> None:
        """Do what was wanted until now; what comes from then on is for whoever listens next."""
        while self._chore is not None:
            await asyncio.wait([self._chore])
        self.leg.events.keep()

    def _hear(self, event: SessionEvent) -> None:
        if self.left.done():
            return
        if isinstance(event, Ended | Cancelled):  # the answer may have waited for a PRACK
            vanished = isinstance(event, Ended) and not event.by_remote and event.reason == VANISHED
            self.leg.gone = not vanished
            self.left.set_result(("system" if vanished else self.leg.by, event.reason))
            self._on_left(self.left)
        elif isinstance(event, Referred):
            self._on_referred(event.referral)
        elif not isinstance(event, Confirmed) or event.sdp:
            self._wanted.append(event)
            self._go_on()

    def _go_on(self) -> None:
        session = self.leg.session
        if self._wanted and self._chore is None and session is not None:
            self._chore = asyncio.create_task(self._attend(session, self._wanted.popleft()))
            self._chore.add_done_callback(self._attended)

    def _attended(self, chore: asyncio.Task[None]) -> None:
        self._chore = None
        if chore.cancelled() or self.left.done():
            return
        if error := chore.exception():
            self.left.set_exception(error)
            self._on_left(self.left)
        else:
            self._go_on()

    async def _attend(self, session: Session, event: SessionEvent) -> None:
        if isinstance(event, Reoffer):
            if await answer_offer(session, event.sdp, self._name(), self._media) and event.sdp:
                await self._turned(event.sdp)
        elif isinstance(event, Confirmed | ReofferAnswered) and event.sdp:
            await _follow(event.sdp, self._name(), self._media)

    async def _turned(self, offer: bytes) -> None:
        try:
            direction = sdp.direction(offer)
        except MediaRefused:
            return
        before, self.direction = self.direction, direction
        if direction != before:
            await self._on_direction(direction)


async def answer_offer(session: Session, offer: bytes, name: str | None, media: MediaSession) -> bool:
    """Say what the media server says; whether it took the offer. Without one the peer is told again
    what it knows (RFC 3261 §14.2)."""
    try:
        session.accept(await media.reoffer(name, offer) if offer else media.sent(name))
    except MediaUnavailable as error:
        log.warning("call.reoffer_refused", code=error.code)
        session.refuse(error.sip_status)
        return False
    return True


async def _follow(answer: bytes, name: str | None, media: MediaSession) -> None:
    """A party answered an offer of ours, perhaps from another address."""
    try:
        await media.answered(name, answer)
    except MediaUnavailable as error:
        log.warning("call.answer_unusable", code=error.code)
