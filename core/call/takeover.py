"""Somebody takes a place in a conversation by an INVITE of his own, with Replaces (RFC 3891)."""

from __future__ import annotations

from core.call.conversation import Conversation, Parting
from core.call.leg import CalleeLeg, Leg
from core.contracts import Ring, StepCode
from core.errors import MediaUnavailable
from core.sip.session import Session

__all__ = ["TakeOver"]


class TakeOver:
    """``session`` takes the place of ``replaced``, who is told goodbye."""

    def __init__(self, replaced: Leg, ring: Ring, session: Session) -> None:
        self._replaced = replaced
        self._ring = ring
        self._session = session

    async def carry_out(self, talk: Conversation) -> Parting | None:
        """Answer the newcomer, if the one whose place he wants is still there."""
        state, replaced = talk.state, self._replaced
        if replaced not in talk.pair or replaced.gone:
            self._session.reject(481)
            return None
        leg: CalleeLeg = state.legs.new(self._ring, offers=True)
        leg.session, leg.answered = self._session, True
        self._session.listener = leg.hear
        await talk.separate(talk.other(replaced))
        try:
            await talk.enter(leg, self._session.remote_sdp, replaced)
        except MediaUnavailable as error:
            leg.gone = True
            self._session.reject(error.sip_status)
            await talk.rejoin(replaced)
            return None
        state.record.add(StepCode.JOINED, leg.ring)
        await talk.dismiss(replaced)
        return None
