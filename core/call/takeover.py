"""Somebody takes a place in a conversation by an INVITE of his own, with Replaces (RFC 3891)."""

from __future__ import annotations

from core.call.conversation import Conversation, LegLeft, Parting
from core.call.leg import CalleeLeg, Leg
from core.call.newcomer import ask
from core.contracts import Ring, StepCode
from core.errors import MediaUnavailable, SunSimError
from core.sdp import PLAIN, Profile
from core.sip.session import Session

__all__ = ["TakeOver"]


class TakeOver:
    """``session`` takes the place of ``replaced``, who is told goodbye. If it offers nothing it is
    offered ``profile``; until it has answered that, the two go on talking."""

    def __init__(self, replaced: Leg, ring: Ring, session: Session, profile: Profile = PLAIN) -> None:
        self._replaced = replaced
        self._ring = ring
        self._session = session
        self._profile = profile

    async def carry_out(self, talk: Conversation) -> Parting | None:
        """Answer the newcomer, if the one whose place he wants is still there."""
        state, replaced = talk.state, self._replaced
        if replaced not in talk.pair or not replaced.alive or self._session.leaving:
            self.refuse()
            return None
        leg: CalleeLeg = state.legs.new(self._ring, offers=True)
        leg.session, leg.answered, leg.profile = self._session, True, self._profile
        self._session.listener = leg.hear
        staying = talk.other(replaced)
        try:
            body = self._session.remote_sdp or await talk.unless_left(staying, ask(leg, state.media))
        except LegLeft:
            leg.end()
            raise
        except SunSimError:
            await talk.dismiss(leg)
            return None
        await talk.separate(staying)
        try:
            await talk.enter(leg, body, replaced)
        except MediaUnavailable as error:
            self._session.reject(error.sip_status)
            leg.end()  # if it was answered
            await talk.rejoin(replaced)
            return None
        if not leg.alive:  # gave up meanwhile
            await talk.dismiss(leg)
            await talk.rejoin(replaced)
            return None
        state.record.add(StepCode.JOINED, leg.ring)
        await talk.dismiss(replaced)
        return None

    def refuse(self) -> None:
        """There is no place to take."""
        self._session.reject(481)
