"""The routing core in plain Python: what ``_fastroute`` must do, to read and to compare with.

It is the oracle of the tests and takes over where nothing was compiled. Both know a company only as
rows of numbers that refer to each other by index; ``core.routing.compiled`` makes them from a snapshot
and turns the answers back into ids. Nothing here reads a clock or draws a random number.

Rows, each a tuple of integers; -1 is «none»:

    number    digits, scenario
    scenario  enabled, first branch, how many branches   (in order of creation, the default one last)
    branch    filter, first value, how many values, schedule, calendar, has an off-hours chain
    value     index of a contact tag, or code of a region
    employee  availability, dial mode, first terminal, how many terminals,
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

``plan`` (features.md F 6, E): who rings. An employee and his terminals are asked in this order:

    mode           extra period     his schedule  terminal's   rings
    -------------  ---------------  ------------  -----------  -----
    unavailable    any              any           any          no
    available      any              any           any          yes
    by schedule    unavailability   any           any          no     (it wins over availability: H-4)
    by schedule    availability     any           any          yes
    by schedule    none             closed        any          no
    by schedule    none             open          closed       no
    by schedule    none             open          open         yes

An addressee is expanded to terminals like this:

    mode of the scenario's      which terminals     employee's own   each terminal rings for
    step, or of the group       (PRC-10/11, GRP-08) dial mode
    --------------------------  ------------------  ---------------  ---------------------------------
    parallel                    active and main     parallel         the time of the step or group
    parallel                    active and main     sequential       its own time (EMP-08), at most
                                                                     that of the step or group
    sequential, least busy      all active          parallel         ``each`` of the step, or the
                                                                     time of the group
    sequential, least busy      all active          sequential       its own time, at most that

A group inside a step uses its own mode and time (GRP-05), bounded by the time of the step. Least busy
(PRC-07, H-10) is in turn, who has talked least today first, equals in the configured order; a group
counts as the least busy of its members, and an external number comes after everybody whose time we
know. What does not ring is named with the first of these reasons: employee unavailable, extra
unavailability, off hours; terminal inactive, not main, off hours, the caller's own, not registered,
busy. In a parallel step an employee who is reached twice rings once, where first
reached. The longest time of the whole step is the caller's to keep: who declines early leaves his
time to those after him.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from enum import IntEnum, IntFlag
from typing import NamedTuple

from core._slowhours import DAY_OFF, Hours, Zone
from core._slownumbering import NumberingPlan

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

_NOBODYS = 2**31 - 1
"""Talk time of an entry whose time we do not know."""


class Mode(IntEnum):
    """Order of dialling."""

    SEQUENTIAL = 0
    PARALLEL = 1
    LEAST_BUSY = 2


class Availability(IntEnum):
    """The employee's mode (AVL-01)."""

    UNAVAILABLE = 0
    SCHEDULE = 1
    AVAILABLE = 2


class PeriodKind(IntEnum):
    """Of an extra period."""

    UNAVAILABLE = 0
    AVAILABLE = 1


class Filter(IntEnum):
    """What a branch looks at (FLT-06)."""

    NONE = 0  # every call: the default branch, or a filter that nobody set up yet
    TAGS = 1
    REGIONS = 2


class WhyNot(IntEnum):
    """Why a branch did not take the call."""

    TAGS = 0
    REGIONS = 1
    CLOSED = 2


class Flag(IntFlag):
    """Of a terminal."""

    ACTIVE = 1
    MAIN = 2
    REGISTERS = 4  # a SIP line: reachable only while a phone is registered with it


class Addressee(IntEnum):
    """What an entry of a step refers to."""

    EMPLOYEE = 0
    GROUP = 1
    OUTSIDE = 2  # an external number: rings through a trunk
    UNKNOWN = 3


class Node(IntEnum):
    """Nodes of a plan in preorder: RING terminal seconds, OUTSIDE entry seconds, SEQ n, PAR n."""

    RING = 0
    OUTSIDE = 1
    SEQ = 2
    PAR = 3


class Reason(IntEnum):
    """Why somebody does not ring; in the order of ``contracts.SkipReason``."""

    UNAVAILABLE = 0
    INACTIVE = 1
    NOT_MAIN = 2
    NOT_REGISTERED = 3
    BUSY = 4
    CALLER = 5
    NO_TERMINALS = 6
    UNKNOWN = 7
    EXTRA_UNAVAILABLE = 8
    OFF_HOURS = 9
    TERMINAL_OFF_HOURS = 10


class RouteResult(IntEnum):
    """What ``route`` returns in place of a branch."""

    NO_NUMBER = -1
    NO_SCENARIO = -2
    DISABLED = -3
    CLOSED = -4  # no branch takes the call now


ALL_CODES = {
    f"{kind.__name__}.{code.name}": int(code)
    for kind in (
        *(Mode, Availability, PeriodKind, Filter, WhyNot, Flag),
        *(Addressee, Node, Reason, RouteResult),
    )
    for code in kind
}
"""Every code by name; a test holds ``_fastroute`` to them."""


class Ring(NamedTuple):
    """A terminal (``Node.RING``) or the entry with an external number (``Node.OUTSIDE``)."""

    kind: Node
    which: int
    seconds: int


class Branching(NamedTuple):
    """Several, at once or in turn; never fewer than two, and never one of its own kind inside."""

    kind: Node
    items: tuple[Ring | Branching, ...]


Tree = Ring | Branching


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
        _within((0,), len(zones))
        _within(self._scenario_of.values(), len(scenarios), -1)
        _slices((row[1:3] for row in scenarios), len(branches))
        _slices((row[1:3] for row in branches), len(values))
        _slices((row[2:4] for row in employees), len(terminals))
        _slices((row[7:9] for row in employees), len(periods))
        _slices((row[2:4] for row in groups), len(members))
        _within(members, len(employees))
        _within((row[4] for row in employees), len(zones))
        with_hours = [row[5:7] for row in employees] + [row[3:5] for row in branches]
        schedules = [row[0] for row in with_hours] + [row[3] for row in terminals]
        _within(schedules, hours.schedules, -1)
        _within((row[1] for row in with_hours), hours.calendars, -1)

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
        talked: bytes,
        caller: int,
        instant: float,
        seed: int,
    ) -> tuple[bytes, bytes]:
        """Who rings and who does not.

        ``step`` holds 32-bit integers: mode, time, ``each``, then kind and index of each entry.
        ``registered`` and ``calls`` have one byte for each terminal, ``talked`` a 32-bit integer for
        each employee: the seconds of today. ``caller`` is the terminal that calls, or -1. Returns
        nodes in preorder, and rows of terminal, employee, entry, reason with -1 for none; all 32-bit
        integers.
        """
        state = (len(registered), len(calls), len(talked) // 4)
        if state != (len(self._terminals), len(self._terminals), len(self._employees)):
            raise ValueError("the live state is of another configuration")
        plan = _Plan(self, step, registered, calls, array("i", talked), caller, instant)
        tree = plan.expand()
        nodes = array("i", _flat(tree) if tree else ())
        skipped = array("i", (number for row in plan.skipped for number in row))
        return nodes.tobytes(), skipped.tobytes()


class _Plan:
    """One expansion; see the table at the top of the module."""

    def __init__(
        self,
        table: Table,
        step: bytes,
        registered: bytes,
        calls: bytes,
        talked: Sequence[int],
        caller: int,
        instant: float,
    ) -> None:
        numbers = array("i", step)
        if len(numbers) < 3 or len(numbers) % 2 == 0:
            raise ValueError("a step is mode, time, each and pairs of kind and index")
        self.mode, self.seconds, self.each = numbers[:3]
        self.entries = list(zip(numbers[3::2], numbers[4::2], strict=True))
        self.table = table
        self.registered = registered
        self.calls = calls
        self.talked = talked
        self.caller = caller
        self.minutes = [zone.minute(instant) for zone in table._zones]
        self.skipped: list[Row] = []
        self.reached: set[int] = set()

    def expand(self) -> Tree | None:
        for kind, index in self.entries:
            if kind == Addressee.EMPLOYEE:
                _within((index,), len(self.table._employees))
            elif kind == Addressee.GROUP:
                _within((index,), len(self.table._groups))
        order = list(range(len(self.entries)))
        if self.mode == Mode.LEAST_BUSY:
            order.sort(key=lambda entry: self.busyness(*self.entries[entry]))
        trees: list[Tree | None] = []
        for entry in order:
            if self.mode != Mode.PARALLEL:
                self.reached.clear()  # in turn, somebody may well be tried a second time
            trees.append(self.addressee(entry, *self.entries[entry]))
        return _join(self.mode, trees)

    def busyness(self, kind: int, index: int) -> int:
        """Seconds of talk today; nobody's time is more than anybody's."""
        if kind == Addressee.EMPLOYEE:
            return self.talked[index]
        if kind == Addressee.GROUP:
            return min((self.talked[member] for member in self.members(index)), default=_NOBODYS)
        return _NOBODYS

    def members(self, index: int) -> Sequence[int]:
        _, _, first, count = self.table._groups[index]
        return self.table._members[first : first + count]

    def addressee(self, entry: int, kind: int, index: int) -> Tree | None:
        alone = self.seconds if self.mode == Mode.PARALLEL else min(self.each, self.seconds)
        if kind == Addressee.EMPLOYEE:
            return self.employee(entry, index, self.mode, alone)
        if kind == Addressee.GROUP:
            return self.group(entry, index)
        if kind == Addressee.OUTSIDE:
            return Ring(Node.OUTSIDE, entry, alone)
        self.skipped.append((-1, -1, entry, Reason.UNKNOWN))
        return None

    def group(self, entry: int, index: int) -> Tree | None:
        mode, seconds, _, count = self.table._groups[index]
        if not count:
            self.skipped.append((-1, -1, entry, Reason.NO_TERMINALS))
        members = list(self.members(index))
        if mode == Mode.LEAST_BUSY:
            members.sort(key=self.talked.__getitem__)
        limit = min(seconds, self.seconds)
        return _join(mode, [self.employee(entry, member, mode, limit) for member in members])

    def employee(self, entry: int, index: int, mode: int, limit: int) -> Tree | None:
        if index in self.reached:
            return None
        self.reached.add(index)
        _, own_mode, first, count, *_ = self.table._employees[index]
        reason, ignores_hours = self.availability(index)
        if reason is not None:
            self.skipped.append((-1, index, entry, reason))
            return None
        if not count:
            self.skipped.append((-1, index, entry, Reason.NO_TERMINALS))
        rings: list[Tree | None] = []
        for terminal in range(first, first + count):
            own_seconds = self.table._terminals[terminal][1]
            reason = self.why_not(terminal, index, mode, ignores_hours)
            if reason is not None:
                self.skipped.append((terminal, index, entry, reason))
            elif own_mode == Mode.PARALLEL:
                rings.append(Ring(Node.RING, terminal, limit))
            else:
                rings.append(Ring(Node.RING, terminal, min(own_seconds, limit)))
        return _join(own_mode, rings)

    def availability(self, employee: int) -> tuple[Reason | None, bool]:
        """Why none of his terminals rings, if so; else whether their schedules do not matter."""
        row = self.table._employees[employee]
        availability, zone, schedule, calendar, first, count = row[0], *row[4:9]
        if availability == Availability.UNAVAILABLE:
            return Reason.UNAVAILABLE, False
        if availability == Availability.AVAILABLE:
            return None, True
        minute = self.minutes[zone]
        periods = self.table._periods[first : first + count]
        now = {kind for kind, start, end in periods if start <= minute < end}
        if PeriodKind.UNAVAILABLE in now:
            return Reason.EXTRA_UNAVAILABLE, False
        if PeriodKind.AVAILABLE in now:
            return None, True
        if not self.table._hours.open(schedule, calendar, minute):
            return Reason.OFF_HOURS, False
        return None, False

    def why_not(self, terminal: int, employee: int, mode: int, ignores_hours: bool) -> Reason | None:
        flags, _, channels, schedule = self.table._terminals[terminal]
        minute = self.minutes[self.table._employees[employee][4]]
        in_order = (
            (Reason.INACTIVE, not flags & Flag.ACTIVE),
            (Reason.NOT_MAIN, mode == Mode.PARALLEL and not flags & Flag.MAIN),
            (
                Reason.TERMINAL_OFF_HOURS,
                not ignores_hours and not self.table._hours.open(schedule, -1, minute),
            ),
            (Reason.CALLER, terminal == self.caller),
            (Reason.NOT_REGISTERED, flags & Flag.REGISTERS and not self.registered[terminal]),
            (Reason.BUSY, self.calls[terminal] >= channels),
        )
        return next((reason for reason, holds in in_order if holds), None)


def _join(mode: int, trees: Sequence[Tree | None]) -> Tree | None:
    """The trees at once or in turn, as simple as can be: nobody, the only one, or two and more."""
    kind = Node.PAR if mode == Mode.PARALLEL else Node.SEQ
    items: list[Tree] = []
    for tree in trees:
        if isinstance(tree, Branching) and tree.kind == kind:
            items += tree.items
        elif tree is not None:
            items.append(tree)
    if len(items) < 2:
        return items[0] if items else None
    return Branching(kind, tuple(items))


def _flat(tree: Tree) -> Iterator[int]:
    if isinstance(tree, Ring):
        yield from tree
        return
    yield tree.kind
    yield len(tree.items)
    for item in tree.items:
        yield from _flat(item)


def _slices(rows: Iterable[Row], count: int) -> None:
    for first, length in rows:
        if length < 0:
            raise IndexError(f"{length} is no length")
        _within((first, first + length), count + 1)


def _within(indices: Iterable[int], count: int, lowest: int = 0) -> None:
    for index in indices:
        if not lowest <= index < count:
            raise IndexError(f"{index} is not between {lowest} and {count}")
