"""Who rings, in plain Python: a step of a scenario expanded to a tree of telephones.

Part of the oracle (``_slowroute``), which knows the rows that are spoken of here.

(features.md F 6, E.) An employee and his terminals are asked in this order:

    mode           extra period     his schedule  terminal's   rings
    -------------  ---------------  ------------  -----------  -----
    unavailable    any              any           any          no
    available      any              any           any          yes
    by schedule    unavailability   any           any          no     (it wins over availability: H-4)
    by schedule    availability     any           any          yes
    by schedule    none             closed        any          no
    by schedule    none             open          closed       no
    by schedule    none             open          open         yes

A step is expanded to addressees, by its mode all at once or in turn, and each of them like this:

    addressee  is                 becomes                                            at most
    ---------  -----------------  -------------------------------------------------  -----------------
    employee   known              his terminals, by the mode of the step             the time below
    group      known              its members in its order, by its own mode (GRP-05) time of the group
    extension  an employee's      what the employee becomes                          likewise
    extension  a group's          what the group becomes                             likewise
    external   the company's own  nobody (own number)                                -
    external   where it is dear   nobody (not allowed)                                -
    external   any other number   itself                                             step, or ``each``
    any        gone, or nobody's  nobody (unknown)                                   -

The contact's personal manager, where he is tried first, is a step of its own with him as the only
addressee (``core.routing.manager``). An employee is expanded to terminals like this:

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
unavailability, off hours; terminal inactive (or own number, not allowed), not main, off hours, the
caller's own, not registered, busy. In a parallel step an employee who is reached twice rings once,
where first reached. The longest time of the whole step is the caller's to keep: who declines early
leaves his time to those after him.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple, Protocol

from core._slowcodes import Addressee, Availability, Flag, Mode, Node, PeriodKind, Reason
from core._slowhours import Hours, Zone

__all__ = ["Plan", "flat", "within"]

Row = Sequence[int]

_NOBODYS = 2**31 - 1
"""Talk time of an entry whose time we do not know."""
_NO_RING: Mapping[int, Reason] = MappingProxyType(
    {Addressee.OWN_NUMBER: Reason.OWN_NUMBER, Addressee.NOT_ALLOWED: Reason.NOT_ALLOWED}
)


class Tables(Protocol):
    """The rows of a company (``_slowroute.Table``)."""

    _zones: tuple[Zone, ...]
    _hours: Hours
    _employees: tuple[Row, ...]
    _terminals: tuple[Row, ...]
    _periods: tuple[Row, ...]
    _groups: tuple[Row, ...]
    _members: tuple[int, ...]


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


class Plan:
    """One expansion; see the tables at the top of the module. IndexError for entries of nobody."""

    def __init__(
        self,
        table: Tables,
        step: bytes,
        registered: bytes,
        calls: bytes,
        modes: bytes,
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
        self.modes = modes
        self.talked = talked
        self.caller = caller
        self.minutes = [zone.minute(instant) for zone in table._zones]
        self.skipped: list[Row] = []
        self.reached: set[int] = set()

    def expand(self) -> Tree | None:
        """The whole tree, or ``None`` if nobody can ring; ``skipped`` says who does not and why."""
        for kind, index in self.entries:
            if kind == Addressee.EMPLOYEE:
                within((index,), len(self.table._employees))
            elif kind == Addressee.GROUP:
                within((index,), len(self.table._groups))
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
        """The employees of a group, in its order."""
        _, _, first, count = self.table._groups[index]
        return self.table._members[first : first + count]

    def addressee(self, entry: int, kind: int, index: int) -> Tree | None:
        """One entry of the step."""
        alone = self.seconds if self.mode == Mode.PARALLEL else min(self.each, self.seconds)
        if kind == Addressee.EMPLOYEE:
            return self.employee(entry, index, self.mode, alone)
        if kind == Addressee.GROUP:
            return self.group(entry, index)
        if kind == Addressee.OUTSIDE:
            return Ring(Node.OUTSIDE, entry, alone)
        self.skipped.append((-1, -1, entry, _NO_RING.get(kind, Reason.UNKNOWN)))
        return None

    def group(self, entry: int, index: int) -> Tree | None:
        """By its own mode and time."""
        mode, seconds, _, count = self.table._groups[index]
        if not count:
            self.skipped.append((-1, -1, entry, Reason.NO_TERMINALS))
        members = list(self.members(index))
        if mode == Mode.LEAST_BUSY:
            members.sort(key=self.talked.__getitem__)
        limit = min(seconds, self.seconds)
        return _join(mode, [self.employee(entry, member, mode, limit) for member in members])

    def employee(self, entry: int, index: int, mode: int, limit: int) -> Tree | None:
        """His terminals, each for at most ``limit`` seconds."""
        if index in self.reached:
            return None
        self.reached.add(index)
        own_mode, first, count, *_ = self.table._employees[index]
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
        zone, schedule, calendar, first, count = self.table._employees[employee][3:]
        if self.modes[employee] == Availability.UNAVAILABLE:
            return Reason.UNAVAILABLE, False
        if self.modes[employee] == Availability.AVAILABLE:
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
        """The first reason why a terminal does not ring, or ``None``."""
        flags, _, channels, schedule = self.table._terminals[terminal]
        minute = self.minutes[self.table._employees[employee][3]]
        in_order = (
            (Reason.OWN_NUMBER, flags & Flag.OWN_NUMBER),
            (Reason.NOT_ALLOWED, flags & Flag.NOT_ALLOWED),
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


def flat(tree: Tree) -> Iterator[int]:
    """The tree in preorder, as ``Node`` says."""
    if isinstance(tree, Ring):
        yield from tree
        return
    yield tree.kind
    yield len(tree.items)
    for item in tree.items:
        yield from flat(item)


def within(indices: Iterable[int], count: int, lowest: int = 0) -> None:
    """IndexError unless all of them are at least ``lowest`` and below ``count``."""
    for index in indices:
        if not lowest <= index < count:
            raise IndexError(f"{index} is not between {lowest} and {count}")
