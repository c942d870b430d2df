"""How long each employee has talked today, for «по наименьшему занятию» (PRC-07, H-10).

Today is the company's day by its own clock. Conversations that have ended are summed up for each
employee; those that go on are counted up to the moment of asking; of one that began yesterday only what
is of today counts. Calls in all directions count: who phones out is busy, too. What was said before
this process began is read from the records of calls (``load``, ``turns``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple
from uuid import UUID

from msgspec import Struct

from core.contracts import StepCode
from core.routing.zones import day

__all__ = ["TURNING", "TalkTime", "Turn", "turns"]

TURNING = (
    StepCode.ANSWERED,
    StepCode.TRANSFER,
    StepCode.CONSULTED,
    StepCode.RESUMED,
    StepCode.TRANSFER_FAILED,
    StepCode.JOINED,
    StepCode.ENDED,
)
"""The steps of a call that say who talks from when on."""


class Turn(NamedTuple):
    """An employee talks from one instant to another, epoch seconds."""

    employee_id: UUID
    since: float
    until: float


def turns(caller: UUID | None, steps: Iterable[tuple[float, StepCode, UUID | None]]) -> Iterator[Turn]:
    """Who talked when in an ended call, by its log: instant, step and employee of each of ``TURNING``.

    Who passes the other one on talks until somebody else has him. Whoever comes into a conversation
    that he is in already has merely changed his telephone, unless he was asked first: he talks since
    then, and until the one who asked takes the other party back if he does not pass him on.
    """
    began: dict[UUID, float] = {}
    passes_on: UUID | None = None
    asked: UUID | None = None
    for at, code, employee_id in steps:
        if code is StepCode.ANSWERED:
            began = {each: at for each in (caller, employee_id) if each is not None}
        elif code is StepCode.CONSULTED and employee_id is not None and employee_id not in began:
            asked, began[employee_id] = employee_id, at
        elif code is StepCode.JOINED and (employee_id not in began or employee_id == asked):
            if passes_on in began:
                yield Turn(passes_on, began.pop(passes_on), at)
            if employee_id is not None:
                began.setdefault(employee_id, at)
            asked = None
        elif code is StepCode.RESUMED and asked in began:
            yield Turn(asked, began.pop(asked), at)
            asked = None
        elif code is StepCode.ENDED:
            yield from (Turn(each, since, at) for each, since in began.items())
        if code is StepCode.TRANSFER:
            passes_on = employee_id
        elif code not in (StepCode.CONSULTED, StepCode.RESUMED):
            passes_on = None


class _Day(Struct):
    """A company's day: epoch seconds, the zone they are of, and what was said by whom."""

    zone: str
    start: float
    end: float
    seconds: dict[UUID, float] = {}


class _Talk(Struct, frozen=True):
    """A conversation that goes on."""

    since: float
    people: frozenset[UUID]


class TalkTime:
    """Seconds of today, of all companies. ``zone_of`` gives a company's time zone."""

    def __init__(self, zone_of: Callable[[UUID], str]) -> None:
        self._zone_of = zone_of
        self._days: dict[UUID, _Day] = {}
        self._talks: dict[UUID, dict[UUID, _Talk]] = {}

    def load(self, rows: Iterable[tuple[UUID, UUID, float]], now: float) -> None:
        """Count what was said today before this process began: tenant, employee, seconds."""
        for tenant_id, employee_id, seconds in rows:
            today = self._today(tenant_id, now).seconds
            today[employee_id] = today.get(employee_id, 0.0) + seconds

    def began(self, tenant_id: UUID, call_id: UUID, people: Iterable[UUID], at: float) -> None:
        """These employees talk from now on."""
        self._talks.setdefault(tenant_id, {})[call_id] = _Talk(at, frozenset(people))

    def ended(self, tenant_id: UUID, call_id: UUID, at: float) -> None:
        """The conversation is over; nothing happens if there was none."""
        talks = self._talks.get(tenant_id, {})
        talk = talks.pop(call_id, None)
        if not talks:
            self._talks.pop(tenant_id, None)
        if talk is not None and talk.people:
            today = self._today(tenant_id, at)
            for employee_id in talk.people:
                said = max(at - max(talk.since, today.start), 0.0)
                today.seconds[employee_id] = today.seconds.get(employee_id, 0.0) + said

    def of(self, tenant_id: UUID, employees: Iterable[UUID], now: float) -> dict[UUID, int]:
        """Whole seconds of today; who has not talked yet is left out."""
        wanted = frozenset(employees)
        if not wanted:
            return {}
        today = self._today(tenant_id, now)
        said = {employee_id: today.seconds.get(employee_id, 0.0) for employee_id in wanted}
        for talk in self._talks.get(tenant_id, {}).values():
            for employee_id in talk.people & wanted:
                said[employee_id] += max(now - max(talk.since, today.start), 0.0)
        return {key: round(seconds) for key, seconds in said.items() if seconds >= 0.5}

    def _today(self, tenant_id: UUID, now: float) -> _Day:
        """The day of this moment; another one, or another zone, begins with nothing said."""
        zone, today = self._zone_of(tenant_id), self._days.get(tenant_id)
        if today is None or today.zone != zone or not today.start <= now < today.end:
            today = self._days[tenant_id] = _Day(zone, *day(zone, now))
        return today
