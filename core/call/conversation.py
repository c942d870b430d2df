"""Two connected legs until one of them leaves, the limit is reached or somebody ends the call."""

from __future__ import annotations

import asyncio
from typing import NamedTuple

from core.call.leg import Leg
from core.sip.session import Ended, Reoffer, SessionEvent

__all__ = ["Parting", "converse"]

_NOT_ACCEPTABLE = 488


class Parting(NamedTuple):
    """Who ended the conversation (``caller``, ``callee``, ``system``) and why, if they said."""

    by: str
    cause: str = ""


async def converse(caller: Leg, callee: Leg, limit: float | None) -> Parting:
    """Wait for the end; the leg that stays gets BYE. ``limit`` is in seconds."""
    sides = {
        asyncio.create_task(_until_ended(caller)): ("caller", callee),
        asyncio.create_task(_until_ended(callee)): ("callee", caller),
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


async def _until_ended(leg: Leg) -> str:
    while True:
        event: SessionEvent = await leg.events.get()
        if isinstance(event, Ended):
            return event.reason
        if isinstance(event, Reoffer) and leg.session:
            leg.session.refuse(_NOT_ACCEPTABLE)
