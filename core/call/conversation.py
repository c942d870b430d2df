"""Two connected legs until one of them leaves, the limit is reached or somebody ends the call.

An offer of either side (hold, resume, another address) is answered here with what the media server
says; the other side keeps its ports and its codec and hears nothing of it but silence. An answer to
an offer that we repeated may tell of another address, too. Transfers are declined.
"""

from __future__ import annotations

import asyncio
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

__all__ = ["Parting", "converse"]

log = structlog.get_logger(__name__)


class Parting(NamedTuple):
    """Who ended the conversation (``caller``, ``callee``, ``system``) and why, if they said."""

    by: str
    cause: str = ""


async def converse(
    caller: Leg, callee: Leg, media: MediaSession, limit: float | None = None
) -> Parting:
    """Wait for the end; the leg that stays gets BYE. ``limit`` is in seconds."""
    sides = {
        asyncio.create_task(_until_ended(caller, None, media)): ("caller", callee),
        asyncio.create_task(_until_ended(callee, callee.name, media)): ("callee", caller),
    }
    try:
        done, _ = await asyncio.wait(sides, timeout=limit, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in sides:
            task.cancel()
    if not done:
        caller.end()
        callee.end()
        return Parting("system", "limit")
    finished = next(iter(done))
    by, other = sides[finished]
    other.end()
    return Parting(by, finished.result())


async def _until_ended(leg: Leg, name: str | None, media: MediaSession) -> str:
    while True:
        event: SessionEvent = await leg.events.get()
        if isinstance(event, Ended | Cancelled):  # the answer may have waited for a PRACK
            return event.reason
        if leg.session is not None:
            await _attend(leg.session, event, name, media)


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
