"""Who may see which calls: the one predicate behind list, card, counters and live board.

An administrator sees the calls of all numbers (HIS-15). An employee sees those they made, answered or
came into (HIS-16) or were rung by (HIS-17 as far as a call's own log tells), but none of a personal
contact (CON-05). What the present configuration adds or takes away (HIS-17…20) belongs here and
nowhere else.
"""

from __future__ import annotations

from uuid import UUID

from msgspec import Struct

from core.contracts import Direction, StepCode
from tenants.services.actor import Actor

__all__ = ["CLIENT", "Predicate", "calls", "clients", "live_calls"]

CLIENT = f"CASE c.direction WHEN '{Direction.OUTGOING}' THEN c.called ELSE c.caller END"
"""Who is outside, of a row ``c`` of ``calls``."""
_TOOK_PART = ", ".join(
    f"'{code}'" for code in (StepCode.RINGING, StepCode.ANSWERED, StepCode.JOINED, StepCode.PICKED_UP)
)


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
        f" AND s.employee_id = ${parameter} AND s.code IN ({_TOOK_PART})))"
        f" AND {clients(actor, CLIENT)}",
        (actor.employee_id,),
    )


def clients(actor: Actor, number: str = "NULL", contact: str = "NULL::uuid") -> str:
    """A condition on what concerns this number and this contact, two expressions: personal contacts
    are administrators' (CON-05)."""
    if actor.is_administrator:
        return "TRUE"
    return (
        f"(NOT EXISTS (SELECT FROM contacts p WHERE p.id = {contact} AND p.kind = 'personal')"
        f" AND NOT EXISTS (SELECT FROM contact_numbers pn JOIN contacts p ON p.id = pn.contact_id"
        f" WHERE pn.e164 = {number} AND p.kind = 'personal'))"
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
