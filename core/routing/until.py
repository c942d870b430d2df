"""Until when a reason holds: the end of a vacation, the next opening. For people, who ask it next.

Nothing of it is stored: a snapshot and an instant tell it again. Working time changes only where an
interval, a day or a period begins or ends on the wall clock, or where the clock itself is changed. So
these instants are tried in order, with the rules of ``core._slowhours``: the first one at which the
reason is gone is the answer, to the second. Beyond a year and a month it is not worth saying.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from math import floor
from typing import TypeVar
from uuid import UUID

from core._slowhours import DAY, Hours, Zone
from core.contracts import Branch, Employee, SkipReason, Snapshot, Terminal
from core.hours import Calendar, ExtraPeriod, PeriodKind, Schedule
from core.routing.tables import calendar_rows, period_row, schedule_rows
from core.routing.zones import transitions

__all__ = ["closed_until", "skipped_until"]

_HORIZON = 400 * 86400
_SPAN = 8 * 86400  # looked through at once: most answers are within a week
_ZONES_APART = 2 * 86400

S = TypeVar("S", Schedule, Calendar)

Minutes = Callable[[int], bool]
"""Whether something holds at a minute of the wall clock."""


def closed_until(snapshot: Snapshot, branch: Branch, instant: float) -> int | None:
    """When a branch that is closed opens next, by the company's clock (FLT-09); ``None``: unknown."""
    hours = _Working(snapshot, branch.schedule_id, branch.calendar_id)
    return _first(snapshot.timezone, (), [hours], hours.open, instant)


def skipped_until(
    snapshot: Snapshot,
    reason: SkipReason,
    employee_id: UUID | None,
    terminal_id: UUID | None,
    instant: float,
) -> int | None:
    """When this reason is over for an employee or a terminal; ``None`` where no clock knows it.

    Of extra unavailability the end of the period, or of those that follow at once; of an employee's
    off hours when he may be called again, be it by extra availability; of a terminal's its next hours.
    """
    employee = next((e for e in snapshot.employees if e.id == employee_id), None)
    if employee is None:
        return None
    zone = employee.timezone or snapshot.timezone
    away = _of_kind(employee.extra, PeriodKind.UNAVAILABLE)
    back = _of_kind(employee.extra, PeriodKind.AVAILABLE)
    if reason is SkipReason.EXTRA_UNAVAILABLE:
        return _first(zone, employee.extra, (), lambda at: not away(at), instant)
    if reason is SkipReason.OFF_HOURS:
        hours = _of_employee(snapshot, employee)
        free: Minutes = lambda at: not away(at) and (back(at) or hours.open(at))  # noqa: E731
        return _first(zone, employee.extra, [hours], free, instant)
    if reason is SkipReason.TERMINAL_OFF_HOURS:
        terminal = next((t for t in snapshot.terminals if t.id == terminal_id), None)
        hours = _of_terminal(snapshot, terminal)
        return _first(zone, (), [hours], hours.open, instant)
    return None


class _Working:
    """A schedule with its calendar; what is gone counts as not set, as in the core's tables."""

    def __init__(
        self, snapshot: Snapshot, schedule_id: UUID | None, calendar_id: UUID | None = None
    ) -> None:
        schedule = _named(snapshot.schedules, schedule_id)
        calendar = _named(snapshot.calendars, calendar_id)
        days = schedule_rows(schedule) if schedule else []
        self.edges = {edge % DAY for day in days for edge in day}
        if schedule is None or self.edges:  # else it never opens
            self.edges.add(0)
        self._hours = Hours([days] if days else [], [calendar_rows(calendar)] if calendar else [])
        self._schedule, self._calendar = (0 if schedule else -1), (0 if calendar else -1)

    def open(self, minute: int) -> bool:
        """Whether it is working time."""
        return self._hours.open(self._schedule, self._calendar, minute)


def _of_employee(snapshot: Snapshot, employee: Employee) -> _Working:
    return _Working(snapshot, employee.schedule_id, employee.calendar_id)


def _of_terminal(snapshot: Snapshot, terminal: Terminal | None) -> _Working:
    return _Working(snapshot, terminal.schedule_id if terminal else None)


def _of_kind(periods: Iterable[ExtraPeriod], kind: PeriodKind) -> Minutes:
    spans = [period_row(period)[1:] for period in periods if period.kind is kind]
    return lambda minute: any(start <= minute < end for start, end in spans)


def _first(
    zone_name: str,
    periods: Sequence[ExtraPeriod],
    hours: Sequence[_Working],
    wanted: Minutes,
    instant: float,
) -> int | None:
    """The first instant after this one at which it is as wanted; ``None`` if it is so already."""
    instants, offsets = transitions(zone_name)
    zone = Zone(instants, offsets)
    now = floor(instant)
    if wanted(zone.minute(now)):
        return None
    moments = {edge for period in periods for edge in period_row(period)[1:]}
    edges = {edge for each in hours for edge in each.edges}
    for start in range(now, now + _HORIZON, _SPAN):
        end = start + _SPAN
        known = range(bisect_right(instants, start), bisect_right(instants, end))
        shifts = {offsets[at] for at in (*known, known.stop)}
        candidates = {instants[at] for at in known}
        for minute in (*_walls(start, end, edges), *moments):
            candidates |= {60 * minute - shift for shift in shifts}
        for at in sorted(candidates):
            if start < at <= end and wanted(zone.minute(at)):
                return at
    return None


def _walls(start: int, end: int, edges: Iterable[int]) -> Iterator[int]:
    """Wall-clock minutes at which hours may change, of the days around a span of instants."""
    first, last = ((at // 60) // DAY for at in (start - _ZONES_APART, end + _ZONES_APART))
    days = range(first, last + 1)
    return (day * DAY + edge for day in days for edge in edges) if edges else iter(())


def _named(things: Iterable[S], key: UUID | None) -> S | None:
    return next((thing for thing in things if thing.id == key), None)
