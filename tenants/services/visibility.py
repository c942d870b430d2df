"""Who may see which calls: the one predicate behind list, card, counters and live board.

An administrator sees the calls of all numbers (HIS-15). An employee sees those they made, answered
(HIS-16) or were rung by (HIS-17 as far as a call's own log tells). What the present configuration adds
or takes away (HIS-17…20) belongs here and nowhere else.
"""

from __future__ import annotations

from uuid import UUID

from msgspec import Struct

from core.contracts import StepCode
from tenants.services.actor import Actor

__all__ = ["Predicate", "calls", "live_calls"]

_TOOK_PART = f"('{StepCode.RINGING}', '{StepCode.ANSWERED}')"


class Predicate(Struct, frozen=True):
    """A condition in SQL with the arguments of its ``$n``."""

    sql: str
    args: tuple[UUID, ...] = ()


def calls(actor: Actor, parameter: int) -> Predicate:
    """Which rows ``c`` of ``calls`` the actor may see; parameters are counted from ``parameter``."""
    if actor.is_administrator:
        return Predicate("TRUE")
    if actor.employee_id is None:
        return Predicate("FALSE")
    return Predicate(
        f"(c.caller_employee_id = ${parameter} OR c.answered_employee_id = ${parameter} OR EXISTS ("
        f" SELECT FROM call_steps AS s WHERE s.tenant_id = c.tenant_id AND s.call_id = c.id"
        f" AND s.employee_id = ${parameter} AND s.code IN {_TOOK_PART}))",
        (actor.employee_id,),
    )


def live_calls(actor: Actor, parameter: int) -> Predicate:
    """Which rows ``c`` of ``live_calls``: every party of a call that the actor is a party of."""
    if actor.is_administrator:
        return Predicate("TRUE")
    if actor.employee_id is None:
        return Predicate("FALSE")
    return Predicate(
        f"c.call_id IN (SELECT call_id FROM live_calls WHERE employee_id = ${parameter})",
        (actor.employee_id,),
    )
