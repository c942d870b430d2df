"""The routing core in plain Python: what ``_fastroute`` must do, to read and to compare with.

It is the oracle of the tests and takes over where nothing was compiled. Both know a company only as
rows of numbers that refer to each other by index; ``core.routing.compiled`` makes them from a snapshot
and turns the answers back into ids. Nothing here reads a clock or draws a random number.

Rows, each a tuple of integers:

    number    digits, scenario (or -1)
    scenario  enabled, branch «Номера, не входящие в фильтры»
    employee  availability, dial mode, first terminal, how many terminals
    terminal  flags, own ring time, channels        (an employee's terminals lie together)
    group     dial mode, ring time, first member, how many members
    member    employee

``route`` (features.md F 1, 3): called number → its one scenario → branch.

``plan`` (features.md F 6, E): who rings. An addressee is expanded to terminals like this:

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
rings in the configured order as long as everybody has talked equally long. Terminals that do not ring
are named with the first of these reasons: employee unavailable, inactive, not main, the caller's own,
not registered, busy. In a parallel step an employee who is reached twice rings once, where first
reached. The longest time of the whole step is the caller's to keep: who declines early leaves his
time to those after him.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from enum import IntEnum, IntFlag
from typing import NamedTuple

__all__ = [
    "ALL_CODES",
    "Addressee",
    "Availability",
    "Flag",
    "Mode",
    "Node",
    "Reason",
    "RouteResult",
    "Table",
    "digits",
]

Row = Sequence[int]


class Mode(IntEnum):
    """Order of dialling."""

    SEQUENTIAL = 0
    PARALLEL = 1
    LEAST_BUSY = 2


class Availability(IntEnum):
    """The employee's mode; without schedules the last two mean the same."""

    UNAVAILABLE = 0
    SCHEDULE = 1
    AVAILABLE = 2


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


class RouteResult(IntEnum):
    """What ``route`` returns in place of a branch."""

    NO_NUMBER = -1
    NO_SCENARIO = -2
    DISABLED = -3


ALL_CODES = {
    f"{kind.__name__}.{code.name}": int(code)
    for kind in (Mode, Availability, Flag, Addressee, Node, Reason, RouteResult)
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
        numbers: Sequence[Row],
        scenarios: Sequence[Row],
        employees: Sequence[Row],
        terminals: Sequence[Row],
        groups: Sequence[Row],
        members: Sequence[int],
    ) -> None:
        self._scenario_of = {number: scenario for number, scenario in numbers}  # noqa: C416
        self._scenarios = tuple(scenarios)
        self._employees = tuple(employees)
        self._terminals = tuple(terminals)
        self._groups = tuple(groups)
        self._members = tuple(members)
        _within(self._scenario_of.values(), len(scenarios), -1)
        _within(members, len(employees))
        for _, _, first, count in employees:
            _within((first, first + count), len(terminals) + 1)
        for _, _, first, count in groups:
            _within((first, first + count), len(members) + 1)

    def route(self, called: int, caller: int, instant: float) -> int:
        """The branch for a call to the number ``called``, or a ``RouteResult`` below zero."""
        scenario = self._scenario_of.get(called)
        if scenario is None:
            return RouteResult.NO_NUMBER
        if scenario < 0:
            return RouteResult.NO_SCENARIO
        enabled, branch = self._scenarios[scenario]
        return branch if enabled else RouteResult.DISABLED

    def plan(
        self, step: bytes, registered: bytes, calls: bytes, caller: int, seed: int
    ) -> tuple[bytes, bytes]:
        """Who rings and who does not.

        ``step`` holds 32-bit integers: mode, time, ``each``, then kind and index of each entry.
        ``registered`` and ``calls`` have one byte for each terminal; ``caller`` is the terminal that
        calls, or -1. Returns nodes in preorder, and rows of terminal, employee, entry, reason with
        -1 for none; all 32-bit integers.
        """
        if len(registered) != len(self._terminals) or len(calls) != len(self._terminals):
            raise ValueError("the live state is of another configuration")
        plan = _Plan(self, step, registered, calls, caller)
        tree = plan.expand()
        nodes = array("i", _flat(tree) if tree else ())
        skipped = array("i", (number for row in plan.skipped for number in row))
        return nodes.tobytes(), skipped.tobytes()


class _Plan:
    """One expansion; see the table at the top of the module."""

    def __init__(self, table: Table, step: bytes, registered: bytes, calls: bytes, caller: int) -> None:
        numbers = array("i", step)
        if len(numbers) < 3 or len(numbers) % 2 == 0:
            raise ValueError("a step is mode, time, each and pairs of kind and index")
        self.mode, self.seconds, self.each = numbers[:3]
        self.entries = list(zip(numbers[3::2], numbers[4::2], strict=True))
        self.table = table
        self.registered = registered
        self.calls = calls
        self.caller = caller
        self.skipped: list[Row] = []
        self.reached: set[int] = set()

    def expand(self) -> Tree | None:
        trees: list[Tree | None] = []
        for entry, (kind, index) in enumerate(self.entries):
            if self.mode != Mode.PARALLEL:
                self.reached.clear()  # in turn, somebody may well be tried a second time
            trees.append(self.addressee(entry, kind, index))
        return _join(self.mode, trees)

    def addressee(self, entry: int, kind: int, index: int) -> Tree | None:
        alone = self.seconds if self.mode == Mode.PARALLEL else min(self.each, self.seconds)
        if kind == Addressee.EMPLOYEE:
            _within((index,), len(self.table._employees))
            return self.employee(entry, index, self.mode, alone)
        if kind == Addressee.GROUP:
            _within((index,), len(self.table._groups))
            return self.group(entry, index)
        if kind == Addressee.OUTSIDE:
            return Ring(Node.OUTSIDE, entry, alone)
        self.skipped.append((-1, -1, entry, Reason.UNKNOWN))
        return None

    def group(self, entry: int, index: int) -> Tree | None:
        mode, seconds, first, count = self.table._groups[index]
        if not count:
            self.skipped.append((-1, -1, entry, Reason.NO_TERMINALS))
        members = self.table._members[first : first + count]
        limit = min(seconds, self.seconds)
        return _join(mode, [self.employee(entry, member, mode, limit) for member in members])

    def employee(self, entry: int, index: int, mode: int, limit: int) -> Tree | None:
        if index in self.reached:
            return None
        self.reached.add(index)
        availability, own_mode, first, count = self.table._employees[index]
        if availability == Availability.UNAVAILABLE:
            self.skipped.append((-1, index, entry, Reason.UNAVAILABLE))
            return None
        if not count:
            self.skipped.append((-1, index, entry, Reason.NO_TERMINALS))
        rings: list[Tree | None] = []
        for terminal in range(first, first + count):
            _, own_seconds, _ = self.table._terminals[terminal]
            reason = self.why_not(terminal, mode)
            if reason is not None:
                self.skipped.append((terminal, index, entry, reason))
            elif own_mode == Mode.PARALLEL:
                rings.append(Ring(Node.RING, terminal, limit))
            else:
                rings.append(Ring(Node.RING, terminal, min(own_seconds, limit)))
        return _join(own_mode, rings)

    def why_not(self, terminal: int, mode: int) -> Reason | None:
        flags, _, channels = self.table._terminals[terminal]
        if not flags & Flag.ACTIVE:
            return Reason.INACTIVE
        if mode == Mode.PARALLEL and not flags & Flag.MAIN:
            return Reason.NOT_MAIN
        if terminal == self.caller:
            return Reason.CALLER
        if flags & Flag.REGISTERS and not self.registered[terminal]:
            return Reason.NOT_REGISTERED
        if self.calls[terminal] >= channels:
            return Reason.BUSY
        return None


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


def _within(indices: Iterable[int], count: int, lowest: int = 0) -> None:
    for index in indices:
        if not lowest <= index < count:
            raise IndexError(f"{index} is not between {lowest} and {count}")
