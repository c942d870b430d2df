"""A call that somebody asked for: the employee's telephones ring first, then his number is dialled."""

from __future__ import annotations

from msgspec.structs import replace

from core.call.dialling import NotAnswered
from core.call.ending import unanswered
from core.call.ringing import planned, ring
from core.call.state import CallState
from core.contracts import Addressee, AddresseeKind, Dial, StepCode

__all__ = ["originate"]


async def originate(state: CallState) -> bool:
    """Have the employee at a telephone who is the caller from then on; whether he is.

    Raises MediaUnavailable.
    """
    record = state.record
    await state.media.begin()
    step = Dial((Addressee(AddresseeKind.EMPLOYEE, str(record.facts.employee_id)),))
    plan = planned(state, step)
    with state.surroundings.for_caller():
        result = await ring(state, plan, step.ring_seconds)
    if isinstance(result, NotAnswered):
        state.fallback = unanswered(record.facts, result.statuses)
        return False
    leg = result.leg
    record.facts = replace(record.facts, terminal_id=leg.ring.terminal_id)
    record.add(StepCode.TAKEN_UP, leg.ring)
    if leg.by_info:
        state.media.by_info(leg.name)
    await state.media.found(leg.name, result.sdp)
    state.begins_with(leg)
    await state.legs.release()
    return True
