"""Two connected legs until one of them leaves, the limit is reached or somebody ends the call.

An offer of either side (hold, resume, another address) is answered here with what the media server
says; the other side keeps its ports and its codec and hears nothing of it but silence. An answer to
an offer that we repeated may tell of another address, too. Transfers are declined.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import NamedTuple

import structlog

from core.call.leg import Leg
from core.errors import MediaUnavailable
from core.ports import MediaSession
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

__all__ = ["Parting", "Side", "converse"]

log = structlog.get_logger(__name__)

VANISHED = "vanished"
"""Why a session ended that gave no sign of life."""


class Parting(NamedTuple):
    """Who ended the conversation (``caller``, ``callee``, ``system``) and why, if they said."""

    by: str
    cause: str = ""


async def converse(
    caller: Leg, callee: Leg, media: MediaSession, limit: float | None = None
) -> Parting:
    """Wait for the end; the leg that stays gets BYE. ``limit`` is in seconds."""
    over: asyncio.Future[tuple[str, str]] = asyncio.get_running_loop().create_future()
    sides = (
        Side("caller", caller, None, media, over),
        Side("callee", callee, callee.name, media, over),
    )
    try:
        by, cause = await (over if limit is None else asyncio.wait_for(over, limit))
    except TimeoutError:
        if not over.cancelled():  # not the limit
            raise
        caller.end()
        callee.end()
        return Parting("system", "limit")
    finally:
        for side in sides:
            side.close()
    for leg in {"caller": (callee,), "callee": (caller,)}.get(by, (caller, callee)):
        leg.end()
    return Parting(by, cause)


class Side:
    """Listens to one leg: what it wants is done in order, its end ends the conversation at once."""

    def __init__(
        self,
        by: str,
        leg: Leg,
        name: str | None,
        media: MediaSession,
        over: asyncio.Future[tuple[str, str]],
    ) -> None:
        """``over`` gets who left and why; ``name`` is the leg's name in the media session."""
        self._by = by
        self._leg = leg
        self._name = name
        self._media = media
        self._over = over
        self._wanted: deque[SessionEvent] = deque()
        self._chore: asyncio.Task[None] | None = None
        leg.events.pour(self._hear)

    def close(self) -> None:
        """What is still to be done no longer matters."""
        if self._chore is not None:
            self._chore.cancel()

    async def handed_over(self) -> None:
        """Do what was wanted until now; what comes from then on is for whoever listens next."""
        while self._chore is not None:
            await asyncio.wait([self._chore])
        self._leg.events.keep()

    def _hear(self, event: SessionEvent) -> None:
        if self._over.done():
            return
        if isinstance(event, Ended | Cancelled):  # the answer may have waited for a PRACK
            gone = isinstance(event, Ended) and not event.by_remote and event.reason == VANISHED
            self._over.set_result(("system" if gone else self._by, event.reason))
        elif not isinstance(event, Confirmed) or event.sdp:
            self._wanted.append(event)
            self._go_on()

    def _go_on(self) -> None:
        session = self._leg.session
        if self._wanted and self._chore is None and session is not None:
            chore = _attend(session, self._wanted.popleft(), self._name, self._media)
            self._chore = asyncio.create_task(chore)
            self._chore.add_done_callback(self._attended)

    def _attended(self, chore: asyncio.Task[None]) -> None:
        self._chore = None
        if chore.cancelled() or self._over.done():
            return
        if error := chore.exception():
            self._over.set_exception(error)
        else:
            self._go_on()


async def _attend(session: Session, event: SessionEvent, name: str | None, media: MediaSession) -> None:
    if isinstance(event, Reoffer):
        await answer_offer(session, event.sdp, name, media)
    elif isinstance(event, Confirmed | ReofferAnswered) and event.sdp:
        await _follow(event.sdp, name, media)
    elif isinstance(event, Referred):
        event.referral.decline()


async def answer_offer(session: Session, offer: bytes, name: str | None, media: MediaSession) -> None:
    """Say what the media server says. Without an offer the peer is told again what it knows (RFC 3261
    §14.2)."""
    try:
        session.accept(await media.reoffer(name, offer) if offer else media.sent(name))
    except MediaUnavailable as error:
        log.warning("call.reoffer_refused", code=error.code)
        session.refuse(error.sip_status)


async def _follow(answer: bytes, name: str | None, media: MediaSession) -> None:
    """A party answered an offer of ours, perhaps from another address."""
    try:
        await media.answered(name, answer)
    except MediaUnavailable as error:
        log.warning("call.answer_unusable", code=error.code)
