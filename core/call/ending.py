"""How a call ends: its outcome, what a caller hears who was not answered, what the parties are told."""

from __future__ import annotations

from typing import NamedTuple

from core.call.leg import Header
from core.call.record import CallRecord, outcome_of
from core.contracts import CallFacts, DialPlan, Direction, Outcome, SkipReason

__all__ = [
    "CANCELLED",
    "FAILED",
    "NOT_NOW",
    "UNAVAILABLE",
    "CallEnd",
    "ended",
    "farewell",
    "nobody",
    "unanswered",
]

UNAVAILABLE = 480
CANCELLED = 487
FAILED = 500
NOT_NOW = 503
_BUSY = 486
_RANG_OUT = 408
_NOBODY_HAS_IT = 404
_BUSY_OR_DECLINED = frozenset({486, 600, 603})
_FAREWELLS: dict[str, Header] = {
    "shutdown": ("Reason", 'SIP;cause=503;text="Service stopped"'),
    "hung_up": ("Reason", 'SIP;cause=603;text="Hung up from outside"'),
    "media_lost": ("Reason", 'SIP;cause=503;text="Media lost"'),
}
"""By the cause in the record."""


class CallEnd(NamedTuple):
    """How a call ended: ``by`` is ``caller``, ``callee`` or ``system``; ``who`` names somebody outside
    of the call."""

    outcome: Outcome
    sip_status: int
    by: str
    cause: str = ""
    who: str = ""


def ended(record: CallRecord, status: int, cause: str, who: str = "") -> CallEnd:
    """An end that is nobody's wish on the line: people talked, or the caller hears ``status``."""
    if record.answered_at is not None:
        return CallEnd(Outcome.ANSWERED, 200, "system", cause, who)
    return CallEnd(outcome_of(status), status, "system", cause, who)


def unanswered(facts: CallFacts, statuses: tuple[int, ...]) -> CallEnd:
    """What the caller hears unless a later step settles the call.

    The company's callers hear busy or unavailable; its own people hear the exact status.
    """
    if facts.direction is not Direction.INCOMING and len(statuses) == 1:
        status = UNAVAILABLE if statuses[0] == _RANG_OUT or statuses[0] < 400 else statuses[0]
    else:
        busy = statuses and all(s in _BUSY_OR_DECLINED for s in statuses)
        status = _BUSY if busy else UNAVAILABLE
    return CallEnd(outcome_of(status), status, "system")


def nobody(plan: DialPlan) -> tuple[int, ...]:
    """The status of a plan in which nobody can ring: all talk, there is no such number, or neither."""
    reasons = {skipped.reason for skipped in plan.skipped}
    if SkipReason.BUSY in reasons:
        return (_BUSY,)
    return (_NOBODY_HAS_IT,) if reasons == {SkipReason.UNKNOWN} else ()


def farewell(end: CallEnd | None) -> Header | None:
    """What the parties are told of an end from outside (RFC 3326)."""
    return _FAREWELLS.get(end.cause) if end is not None and end.by == "system" else None
