"""From a snapshot to the core's tables, and the way back from indices to ids.

The core knows rows of integers only. A ``Compiled`` holds them beside the snapshot that they were
made from; a changed configuration is compiled anew and swapped whole, so readers need no lock.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator
from types import MappingProxyType
from typing import Protocol
from uuid import UUID

from core import _slowroute
from core._slowroute import Addressee as Code
from core._slowroute import Availability, Flag, Mode
from core.contracts import (
    Addressee,
    AddresseeKind,
    AvailabilityMode,
    Branch,
    Dial,
    DialMode,
    Employee,
    Scenario,
    Snapshot,
    Terminal,
    TerminalKind,
)

try:
    from core import _fastroute
except ImportError:  # nothing was compiled here: slower, with the same answers
    make_table: TableMaker = _slowroute.Table
    digits: Callable[[str | None], int] = _slowroute.digits
else:
    make_table, digits = _fastroute.Table, _fastroute.digits

__all__ = ["Compiled", "Table", "TableMaker", "compile_snapshot", "digits", "make_table"]

_EACH = 25
"""Seconds for one addressee of a sequential list who has no time of his own (H-14)."""

_MODES = MappingProxyType(
    {
        DialMode.SEQUENTIAL: Mode.SEQUENTIAL,
        DialMode.PARALLEL: Mode.PARALLEL,
        DialMode.LEAST_BUSY: Mode.LEAST_BUSY,
    }
)
_AVAILABILITIES = MappingProxyType(
    {
        AvailabilityMode.UNAVAILABLE: Availability.UNAVAILABLE,
        AvailabilityMode.SCHEDULE: Availability.SCHEDULE,
        AvailabilityMode.AVAILABLE: Availability.AVAILABLE,
    }
)


class Table(Protocol):
    """The core's tables of one company; ``_slowroute`` explains them."""

    def route(self, called: int, caller: int, instant: float) -> int:
        """The branch, or a ``RouteResult``."""
        ...

    def plan(
        self, step: bytes, registered: bytes, calls: bytes, caller: int, seed: int
    ) -> tuple[bytes, bytes]:
        """Who rings, and who does not and why."""
        ...


TableMaker = Callable[..., Table]


class Compiled:
    """A snapshot ready to be asked. Made by ``compile_snapshot``; everything in it is constant."""

    __slots__ = (
        "_packed",
        "branches",
        "employees",
        "groups",
        "owners",
        "shown",
        "snapshot",
        "table",
        "terminal_index",
        "terminals",
    )

    def __init__(self, snapshot: Snapshot, make: TableMaker) -> None:
        self.snapshot = snapshot
        by_id = {terminal.id: terminal for terminal in snapshot.terminals}
        self.terminals: tuple[Terminal, ...] = tuple(
            by_id[key] for employee in snapshot.employees for key in employee.terminals if key in by_id
        )
        self.terminal_index = _index(terminal.id for terminal in self.terminals)
        self.employees = _index(employee.id for employee in snapshot.employees)
        self.groups = _index(group.id for group in snapshot.groups)
        self.owners = self._extensions()
        self.shown = frozenset(n.e164 for n in snapshot.numbers if n.shows_called)
        self.branches: tuple[tuple[Scenario, Branch], ...] = tuple(
            (scenario, branch)
            for scenario in snapshot.scenarios
            for branch in (scenario.default, *scenario.branches)
        )
        self.table = self._table(make)
        self._packed = {
            id(step): self._pack(step)
            for _, branch in self.branches
            for step in branch.chain.steps
            if isinstance(step, Dial)
        }

    def packed(self, step: Dial) -> bytes:
        """A step as the core reads it; those of scenarios are prepared, others are made now."""
        # The snapshot keeps its steps alive, so their identities cannot be taken over by others.
        return self._packed.get(id(step)) or self._pack(step)

    def consulted(self, step: Dial) -> Iterator[Terminal]:
        """The terminals whose live state a plan of this step depends on, some perhaps twice."""
        employees, groups = self.snapshot.employees, self.snapshot.groups
        for addressee in step.addressees:
            kind, index = self._resolve(addressee)
            members: Iterable[UUID] = ()
            if kind == Code.GROUP:
                members = groups[index].members
            elif kind == Code.EMPLOYEE:
                members = (employees[index].id,)
            for member in members:
                if (at := self.employees.get(member)) is not None:
                    for key in employees[at].terminals:
                        if (terminal := self.terminal_index.get(key)) is not None:
                            yield self.terminals[terminal]

    def _pack(self, step: Dial) -> bytes:
        numbers = [_MODES[step.mode], step.ring_seconds, _EACH]
        for addressee in step.addressees:
            numbers += self._resolve(addressee)
        return array("i", numbers).tobytes()

    def _resolve(self, addressee: Addressee) -> tuple[int, int]:
        if addressee.kind is AddresseeKind.EXTERNAL:
            return Code.OUTSIDE, 0
        if addressee.kind is AddresseeKind.EXTENSION:
            return self.owners.get(addressee.ref, (Code.UNKNOWN, 0))
        group = addressee.kind is AddresseeKind.GROUP
        index = (self.groups if group else self.employees).get(_uuid(addressee.ref))
        if index is None:
            return Code.UNKNOWN, 0
        return (Code.GROUP if group else Code.EMPLOYEE), index

    def _extensions(self) -> dict[str, tuple[int, int]]:
        snapshot = self.snapshot
        owners = {g.extension: (Code.GROUP, at) for at, g in enumerate(snapshot.groups)}
        owners |= {e.extension: (Code.EMPLOYEE, at) for at, e in enumerate(snapshot.employees)}
        return {extension: owner for extension, owner in owners.items() if extension}

    def _table(self, make: TableMaker) -> Table:
        scenarios = self.snapshot.scenarios
        scenario_index = _index(scenario.id for scenario in scenarios)
        branch_index = _index(branch.id for _, branch in self.branches)
        employees, first = [], 0
        for employee in self.snapshot.employees:
            count = sum(key in self.terminal_index for key in employee.terminals)
            employees.append(_employee_row(employee, first, count))
            first += count
        groups, members = self._group_rows()
        return make(
            numbers=[
                (called, scenario_index.get(number.scenario_id, -1))
                for number in self.snapshot.numbers
                if (called := digits(number.e164))
            ],
            scenarios=[(int(s.enabled), branch_index[s.default.id]) for s in scenarios],
            employees=employees,
            terminals=[_terminal_row(terminal) for terminal in self.terminals],
            groups=groups,
            members=members,
        )

    def _group_rows(self) -> tuple[list[tuple[int, ...]], list[int]]:
        rows: list[tuple[int, ...]] = []
        members: list[int] = []
        for group in self.snapshot.groups:
            known = [self.employees[key] for key in group.members if key in self.employees]
            rows.append((_MODES[group.dial_mode], group.ring_seconds, len(members), len(known)))
            members += known
        return rows, members


def compile_snapshot(snapshot: Snapshot, make: TableMaker = make_table) -> Compiled:
    """Tables of this snapshot. ``make`` chooses the core; tests compare both."""
    return Compiled(snapshot, make)


def _employee_row(employee: Employee, first: int, count: int) -> tuple[int, ...]:
    # An employee's terminals ring in turn or at once; «least busy» is about people (PRC-07).
    mode = Mode.SEQUENTIAL if employee.dial_mode is DialMode.SEQUENTIAL else Mode.PARALLEL
    return _AVAILABILITIES[employee.mode], mode, first, count


def _terminal_row(terminal: Terminal) -> tuple[int, ...]:
    flags = Flag(0)
    if terminal.active and terminal.address:
        flags |= Flag.ACTIVE
    if terminal.main:
        flags |= Flag.MAIN
    if terminal.kind is not TerminalKind.EXTERNAL:
        flags |= Flag.REGISTERS
    return int(flags), terminal.ring_seconds, terminal.channels


def _index(ids: Iterable[UUID]) -> dict[UUID | None, int]:
    return {key: index for index, key in enumerate(ids)}


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
