"""Running a dial plan: legs ring as its tree says, the first answer wins, the others are released.

A dialling is one coroutine per node of the tree. Cancelling it (the caller hung up) cancels every leg
that still rings; a leg that answers at that very moment gets BYE. Media of the losers is dropped
only after the winner is connected, so that the caller does not wait for it.

A cancellation may fall between an answer and its way up the tree, and the times of the step and of a
ring often end together; therefore ``dial`` itself ends whatever leg is left open when it returns.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NamedTuple
from uuid import UUID

import structlog

from core.call.inbox import Inbox
from core.call.leg import COMPLETED_ELSEWHERE, CalleeLeg, Leg
from core.call.record import CallRecord
from core.call.ways import InTurn, NoPlace, Place, Placer
from core.contracts import Par, PlanNode, Ring, Seq, StepCode
from core.errors import MediaRefused, MediaUnavailable
from core.numbers import is_outside
from core.ports import MediaSession
from core.sdp import connection
from core.sip._wire import WireError
from core.sip.session import (
    Answered,
    Ended,
    Failed,
    Progress,
    Reoffer,
    Session,
    SessionEvent,
)

__all__ = ["Answer", "Dialler", "NotAnswered", "Result"]

log = structlog.get_logger(__name__)

_RANG_OUT = 408  # nobody answered in time
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


class _Within(NamedTuple):
    """The times that a part of the plan has; ``final`` if its phones cannot send the call on."""

    limits: tuple[asyncio.Timeout, ...]
    final: bool = False


_Inbox = Inbox[tuple[CalleeLeg, SessionEvent | asyncio.Task[Result]]]
"""What legs say, and how it ended where they sent the call on."""


class Dialler:
    """Dials for one call. ``on_early`` hears what any leg says before it answers.

    A phone that asks to be called elsewhere (3xx) rings there within its own time, once: who is called
    there cannot send the call on. ``gone`` is why legs that still ring end when the dialling is
    cancelled.
    """

    def __init__(
        self,
        media: MediaSession,
        placer: Placer,
        record: CallRecord,
        on_early: Callable[[CalleeLeg, Progress | Reoffer], Awaitable[None]],
    ) -> None:
        self.gone = "caller_left"
        self.legs: dict[str, Leg] = {}  # all that were offered the call, by name, and others with it
        self._media = media
        self._placer = placer
        self._record = record
        self._on_early = on_early
        self._open: list[CalleeLeg] = []
        self._spent: list[CalleeLeg] = []
        self._count = 0
        self._completed = False
        self._taken: Answer | None = None  # from those who ring
        self._task: asyncio.Task[Any] | None = None  # that dials
        self._on_progress: Callable[[int], None] = lambda status: None
        self._further: Callable[[PlanNode], None] | None = None  # while more may ring

    def new_leg(self, ring: Ring, trunk_id: UUID | None = None, *, offers: bool = False) -> CalleeLeg:
        """A leg of the call, with a name that no other one has."""
        self._count += 1
        leg = CalleeLeg(f"leg{self._count}", ring, trunk_id, offers=offers)
        self.legs[leg.name] = leg
        return leg

    async def dial(
        self,
        root: PlanNode,
        seconds: float,
        on_progress: Callable[[int], None] = lambda status: None,
        *,
        grows: bool = False,
    ) -> Result:
        """Ring as the tree says, for ``seconds`` at most; if it ``grows`` more may ring meanwhile.
        ``on_progress`` hears what a phone that rings says.

        Raises MediaUnavailable. However it ends, no leg but the one that is returned is left.
        """
        answer: Answer | None = None
        self._on_progress = on_progress
        self._completed, self._taken = False, None
        self._task = task = asyncio.current_task()
        try:
            async with asyncio.timeout(seconds) as limit:
                ring = self._growing if grows else self._node
                result = await ring(root, _Within((limit,)))
                answer = result if isinstance(result, Answer) else None
                return result
        except TimeoutError:
            return NotAnswered((_RANG_OUT,))
        except asyncio.CancelledError:
            if self._taken is None or task is None or task.uncancel():
                raise
            answer = self._taken
            return answer
        finally:
            self._task = None
            self._completed = answer is not None
            self._leave(self._open, answer)
            self._open.clear()

    def ringing(self) -> tuple[Ring, ...]:
        """What rings now, and nobody has answered yet."""
        waits = self._task is not None and self._taken is None
        return tuple(leg.ring for leg in self._open) if waits else ()

    def take(self, ring: Ring, session: Session) -> None:
        """Somebody takes the call from those who ring, by an INVITE of his own."""
        assert self._task is not None, "only what rings can be taken"
        leg = self.new_leg(ring, offers=True)
        leg.session, leg.answered = session, True
        session.listener = leg.hear
        self._completed, self._taken = True, Answer(leg, session.remote_sdp)
        self._task.cancel()

    def also(self, root: PlanNode) -> bool:
        """Ring this as well, in the time that is left; whether anything that grows is ringing."""
        if self._further is None:
            return False
        self._further(root)
        return True

    async def release(self) -> None:
        """Drop the media of every leg that did not win; what fails is freed when the call closes."""
        spent, self._spent = self._spent, []
        try:
            for leg in spent:
                await self._media.drop(leg.name)
        except MediaUnavailable as error:
            log.warning("media.drop_failed", problem=error.message)

    async def _node(self, node: PlanNode, within: _Within) -> Result:
        if isinstance(node, Ring):
            return await self._ring(node, within)
        if isinstance(node, Seq):
            return await self._in_turn(node, within)
        return await self._at_once(node, within)

    async def _growing(self, root: PlanNode, within: _Within) -> Result:
        """The first answer of the tree and of those that came to it, or the statuses of all."""
        ended: Inbox[asyncio.Task[Result]] = Inbox()
        tasks: list[asyncio.Task[Result]] = []

        def begin(node: PlanNode) -> None:
            tasks.append(asyncio.create_task(self._node(node, within)))
            tasks[-1].add_done_callback(ended.put)

        begin(root)
        statuses: tuple[int, ...] = ()
        winner: Answer | None = None
        self._further = begin
        try:
            while winner is None and not all(task.done() for task in tasks):
                result = (await ended.get()).result()
                if isinstance(result, Answer):
                    winner = result
                else:
                    statuses += result.statuses
        finally:
            self._further = None
            await self._stop(tasks, winner, within)
        return winner or NotAnswered(statuses)

    async def _in_turn(self, node: Seq, within: _Within) -> Result:
        statuses: tuple[int, ...] = ()
        for item in node.items:
            result = await self._node(item, within)
            if isinstance(result, Answer):
                return result
            statuses += result.statuses
        return NotAnswered(statuses)

    async def _at_once(self, node: Par, within: _Within) -> Result:
        tasks = [asyncio.create_task(self._node(item, within)) for item in node.items]
        statuses: tuple[int, ...] = ()
        winner: Answer | None = None
        try:
            for finished in asyncio.as_completed(tasks):
                result = await finished
                if isinstance(result, Answer):
                    winner = result
                    break
                statuses += result.statuses
        finally:
            await self._stop(tasks, winner, within)
        return winner or NotAnswered(statuses)

    async def _stop(
        self, tasks: Sequence[asyncio.Task[Result]], winner: Answer | None, within: _Within
    ) -> None:
        if not tasks:
            return
        self._completed = self._completed or winner is not None
        for task in tasks:
            task.cancel()
        for result in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(result, Answer) and result is not winner:
                self._cut(result.leg.ring, within)
                self._leave([result.leg], winner)

    async def _ring(self, ring: Ring, within: _Within) -> Result:
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
                self._record.add(StepCode.LEG_ENDED, ring, status=_RANG_OUT)
            return NotAnswered((_RANG_OUT,))
        except asyncio.CancelledError:
            if _going_on(legs):
                self._cut(ring, within)
            raise
        finally:
            self._leave(legs, winner)

    async def _rounds(
        self,
        ring: Ring,
        rounds: Sequence[Sequence[Place]],
        legs: list[CalleeLeg],
        within: _Within,
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
        leg = self.new_leg(ring, place.trunk_id)
        legs.append(leg)
        self._open.append(leg)
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

    async def _first(self, waiting: int, inbox: _Inbox, within: _Within) -> Result:
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
                        self._on_progress(event.status)
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
            await self._stop(sent_on, winner, within)
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
        self, leg: CalleeLeg, event: SessionEvent | asyncio.Task[Result], within: _Within
    ) -> PlanNode | None:
        if within.final or not isinstance(event, Failed) or event.status not in _ELSEWHERE:
            return None
        return self._placer.redirected(leg.ring, event.headers.get("Contact", ()), self._record)

    def _send_on(
        self, leg: CalleeLeg, node: PlanNode, inbox: _Inbox, within: _Within
    ) -> asyncio.Task[Result]:
        task = asyncio.create_task(self._node(node, within._replace(final=True)))
        task.add_done_callback(lambda done: inbox.put((leg, done)))
        return task

    def _cut(self, ring: Ring, within: _Within) -> None:
        """Note why a ring that was going on is over."""
        if self._completed:
            self._record.add(StepCode.LEG_ENDED, ring, reason="elsewhere")
        elif any(limit.expired() for limit in within.limits):
            self._record.add(StepCode.LEG_ENDED, ring, status=_RANG_OUT)
        else:
            self._record.add(StepCode.LEG_ENDED, ring, reason=self.gone)

    def _leave(self, legs: Sequence[CalleeLeg], winner: Answer | None) -> None:
        """End each of these legs that is still open, except the winner's."""
        completed = self._completed or winner is not None
        for leg in [leg for leg in legs if leg in self._open]:
            if winner is None or leg is not winner.leg:
                self._open.remove(leg)
                leg.end(COMPLETED_ELSEWHERE if completed else None)
                self._spent.append(leg)


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
