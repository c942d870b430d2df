"""Joining the caller of a call with whoever answers, until they part."""

from __future__ import annotations

from core.call.conversation import converse
from core.call.dialling import Answer
from core.call.ending import CallEnd
from core.call.state import CallState
from core.contracts import Outcome

__all__ = ["connect"]


async def connect(state: CallState, answer: Answer) -> CallEnd:
    """Join the caller with this leg and wait until one of them leaves. Raises MediaUnavailable."""
    leg, caller = answer.leg, state.caller
    if leg.session is not None and leg.session.by_info:
        state.media.by_info(leg.name)
    try:
        if state.line is not None:
            await state.line.handed_over()
            state.line = None
        await state.early.join(leg, answer.sdp)
        state.go_on()  # else the caller left in this very turn of the loop
        await state.playing.silence()
        state.early.answer()
        state.keys.joined(leg)
        state.record.answered(leg.ring)
        state.surroundings.answered(state.record, leg.ring)
        await state.dialler.release()
        state.conversation = {None: caller, leg.name: leg}
        state.parted = True
        parting = await converse(caller, leg, state.media, state.limit)
    except BaseException:  # whatever happened, nobody stays on a line that leads nowhere
        leg.end(state.why())
        if caller.answered:  # else ``Call.run`` says why not
            state.parted = True
            caller.end(state.why())
        raise
    return CallEnd(Outcome.ANSWERED, 200, parting.by, parting.cause)
