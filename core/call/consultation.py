"""A consultation by feature code: the client hears music while the employee talks with somebody else.

When the employee hangs up, or presses ``transfer``, the two others talk with each other; when the other
one hangs up, or the employee presses ``consult`` again, he has the client back. One who hangs up while
it still rings has passed the client on without having asked.
"""

from __future__ import annotations

import asyncio

from core.call.conversation import Conversation, LegLeft, Parting
from core.call.dialling import NotAnswered
from core.call.leg import CalleeLeg, Leg, OfferRefused
from core.call.ringing import ring_with_tone
from core.call.transfer import Blind, final, note_transfer
from core.contracts import Dial, StepCode
from core.errors import MediaRefused

__all__ = ["Consultation"]


class Consultation:
    """``by`` wants to talk with whom the step names before he passes on whom he talks with, who is
    ``waiting`` meanwhile."""

    def __init__(self, by: Leg, waiting: Leg, step: Dial) -> None:
        self._by = by
        self._waiting = waiting
        self._step = step

    async def carry_out(self, talk: Conversation) -> Parting | None:
        """Ask, and join whoever is to talk then."""
        state, by, waiting = talk.state, self._by, self._waiting
        if not talk.joins(by, waiting):
            return None
        note_transfer(talk, by, self._step, attended=True)
        await talk.separate(by)
        await state.playing.music(await state.surroundings.hold_music(), waiting.name)
        try:
            ringing = ring_with_tone(state, self._step)
            result = await talk.unless_left(waiting, talk.unless_left(by, ringing))
        except LegLeft as left:
            if left.leg is not by:
                raise
            await self._dismiss_strays(talk)
            return await Blind(by, waiting, self._step).carry_out(talk)
        await state.playing.silence()
        if isinstance(result, NotAnswered) or not await self._met(talk, result.leg, result.sdp):
            state.record.add(StepCode.TRANSFER_FAILED, by.ring, status=final(result))
            await talk.rejoin(waiting)
            return None
        leg = result.leg
        state.record.add(StepCode.CONSULTED, leg.ring)
        passes_on = await talk.unless_left(waiting, self._asked(talk, leg))
        await state.playing.quiet()
        if not passes_on:
            state.record.add(StepCode.RESUMED, by.ring)
            await talk.dismiss(leg)
            await talk.rejoin(waiting)
            return None
        await talk.separate(waiting)
        await talk.rejoin(leg)
        leg.by = by.by
        state.record.add(StepCode.JOINED, leg.ring)
        await talk.dismiss(by)
        return None

    def refuse(self) -> None:
        """Nobody waits for an answer but who hears that the call is over."""

    async def _dismiss_strays(self, talk: Conversation) -> None:
        """Who answered in the very moment in which the employee hung up is in no conversation."""
        for leg in tuple(talk.state.legs.named.values()):
            if leg.answered and not leg.gone and leg not in talk.pair:
                await talk.dismiss(leg)

    async def _met(self, talk: Conversation, leg: CalleeLeg, body: bytes) -> bool:
        try:
            await talk.meet(leg, body)
        except (MediaRefused, OfferRefused):
            leg.end()
            return False
        return True

    async def _asked(self, talk: Conversation, leg: Leg) -> bool:
        """Whether the employee passes the client on to the one whom he asked."""
        choice: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        talk.choosing = self._by, choice
        by, other = talk.side(self._by).left, talk.side(leg).left
        try:
            await asyncio.wait((choice, by, other), return_when=asyncio.FIRST_COMPLETED)
        finally:
            talk.choosing = None
        if other.done():
            return False
        return by.done() or choice.result()
