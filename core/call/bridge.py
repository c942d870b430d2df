"""Joining the caller of a call with whoever answers, until they part."""

from __future__ import annotations

from core.call.conversation import Conversation
from core.call.dialling import Answer
from core.call.ending import CANCELLED, CallEnd
from core.call.semiattended import Heir
from core.call.state import CallState
from core.call.transfer import TRANSFERRED
from core.call.wishes import by_keys, referred
from core.contracts import Outcome

__all__ = ["connect"]


async def connect(state: CallState, answer: Answer) -> CallEnd:
    """Join the caller with this leg and wait until one of them leaves. Raises MediaUnavailable."""
    if state.heir is not None:
        return _left_to(state.heir, state, answer)
    leg, state.joining = answer.leg, True
    if leg.by_info:
        state.media.by_info(leg.name)
    try:
        if state.line is not None:
            await state.line.handed_over()
            state.line = None
        await state.early.join(leg, answer.sdp)
        state.go_on()  # else the caller left in this very turn of the loop
        await state.playing.quiet()
        state.early.answer()
        state.keys.joined(state.caller, leg)
        state.record.answered(leg.ring)
        state.surroundings.answered(state.record, leg.ring)
        await state.legs.release()
        state.talk = Conversation(state, leg, on_referral=referred, on_code=by_keys)
        parting = await state.talk.run()
    except BaseException:  # whatever happened, nobody stays on a line that leads nowhere
        leg.end(state.why())
        state.legs.end(state.why())  # of a caller who is not answered ``Call.run`` sees to his end
        raise
    return CallEnd(Outcome.ANSWERED, 200, parting.by, parting.cause)


def _left_to(heir: Heir, state: CallState, answer: Answer) -> CallEnd:
    """Somebody else's party is to have whoever answers: here he was answered, and no more."""
    leg = answer.leg
    if heir.take(answer, b"" if leg.offers else state.media.sent(leg.name)) is None:
        leg.end()
        return CallEnd(Outcome.CANCELLED, CANCELLED, "caller", TRANSFERRED)
    state.record.answered(leg.ring)
    return CallEnd(Outcome.ANSWERED, 200, "caller", TRANSFERRED)
