"""Ringing those whom a step names: who does and who does not stands in the record."""

from __future__ import annotations

from collections.abc import Callable, Collection

from core.call.dialling import NotAnswered, Result
from core.call.ending import nobody
from core.call.state import CallState
from core.contracts import Dial, DialPlan, StepCode

__all__ = ["planned", "ring", "ring_with_tone"]


def planned(state: CallState, step: Dial, only: Collection[str] | None = None) -> DialPlan:
    """Who rings now; with ``only`` nobody but these. Of a step that is dialled again and again the
    record says only what is new of who does not."""
    record = state.record
    plan = state.surroundings.plan(step, record, only)
    for skipped in plan.skipped:
        if not record.is_news(step, skipped):
            continue
        nameless = None if skipped.employee_id else skipped.addressee
        record.add(
            StepCode.NOT_RUNG,
            reason=skipped.reason,
            terminal_id=skipped.terminal_id,
            employee_id=skipped.employee_id,
            kind=nameless.kind if nameless else "",
            ref=nameless.ref if nameless else "",
        )
    return plan


async def ring(
    state: CallState,
    plan: DialPlan,
    seconds: float,
    on_progress: Callable[[int], None] = lambda status: None,
    *,
    grows: bool = False,
) -> Result:
    """Ring them for so long at most; if it ``grows`` others may come to them. Raises
    MediaUnavailable."""
    if plan.root is None:
        return NotAnswered(nobody(plan))
    state.surroundings.ringing(state.record, plan)
    return await state.dialler.dial(plan.root, seconds, on_progress, grows=grows)


async def ring_with_tone(
    state: CallState, step: Dial, on_progress: Callable[[int], None] = lambda status: None
) -> Result:
    """Ring whom a step names; the one for whom they ring hears the ringback tone meanwhile. Raises
    MediaUnavailable."""
    plan = planned(state, step)
    await state.playing.music(state.surroundings.ringback())
    return await ring(state, plan, step.ring_seconds, on_progress)
