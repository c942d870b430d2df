"""The core's tables of one company, made from its snapshot.

References become indices; what refers to something that is gone counts as not set, so that a call is
routed whatever was imported or deleted.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import date, datetime
from functools import cache
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol
from uuid import UUID

from core import _slowroute
from core._slowroute import DAY_OFF, Addressee, Filter, Flag, Mode, PeriodKind
from core.contracts import (
    Branch,
    DialMode,
    Employee,
    Scenario,
    Snapshot,
    TagFilter,
    Terminal,
    TerminalKind,
)
from core.hours import Calendar, CalendarDay, ExtraPeriod, Schedule
from core.hours import PeriodKind as Extra
from core.numbers import is_domestic
from core.routing import translator
from core.routing.zones import transitions

__all__ = [
    "DAY_OFF",
    "MODES",
    "SLOW",
    "Core",
    "Index",
    "Layout",
    "Table",
    "calendar_rows",
    "period_row",
    "schedule_rows",
    "the_core",
]


class Table(Protocol):
    """The core's tables of one company; ``_slowroute`` explains them."""

    def route(self, called: int, tags: bytes, regions: bytes, instant: float) -> tuple[int, bytes]:
        """Twice the branch and one for its off-hours chain, or a ``RouteResult``; and who passed."""
        ...

    def plan(
        self,
        step: bytes,
        registered: bytes,
        calls: bytes,
        modes: bytes,
        talked: bytes,
        caller: int,
        instant: float,
        seed: int,
    ) -> tuple[bytes, bytes]:
        """Who rings, and who does not and why."""
        ...


class Plan(Protocol):
    """From which federal subjects a number is (``_slownumbering``)."""

    def subjects(self, digits: int) -> tuple[int, ...]:
        """Their codes; empty if unknown."""
        ...


class Core(NamedTuple):
    """What a module with the routing core has: ``_fastroute``, or ``_slowroute`` if nothing was
    compiled."""

    Table: Callable[..., Table]
    Zone: Callable[..., Any]
    Hours: Callable[..., Any]
    NumberingPlan: Callable[[bytes, bytes], Plan]
    digits: Callable[[str | None], int]
    Translator: Callable[..., translator.Translator]


SLOW = Core(
    _slowroute.Table,
    _slowroute.Zone,
    _slowroute.Hours,
    _slowroute.NumberingPlan,
    _slowroute.digits,
    translator.Translator,
)


def _find() -> Core:
    try:
        from core import _fastroute as fast
        from core.routing._translator import Translator
    except ImportError:  # slower, with the same answers
        return SLOW
    return Core(fast.Table, fast.Zone, fast.Hours, fast.NumberingPlan, fast.digits, Translator)


the_core = _find()
"""The one that calls are routed by."""

Index = Mapping[UUID | None, int]

MODES = MappingProxyType(
    {
        DialMode.SEQUENTIAL: Mode.SEQUENTIAL,
        DialMode.PARALLEL: Mode.PARALLEL,
        DialMode.LEAST_BUSY: Mode.LEAST_BUSY,
    }
)
_DEAD = MappingProxyType(
    {Addressee.OWN_NUMBER: Flag.OWN_NUMBER, Addressee.NOT_ALLOWED: Flag.NOT_ALLOWED}
)
_FEW = 8
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - of a wall clock
_EPOCH_DAY = date(1970, 1, 1).toordinal()


class BranchRow(NamedTuple):
    """What an index of a branch means; ``name`` and ``handled_by`` are how a trace speaks of it."""

    scenario: Scenario
    branch: Branch
    name: str
    handled_by: tuple[str, ...]


class Layout:
    """In which order a snapshot's things stand in the tables: what indices mean."""

    __slots__ = (
        "branches",
        "calendars",
        "employees",
        "groups",
        "own",
        "schedules",
        "snapshot",
        "tags",
        "terminal_index",
        "terminals",
        "zones",
    )

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        by_id = {terminal.id: terminal for terminal in snapshot.terminals}
        self.terminals: tuple[Terminal, ...] = tuple(
            by_id[key] for employee in snapshot.employees for key in employee.terminals if key in by_id
        )
        self.terminal_index = _index(terminal.id for terminal in self.terminals)
        self.own = _numbers(number.e164 for number in snapshot.numbers)
        self.employees = _index(employee.id for employee in snapshot.employees)
        self.groups = _index(group.id for group in snapshot.groups)
        self.schedules = _index(schedule.id for schedule in snapshot.schedules)
        self.calendars = _index(calendar.id for calendar in snapshot.calendars)
        self.branches = tuple(
            BranchRow(scenario, branch, str(branch.id), handled_by)
            for scenario in snapshot.scenarios
            for handled_by in [("scenario", str(scenario.id), str(scenario.version))]
            for branch in (*scenario.branches, scenario.default)
        )
        filters = (row.branch.filter for row in self.branches)
        named = (tag for each in filters if isinstance(each, TagFilter) for tag in each.tags)
        self.tags = _index(dict.fromkeys(named))
        own = (employee.timezone for employee in snapshot.employees if employee.timezone)
        self.zones = _zones(tuple(dict.fromkeys((snapshot.timezone, *own))))

    def tables(self, core: Core) -> Table:
        """The rows of everything, as ``_slowroute`` lists them."""
        snapshot = self.snapshot
        scenarios, branches, values = self._scenarios()
        employees, periods = self._employees()
        groups, members = self._groups()
        return core.Table(
            zones=[_zone(core.Zone, name) for name in self.zones],
            hours=core.Hours(
                [schedule_rows(schedule) for schedule in snapshot.schedules],
                [calendar_rows(calendar) for calendar in snapshot.calendars],
            ),
            numbers=self._numbers(core),
            scenarios=scenarios,
            branches=branches,
            values=values,
            employees=employees,
            terminals=[self._terminal_row(terminal) for terminal in self.terminals],
            periods=periods,
            groups=groups,
            members=members,
        )

    def outside(self, number: str) -> Addressee:
        """Whether a call that is forwarded to this number rings there, and why it does not.

        A call to the company itself would come back, again and again; one that is not domestic costs
        more than the company was told (the same rule holds for calls that its employees place).
        """
        if number in self.own:
            return Addressee.OWN_NUMBER
        return Addressee.OUTSIDE if is_domestic(number) else Addressee.NOT_ALLOWED

    def translator(self, core: Core) -> translator.Translator:
        """Of ids to indices and back."""
        employees = tuple(employee.id for employee in self.snapshot.employees)
        return core.Translator(self.terminals, employees, self.terminal_index, self.employees)

    def _numbers(self, core: Core) -> list[tuple[int, int]]:
        index = _index(scenario.id for scenario in self.snapshot.scenarios)
        return [
            (called, index.get(number.scenario_id, -1))
            for number in self.snapshot.numbers
            if (called := core.digits(number.e164))
        ]

    def _scenarios(self) -> tuple[list[tuple[int, ...]], list[tuple[int, ...]], list[int]]:
        scenarios: list[tuple[int, ...]] = []
        branches: list[tuple[int, ...]] = []
        values: list[int] = []
        for scenario in self.snapshot.scenarios:
            scenarios.append((int(scenario.enabled), len(branches), len(scenario.branches) + 1))
            for branch in (*scenario.branches, scenario.default):
                looks_at, wanted = self._filter(branch, is_default=branch is scenario.default)
                schedule, calendar = self._hours_of(branch)
                off_hours = int(branch.off_hours is not None)
                row = (looks_at, len(values), len(wanted), schedule, calendar, off_hours)
                branches.append(row)
                values += wanted
        return scenarios, branches, values

    def _filter(self, branch: Branch, *, is_default: bool) -> tuple[int, Sequence[int]]:
        if branch.filter is None or is_default:
            return Filter.NONE, ()
        if isinstance(branch.filter, TagFilter):
            return Filter.TAGS, [self.tags[tag] for tag in branch.filter.tags]
        return Filter.REGIONS, branch.filter.regions

    def _employees(self) -> tuple[list[tuple[int, ...]], list[tuple[int, ...]]]:
        rows: list[tuple[int, ...]] = []
        periods: list[tuple[int, ...]] = []
        first = 0
        for employee in self.snapshot.employees:
            count = sum(key in self.terminal_index for key in employee.terminals)
            hours = (self.zones[employee.timezone or self.snapshot.timezone], *self._hours_of(employee))
            extra = (len(periods), len(employee.extra))
            rows.append((_how(employee), first, count, *hours, *extra))
            periods += [period_row(period) for period in employee.extra]
            first += count
        return rows, periods

    def _hours_of(self, owner: Branch | Employee) -> tuple[int, int]:
        schedule = self.schedules.get(owner.schedule_id, -1)
        return schedule, self.calendars.get(owner.calendar_id, -1)

    def _terminal_row(self, terminal: Terminal) -> tuple[int, ...]:
        flags, outside = Flag(0), Addressee.OUTSIDE
        if terminal.kind is TerminalKind.EXTERNAL:
            outside = self.outside(terminal.address)
        if terminal.active and terminal.address:
            flags |= Flag.ACTIVE if outside is Addressee.OUTSIDE else _DEAD[outside]
        if terminal.main:
            flags |= Flag.MAIN
        if terminal.kind is not TerminalKind.EXTERNAL:
            flags |= Flag.REGISTERS
        schedule = self.schedules.get(terminal.schedule_id, -1)
        return int(flags), terminal.ring_seconds, terminal.channels, schedule

    def _groups(self) -> tuple[list[tuple[int, ...]], list[int]]:
        rows: list[tuple[int, ...]] = []
        members: list[int] = []
        for group in self.snapshot.groups:
            known = [self.employees[key] for key in group.members if key in self.employees]
            rows.append((MODES[group.dial_mode], group.ring_seconds, len(members), len(known)))
            members += known
        return rows, members


@cache
def _zone(make: Callable[..., Any], name: str) -> Any:
    """One for all companies that live in it."""
    return make(*transitions(name))


@cache
def _zones(names: tuple[str, ...]) -> Mapping[str, int]:
    """One index for all companies whose people live in the same ones."""
    return MappingProxyType({name: at for at, name in enumerate(names)})


def _numbers(found: Iterable[str]) -> Collection[str]:
    """To be looked into: most companies have one or two, and a set is not small."""
    numbers = tuple(found)
    return numbers if len(numbers) < _FEW else frozenset(numbers)


def _how(employee: Employee) -> Mode:
    # An employee's terminals ring in turn or at once; «least busy» is about people (PRC-07).
    return Mode.SEQUENTIAL if employee.dial_mode is DialMode.SEQUENTIAL else Mode.PARALLEL


def period_row(period: ExtraPeriod) -> tuple[int, int, int]:
    """Kind, first minute and minute after the last, as ``_slowroute`` lists them."""
    kind = PeriodKind.AVAILABLE if period.kind is Extra.AVAILABLE else PeriodKind.UNAVAILABLE
    start, end = (int((at - _EPOCH).total_seconds() // 60) for at in (period.start, period.end))
    return kind, start, end


def schedule_rows(schedule: Schedule) -> list[array[int]]:
    """Starts and ends of each of seven days in turn; a day that is missing is non-working."""
    days = (*schedule.days, *[()] * 7)[:7]
    return [array("i", (edge for span in day for edge in (span.start, span.end))) for day in days]


def calendar_rows(calendar: Calendar) -> list[tuple[int, int]]:
    """Day and code of each special date; of two rows for a date the later one counts."""
    return [
        (day.date.toordinal() - _EPOCH_DAY, _code(day) if day.working else DAY_OFF)
        for day in calendar.days
    ]


def _code(day: CalendarDay) -> int:
    return 1 + (day.date.weekday() if day.like is None else day.like)


def _index(ids: Iterable[UUID]) -> Index:
    return {key: index for index, key in enumerate(ids)}
