"""Offering a call to one terminal: its phones at once, or carriers in turn, until the first answer.

A phone that asks to be called elsewhere (3xx) rings there within its own time, once: who is called
there cannot send the call on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, NamedTuple

import structlog

from core.background import stopped
from core.call.inbox import Inbox
from core.call.leg import CalleeLeg
from core.call.legs import Legs
from core.call.record import CallRecord
from core.call.ways import InTurn, NoPlace, Place, Placer
from core.contracts import PlanNode, Ring, StepCode
from core.errors import MediaRefused
from core.numbers import is_outside
from core.ports import MediaSession
from core.sdp import connection
from core.sip._wire import WireError
from core.sip.session import Answered, Ended, Failed, Progress, Reoffer, SessionEvent

__all__ = ["RANG_OUT", "Answer", "NotAnswered", "Offering", "Result", "Within"]

log = structlog.get_logger(__name__)

RANG_OUT = 408
"""Nobody answered in time."""

_NOBODY = 480  # nothing could ring
_UNWRITABLE = 500  # the INVITE would not have been SIP
_NO_CARRIER = 503
_NO_AUDIO = 488  # answered, but without a description of audio that can be read
_OF_CARRIER = frozenset({401, 407, 408})  # and 3xx, 5xx: said by a carrier, not by who is called
_ELSEWHERE = frozenset({300, 301, 302, 305, 380})


class Answer(NamedTuple):
    """The leg that answered and its SDP."""

    leg: CalleeLeg
    sdp: bytes


class NotAnswered(NamedTuple):
    """The final statuses of all legs that were tried, in the order in which they came."""

    statuses: tuple[int, ...]


Result = Answer | NotAnswered


class Within(NamedTuple):
    """The times that a part of the plan has. ``follow`` rings those to whom a phone sends the call on;
    ``final`` if its phones cannot."""

    limits: tuple[asyncio.Timeout, ...]
    follow: Callable[[PlanNode, Within], Coroutine[Any, Any, Result]]
    final: bool = False


_Inbox = Inbox[tuple[CalleeLeg, SessionEvent | asyncio.Task[Result]]]
"""What legs say, and how it ended where they sent the call on."""


class Offering:
    """Of one call. ``on_early`` hears what any leg says before it answers, ``on_progress`` that it
    rings."""

    def __init__(
        self,
        media: MediaSession,
        placer: Placer,
        record: CallRecord,
        legs: Legs,
        on_early: Callable[[CalleeLeg, Progress | Reoffer], Awaitable[None]],
    ) -> None:
        self.on_progress: Callable[[int], None] = lambda status: None
        self._media = media
        self._placer = placer
        self._record = record
        self._legs = legs
        self._on_early = on_early

    async def ring(self, ring: Ring, within: Within) -> Result:
        """Let it ring for as long as it may. Raises MediaUnavailable."""
        placed = self._placer.place(ring)
        rounds = [(way,) for way in placed.places] if isinstance(placed, InTurn) else [placed]
        if not rounds:
            self._record.add(StepCode.NOT_RUNG, ring, reason="no_carrier")
            return NotAnswered((_NO_CARRIER,))
        if not rounds[0]:
            reason = "not_allowed" if is_outside(ring.address) else "not_registered"
            self._record.add(StepCode.NOT_RUNG, ring, reason=reason)
            return NotAnswered((_NOBODY,))
        legs: list[CalleeLeg] = []
        winner: Answer | None = None
        try:
            async with asyncio.timeout(ring.seconds) as limit:
                own = within._replace(limits=(*within.limits, limit))
                result = await self._rounds(ring, rounds, legs, own)
                winner = result if isinstance(result, Answer) else None
                return result
        except TimeoutError:
            if _going_on(legs):
                self._record.add(StepCode.LEG_ENDED, ring, status=RANG_OUT)
            return NotAnswered((RANG_OUT,))
        except asyncio.CancelledError:
            if _going_on(legs):
                self._cut(ring, within)
            raise
        finally:
            self._legs.leave(legs, winner and winner.leg)

    async def stop(
        self, tasks: Sequence[asyncio.Task[Result]], winner: Answer | None, within: Within
    ) -> None:
        """End what rings beside the winner; one who answered at the same moment comes too late."""
        if not tasks:
            return
        self._legs.completed = self._legs.completed or winner is not None
        for result in await stopped(tasks):
            if isinstance(result, Answer) and result is not winner:
                self._cut(result.leg.ring, within)
                self._legs.leave([result.leg], winner and winner.leg)

    async def _rounds(
        self,
        ring: Ring,
        rounds: Sequence[Sequence[Place]],
        legs: list[CalleeLeg],
        within: Within,
    ) -> Result:
        """Offer a round; the next one only if a carrier failed before anything rang."""
        result: Result = NotAnswered(())
        for places in rounds:
            inbox: _Inbox = Inbox()
            for place in places:
                await self._offer(ring, place, legs, inbox)
            self._record.ringing(ring, places[0].trunk_id)
            result = await self._first(len(places), inbox, within)
            if isinstance(result, Answer) or legs[-1].rang or not _of_carrier(result.statuses):
                break
        return result

    async def _offer(self, ring: Ring, place: Place, legs: list[CalleeLeg], inbox: _Inbox) -> None:
        leg = self._legs.new(ring, place.trunk_id)
        legs.append(leg)
        self._legs.open.append(leg)
        sdp = await self._media.ring(leg.name, place.profile)

        def listen(event: SessionEvent) -> None:
            if leg.answered:
                leg.hear(event)
                return
            leg.answered = isinstance(event, Answered)  # now: a BYE may follow in the same turn
            inbox.put((leg, event))

        try:
            leg.session = place.invite(sdp, listen)
        except WireError:  # a plugin's header, or a phone's address: the others may well ring
            log.warning("leg.unwritable", terminal=str(ring.terminal_id))
            listen(Failed(_UNWRITABLE, ""))
        except NoPlace as error:
            listen(Failed(error.sip_status, ""))

    async def _first(self, waiting: int, inbox: _Inbox, within: Within) -> Result:
        """The first answer of so many legs, or the statuses of all."""
        statuses: tuple[int, ...] = ()
        sent_on: list[asyncio.Task[Result]] = []
        winner: Answer | None = None
        try:
            while waiting and winner is None:
                leg, event = await inbox.get()
                if isinstance(event, Progress | Reoffer):
                    if isinstance(event, Progress):
                        leg.rang = True
                        self.on_progress(event.status)
                    await self._on_early(leg, event)
                    continue
                result = event.result() if isinstance(event, asyncio.Task) else self._end(leg, event)
                elsewhere = self._elsewhere(leg, event, within)
                if elsewhere is not None:
                    sent_on.append(self._send_on(leg, elsewhere, inbox, within))
                elif isinstance(result, Answer):
                    winner = result
                elif result is not None:
                    statuses += result.statuses
                    waiting -= 1
        finally:
            await self.stop(sent_on, winner, within)
        return winner or NotAnswered(statuses)

    def _end(self, leg: CalleeLeg, event: SessionEvent) -> Result | None:
        """What an event means for the dialling, if it is the end of a leg's ringing."""
        if isinstance(event, Answered) and _has_audio(event.sdp):
            self._record.trunk_id = leg.trunk_id
            return Answer(leg, event.sdp)
        if isinstance(event, Answered):
            leg.end()  # nobody can talk on it; the others may well do
            status = _NO_AUDIO
        elif isinstance(event, Failed | Ended):
            status = event.status if isinstance(event, Failed) else _NOBODY
        else:
            return None
        leg.over = True
        self._record.add(StepCode.LEG_ENDED, leg.ring, status=status)
        return NotAnswered((status,))

    def _elsewhere(
        self, leg: CalleeLeg, event: SessionEvent | asyncio.Task[Result], within: Within
    ) -> PlanNode | None:
        if within.final or not isinstance(event, Failed) or event.status not in _ELSEWHERE:
            return None
        return self._placer.redirected(leg.ring, event.headers.get("Contact", ()), self._record)

    def _send_on(
        self, leg: CalleeLeg, node: PlanNode, inbox: _Inbox, within: Within
    ) -> asyncio.Task[Result]:
        task = asyncio.create_task(within.follow(node, within._replace(final=True)))
        task.add_done_callback(lambda done: inbox.put((leg, done)))
        return task

    def _cut(self, ring: Ring, within: Within) -> None:
        """Note why a ring that was going on is over."""
        if self._legs.completed:
            self._record.add(StepCode.LEG_ENDED, ring, reason="elsewhere")
        elif any(limit.expired() for limit in within.limits):
            self._record.add(StepCode.LEG_ENDED, ring, status=RANG_OUT)
        else:
            self._record.add(StepCode.LEG_ENDED, ring, reason=self._legs.gone)


def _going_on(legs: Sequence[CalleeLeg]) -> bool:
    """Whether one of them has not said yet how its ringing ends."""
    return any(not leg.over for leg in legs)


def _has_audio(answer: bytes) -> bool:
    try:
        connection(answer)
    except MediaRefused:
        return False
    return True


def _of_carrier(statuses: Sequence[int]) -> bool:
    """Whether only a carrier can have said this, so that another may do better."""
    return all(status // 100 in (3, 5) or status in _OF_CARRIER for status in statuses)
