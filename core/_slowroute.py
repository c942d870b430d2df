"""The routing core in plain Python: what ``_fastroute`` must do, to read and to compare with.

It is the oracle of the tests and takes over where nothing was compiled. Both know a company only as
rows of numbers that refer to each other by index; ``core.routing.compiled`` makes them from a snapshot
and turns the answers back into ids. Nothing here reads a clock or draws a random number.

Rows, each a tuple of integers; -1 is «none»:

    number    digits, scenario
    scenario  enabled, first branch, how many branches   (in order of creation, the default one last)
    branch    filter, first value, how many values, schedule, calendar, has an off-hours chain
    value     index of a contact tag, or code of a region
    employee  dial mode, first terminal, how many terminals,
              zone, schedule, calendar, first period, how many periods
    terminal  flags, own ring time, channels, schedule   (an employee's terminals lie together)
    period    kind, first minute, minute after the last  (by the employee's wall clock)
    group     dial mode, ring time, first member, how many members
    member    employee

Schedules and calendars are those of ``_slowhours``. Scenarios live in the zone with index 0.

``route`` (features.md F 1, 3): called number → its one scenario → the first branch that takes the call,
in order of creation (FLT-11), the default one last (FLT-12):

    filter                              open   off-hours chain   takes the call
    ----------------------------------  -----  ----------------  ---------------------------
    no tag or region of his fits        any    any               no
    fits, or is the default branch      yes    any               yes, with its chain
    fits, or is the default branch      no     yes               yes, with the off-hours one
    fits, or is the default branch      no     no                no: the next one (H-3)

``plan`` (features.md F 6, E): who rings; see ``_slowplan``.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence

from core._slowcodes import (
    ALL_CODES,
    Addressee,
    Availability,
    Filter,
    Flag,
    Mode,
    Node,
    PeriodKind,
    Reason,
    RouteResult,
    WhyNot,
)
from core._slowhours import DAY_OFF, Hours, Zone
from core._slownumbering import NumberingPlan
from core._slowplan import Plan, flat, within

__all__ = [
    "ALL_CODES",
    "DAY_OFF",
    "Addressee",
    "Availability",
    "Filter",
    "Flag",
    "Hours",
    "Mode",
    "Node",
    "NumberingPlan",
    "PeriodKind",
    "Reason",
    "RouteResult",
    "Table",
    "WhyNot",
    "Zone",
    "digits",
]

Row = Sequence[int]


def digits(e164: str | None) -> int:
    """The digits of ``+E.164`` text as a number; 0 if it is none (an anonymous caller)."""
    if e164 is None or not 2 <= len(e164) <= 16 or e164[0] != "+":
        return 0
    number = e164[1:]
    return int(number) if number.isascii() and number.isdigit() else 0


class Table:
    """One company. Immutable: a changed configuration is a new table. IndexError for wrong rows."""

    def __init__(
        self,
        zones: Sequence[Zone],
        hours: Hours,
        numbers: Sequence[Row],
        scenarios: Sequence[Row],
        branches: Sequence[Row],
        values: Sequence[int],
        employees: Sequence[Row],
        terminals: Sequence[Row],
        periods: Sequence[Row],
        groups: Sequence[Row],
        members: Sequence[int],
    ) -> None:
        self._zones = tuple(zones)
        self._hours = hours
        self._scenario_of = {number: scenario for number, scenario in numbers}  # noqa: C416
        self._scenarios = tuple(scenarios)
        self._branches = tuple(branches)
        self._values = tuple(values)
        self._employees = tuple(employees)
        self._terminals = tuple(terminals)
        self._periods = tuple(periods)
        self._groups = tuple(groups)
        self._members = tuple(members)
        within((0,), len(zones))
        within(self._scenario_of.values(), len(scenarios), -1)
        _slices((row[1:3] for row in scenarios), len(branches))
        _slices((row[1:3] for row in branches), len(values))
        _slices((row[1:3] for row in employees), len(terminals))
        _slices((row[6:8] for row in employees), len(periods))
        _slices((row[2:4] for row in groups), len(members))
        within(members, len(employees))
        within((row[3] for row in employees), len(zones))
        with_hours = [row[4:6] for row in employees] + [row[3:5] for row in branches]
        schedules = [row[0] for row in with_hours] + [row[3] for row in terminals]
        within(schedules, hours.schedules, -1)
        within((row[1] for row in with_hours), hours.calendars, -1)

    def route(self, called: int, tags: bytes, regions: bytes, instant: float) -> tuple[int, bytes]:
        """Who takes a call to the number ``called``, and why the branches before did not.

        ``tags`` and ``regions`` of the caller are 32-bit integers. The first part of the answer is
        twice the branch, plus one for its off-hours chain, or a ``RouteResult`` below zero; the second
        holds rows of branch and ``WhyNot``, 32-bit integers.
        """
        scenario = self._scenario_of.get(called)
        if scenario is None:
            return RouteResult.NO_NUMBER, b""
        if scenario < 0:
            return RouteResult.NO_SCENARIO, b""
        enabled, first, count = self._scenarios[scenario]
        if not enabled:
            return RouteResult.DISABLED, b""
        minute = self._zones[0].minute(instant)
        of_caller = {Filter.TAGS: set(array("i", tags)), Filter.REGIONS: set(array("i", regions))}
        passed = array("i")
        for index in range(first, first + count):
            looks_at, at, length, schedule, calendar, off_hours = self._branches[index]
            if looks_at and of_caller[Filter(looks_at)].isdisjoint(self._values[at : at + length]):
                passed.extend((index, looks_at - 1))
            elif self._hours.open(schedule, calendar, minute):
                return 2 * index, passed.tobytes()
            elif off_hours:
                return 2 * index + 1, passed.tobytes()
            else:
                passed.extend((index, WhyNot.CLOSED))
        return RouteResult.CLOSED, passed.tobytes()

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
        """Who rings and who does not.

        ``step`` holds 32-bit integers: mode, time, ``each``, then kind and index of each entry.
        ``registered`` and ``calls`` have one byte for each terminal, ``modes`` an ``Availability`` for
        each employee, ``talked`` a 32-bit integer: the seconds of today. ``caller`` is the terminal
        that calls, or -1. Returns nodes in preorder, and rows of terminal, employee, entry, reason
        with -1 for none; all 32-bit integers.
        """
        phones, people = len(self._terminals), len(self._employees)
        if (len(registered), len(calls), len(modes), len(talked)) != (
            phones,
            phones,
            people,
            4 * people,
        ):
            raise ValueError("the live state is of another configuration")
        plan = Plan(self, step, registered, calls, modes, array("i", talked), caller, instant)
        tree = plan.expand()
        nodes = array("i", flat(tree) if tree else ())
        skipped = array("i", (number for row in plan.skipped for number in row))
        return nodes.tobytes(), skipped.tobytes()


def _slices(rows: Iterable[Row], count: int) -> None:
    for first, length in rows:
        if length < 0:
            raise IndexError(f"{length} is no length")
        within((first, first + length), count + 1)
