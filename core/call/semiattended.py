"""Passing on to somebody who still rings (RFC 5589 §7.2 by Replaces): a semi-attended transfer.

The call that rings is left to the conversation of whoever is passed on, who hears the ringback tone.
Whoever answers is taken over at once, and asked by re-INVITE to send his audio here. If nobody does it
fails like a blind transfer. The transferor may hang up the call that rings as soon as it is left.
"""

from __future__ import annotations

import asyncio

from core.call.conversation import Conversation, LegLeft, Parting
from core.call.ending import CANCELLED, UNAVAILABLE, CallEnd
from core.call.leg import CalleeLeg, Leg
from core.call.offering import Answer
from core.call.state import CallState
from core.call.transfer import TRANSFERRED, Attended, adopt, back
from core.contracts import Outcome, Ring, StepCode
from core.errors import SunSimError
from core.sip.refer import Referral

__all__ = ["Heir", "SemiAttended"]

_RINGING = 180
_NO_DIALOG = 481
_GONE = CallEnd(Outcome.CANCELLED, CANCELLED, "caller", TRANSFERRED)


class SemiAttended:
    """Let ``staying``, whom ``by`` talks with, have whoever answers ``there``; ``own`` is the same
    person's leg in it."""

    def __init__(self, by: Leg, staying: Leg, there: CallState, own: Leg, referral: Referral) -> None:
        self._by = by
        self._staying = staying
        self._there = there
        self._own = own
        self._referral = referral

    async def carry_out(self, talk: Conversation) -> Parting | None:
        """Wait for the answer and join; how it ends if nobody is left to talk with."""
        state, by, staying, there = talk.state, self._by, self._staying, self._there
        if there.talk is not None:  # he answered meanwhile
            own = self._own, there.talk.other(self._own)
            return await Attended((by, staying), there.talk, own, self._referral).carry_out(talk)
        if (
            not talk.joins(by, staying)
            or there.heir is not None
            or there.gone.done()
            or not there.dialler.ringing()
        ):
            self._referral.report(_NO_DIALOG)
            return None
        state.record.add(StepCode.TRANSFER, by.ring, to=there.record.facts.called, attended=True)
        there.heir = heir = Heir(talk)
        await talk.separate(staying)
        await state.playing.music(state.surroundings.ringback())
        self._referral.report(_RINGING)
        try:
            status = await talk.unless_left(staying, self._enter(talk, heir))
        finally:
            if heir.taken.cancelled():  # nobody waits for it any more
                there.leave(_GONE)
        self._referral.report(status)
        if status == 200:
            await talk.dismiss(by)
            return None
        state.record.add(StepCode.TRANSFER_FAILED, by.ring, status=status)
        return await back(talk, by, staying)

    def refuse(self) -> None:
        """Whoever was to be passed on is gone."""
        self._referral.report(CANCELLED)

    async def _enter(self, talk: Conversation, heir: Heir) -> int:
        """Join whoever answers; the status that says how that went."""
        taken = await heir.taken
        if isinstance(taken, int):
            return taken
        leg, body = taken
        talk.listen(leg)
        try:
            if not leg.offers:
                body = await talk.unless_left(leg, self._ask(talk, leg, body))
            await talk.enter(leg, body, self._by)
        except LegLeft:
            await talk.state.legs.drop(leg)
            return UNAVAILABLE
        except SunSimError as error:
            await talk.dismiss(leg)
            return error.sip_status
        talk.state.record.add(StepCode.JOINED, leg.ring)
        return 200

    async def _ask(self, talk: Conversation, leg: Leg, before: bytes) -> bytes:
        return await leg.reoffer(await talk.state.media.adopt(leg.name, before))


class Heir:
    """Whom a call that rings is left to. ``taken`` is who answered, as a leg of the heir's call, with
    what he was sent, or offers; or the status of a call that nobody answered."""

    def __init__(self, talk: Conversation) -> None:
        self.taken: asyncio.Future[tuple[CalleeLeg, bytes] | int]
        self.taken = asyncio.get_running_loop().create_future()
        self._talk = talk

    def take(self, answer: Answer, sent: bytes) -> Ring | None:
        """Somebody answered: he is the heir's from now on; ``None`` if nobody waits for him."""
        if self.taken.done():
            return None
        there = answer.leg
        leg = self._talk.state.legs.new(there.ring, there.trunk_id, offers=there.offers)
        adopt(leg, there)
        self.taken.set_result((leg, answer.sdp if there.offers else sent))
        return leg.ring

    def over(self, status: int) -> None:
        """Nobody answered."""
        if not self.taken.done():
            self.taken.set_result(status)
