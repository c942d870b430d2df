"""What all checks of one company share: its tables' indices, and its coming year cut into pieces."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID

from core.contracts import AvailabilityMode, Branch, Employee
from core.hours import PeriodKind
from core.routing.check.moments import Edges, Moments, Timeline
from core.routing.check.working import Working
from core.routing.compiled import Compiled

__all__ = ["Hours", "Year", "year_after"]


class Hours(NamedTuple):
    """A schedule with a calendar by the clock of a zone; -1 is none."""

    zone: str
    schedule: int = -1
    calendar: int = -1

    @property
    def always(self) -> bool:
        """Whether they are never over."""
        return self.schedule < 0 and self.calendar < 0


class Year:
    """The company with the modes of its employees now, and sets of moments of its coming year."""

    def __init__(self, compiled: Compiled, start: int, modes: Mapping[UUID, AvailabilityMode]) -> None:
        self.compiled = compiled
        self._modes = modes
        self.snapshot = compiled.snapshot
        self.layout = compiled.layout
        end = year_after(start)
        self._working = Working(start, end, self.snapshot.schedules, self.snapshot.calendars)
        self._edges: dict[Hours, Edges] = {
            hours: self._working.hours(*hours) for hours in set(self._all_hours()) if not hours.always
        }
        self._extra: dict[tuple[UUID, PeriodKind], Edges] = {
            (employee.id, kind): self._working.periods(self.zone_of(employee), employee.extra, kind)
            for employee in self.snapshot.employees
            if employee.extra
            for kind in PeriodKind
        }
        self.timeline = Timeline(start, end, [*self._edges.values(), *self._extra.values()])
        self.all = self.timeline.all
        self._open: dict[Hours, Moments] = {}

    def mode_of(self, employee: Employee) -> AvailabilityMode:
        """As it is now."""
        return self._modes.get(employee.id, AvailabilityMode.SCHEDULE)

    def zone_of(self, employee: Employee) -> str:
        """By whose clock the employee lives (EMP-17)."""
        return employee.timezone or self.snapshot.timezone

    def hours_of(self, owner: Branch | Employee) -> Hours:
        """The hours of a filter or an employee; what is gone counts as not set."""
        zone = self.zone_of(owner) if isinstance(owner, Employee) else self.snapshot.timezone
        schedule = self.layout.schedules.get(owner.schedule_id, -1)
        return Hours(zone, schedule, self.layout.calendars.get(owner.calendar_id, -1))

    def terminal_hours(self, employee: Employee, schedule_id: UUID | None) -> Hours:
        """The hours of one of the employee's terminals (EMP-07)."""
        return Hours(self.zone_of(employee), self.layout.schedules.get(schedule_id, -1))

    def open(self, hours: Hours) -> Moments:
        """When it is working time."""
        if hours.always:
            return self.all
        moments = self._open.get(hours)
        if moments is None:
            moments = self._open[hours] = self.timeline.moments(self._edges[hours])
        return moments

    def extra(self, employee: Employee, kind: PeriodKind) -> Moments:
        """When an extra period of this kind is on."""
        edges = self._extra.get((employee.id, kind))
        return self.timeline.moments(edges) if edges else 0

    def _all_hours(self) -> Iterator[Hours]:
        for row in self.layout.branches:
            yield self.hours_of(row.branch)
        for employee in self.snapshot.employees:
            if self.mode_of(employee) is not AvailabilityMode.AVAILABLE:
                yield self.hours_of(employee)
                for terminal in self.compiled.terminals_of(employee):
                    yield self.terminal_hours(employee, terminal.schedule_id)


def year_after(start: int) -> int:
    """The same moment of the same day a year later, UTC; 28 February after a 29th."""
    at = datetime.fromtimestamp(start, UTC)
    leap_day = (at.month, at.day) == (2, 29)
    later = at.replace(year=at.year + 1, day=28 if leap_day else at.day)
    return int(later.timestamp())
