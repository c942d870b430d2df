"""Running a dial plan: terminals ring as its tree says, the first answer wins, the others are released.

A dialling is one coroutine per node of the tree. Cancelling it (the caller hung up) cancels every leg
that still rings; a leg that answers at that very moment gets BYE. Media of the losers is dropped
only after the winner is connected, so that the caller does not wait for it.

A cancellation may fall between an answer and its way up the tree, and the times of the step and of a
ring often end together; therefore ``dial`` itself ends whatever leg is left open when it returns.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from core.call.inbox import Inbox
from core.call.leg import CalleeLeg
from core.call.legs import Legs
from core.call.newcomer import ask
from core.call.offering import RANG_OUT, Answer, NotAnswered, Offering, Result, Within
from core.call.record import CallRecord
from core.call.ways import Placer
from core.contracts import Par, PlanNode, Ring, Seq
from core.errors import SunSimError
from core.ports import MediaSession
from core.sdp import Profile
from core.sip.session import Progress, Reoffer, Session

__all__ = ["Answer", "Dialler", "NotAnswered", "Result"]


class Dialler:
    """Dials for one call. ``on_early`` hears what any leg says before it answers."""

    def __init__(
        self,
        media: MediaSession,
        placer: Placer,
        record: CallRecord,
        legs: Legs,
        on_early: Callable[[CalleeLeg, Progress | Reoffer], Awaitable[None]],
    ) -> None:
        self._legs = legs
        self._media = media
        self._offering = Offering(media, placer, record, legs, on_early)
        self._taken: Answer | None = None  # from those who ring
        self._task: asyncio.Task[Any] | None = None  # that dials
        self._further: Callable[[PlanNode], None] | None = None  # while more may ring

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
        self._offering.on_progress = on_progress
        self._legs.completed, self._taken = False, None
        self._task = task = asyncio.current_task()
        try:
            async with asyncio.timeout(seconds) as limit:
                ring = self._growing if grows else self._node
                result = await ring(root, Within((limit,), self._node))
                answer = result if isinstance(result, Answer) else None
                return result
        except TimeoutError:
            return NotAnswered((RANG_OUT,))
        except asyncio.CancelledError:
            if self._taken is None or task is None or task.uncancel():
                raise
            answer = self._taken
        finally:
            self._task = None
            self._legs.completed = answer is not None
            self._legs.leave(self._legs.open, answer and answer.leg)
            self._legs.open.clear()
        return await self._described(answer)

    def ringing(self) -> tuple[Ring, ...]:
        """What rings now, and nobody has answered yet."""
        waits = self._task is not None and self._taken is None
        return tuple(leg.ring for leg in self._legs.open) if waits else ()

    def take(self, ring: Ring, session: Session, profile: Profile) -> None:
        """Somebody takes the call from those who ring, by an INVITE of his own; one without an offer
        is offered this profile."""
        assert self._task is not None, "only what rings can be taken"
        leg = self._legs.new(ring, offers=True)
        leg.session, leg.answered, leg.profile = session, True, profile
        session.listener = leg.hear
        self._legs.completed, self._taken = True, Answer(leg, session.remote_sdp)
        self._task.cancel()

    def also(self, root: PlanNode) -> bool:
        """Ring this as well, in the time that is left; whether anything that grows is ringing."""
        if self._further is None:
            return False
        self._further(root)
        return True

    async def _described(self, taken: Answer) -> Result:
        """Who took the call, once it is known what he speaks."""
        leg, body = taken
        if body:
            return taken
        self._legs.open.append(leg)
        try:
            taken = Answer(leg, await ask(leg, self._media))
            self._legs.open.remove(leg)
        except SunSimError as error:
            return NotAnswered((error.sip_status,))
        finally:
            self._legs.leave((leg,), None)
        return taken

    async def _node(self, node: PlanNode, within: Within) -> Result:
        if isinstance(node, Ring):
            return await self._offering.ring(node, within)
        if isinstance(node, Seq):
            return await self._in_turn(node, within)
        return await self._at_once(node, within)

    async def _growing(self, root: PlanNode, within: Within) -> Result:
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
            await self._offering.stop(tasks, winner, within)
        return winner or NotAnswered(statuses)

    async def _in_turn(self, node: Seq, within: Within) -> Result:
        statuses: tuple[int, ...] = ()
        for item in node.items:
            result = await self._node(item, within)
            if isinstance(result, Answer):
                return result
            statuses += result.statuses
        return NotAnswered(statuses)

    async def _at_once(self, node: Par, within: Within) -> Result:
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
            await self._offering.stop(tasks, winner, within)
        return winner or NotAnswered(statuses)
