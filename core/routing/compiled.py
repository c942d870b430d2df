"""A snapshot ready to be asked: its tables, its steps as the core reads them, and what indices mean.

The core knows rows of integers only. A ``Compiled`` holds them beside the snapshot that they were
made from; a changed configuration is compiled anew and swapped whole, so readers need no lock.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator
from functools import cache
from uuid import UUID

from core._slowroute import Addressee as Code
from core.contracts import (
    Addressee,
    AddresseeKind,
    Chain,
    Dial,
    DialMode,
    Employee,
    Group,
    HangUp,
    Snapshot,
    Step,
    Terminal,
    TerminalKind,
)
from core.routing.tables import MODES, Core, Layout, the_core

__all__ = ["Compilations", "Compiled", "compile_snapshot"]


_NO_NUMBERS: frozenset[str] = frozenset()
"""One for all companies, as an empty set is not small."""
_NO_STEPS: frozenset[int] = frozenset()


_NOTHING = Chain()


def _closed(snapshot: Snapshot) -> Chain:
    """What becomes of a call that nothing handles now: it ends, after the off-hours media if the
    contract has one (H-3)."""
    media = snapshot.off_hours_media
    return _NOTHING if media is None else Chain((HangUp(media=media),))


class Compiled:
    """A snapshot ready to be asked. Made by ``compile_snapshot``; everything in it is constant."""

    __slots__ = (
        "_packed",
        "_repeating",
        "_shares_numbers",
        "closed",
        "core",
        "layout",
        "owners",
        "shown",
        "snapshot",
        "table",
        "translator",
    )

    def __init__(self, snapshot: Snapshot, core: Core) -> None:
        self.snapshot = snapshot
        self.core = core
        self.layout = Layout(snapshot)
        self.owners = self._extensions()
        self.shown = frozenset(n.e164 for n in snapshot.numbers if n.shows_called) or _NO_NUMBERS
        self.closed = _closed(snapshot)
        self.table = self.layout.tables(core)
        self.translator = self.layout.translator(core)
        steps = [
            step
            for row in self.layout.branches
            for chain in (row.branch.chain, row.branch.off_hours)
            for step in _steps(chain.all_steps if chain else ())
        ]
        self._packed = {id(step): self._pack(step) for step in steps}
        external = [t.address for t in self.layout.terminals if t.kind is TerminalKind.EXTERNAL]
        self._shares_numbers = len(set(external)) < len(external)
        self._repeating = frozenset(id(step) for step in steps if self._may_repeat(step)) or _NO_STEPS

    def packed(self, step: Dial) -> bytes:
        """A step as the core reads it; those of scenarios are prepared, others are made now."""
        # The snapshot keeps its steps alive, so their identities cannot be taken over by others.
        return self._packed.get(id(step)) or self._pack(step)

    def consulted(self, step: Dial) -> Iterator[Terminal]:
        """The terminals whose live state a plan of this step depends on, some perhaps twice."""
        layout = self.layout
        employees = self.snapshot.employees
        for member in self.asked(step):
            if (at := layout.employees.get(member)) is not None:
                yield from self.terminals_of(employees[at])

    def terminals_of(self, employee: Employee) -> Iterator[Terminal]:
        """The terminals on an employee's card that are not deleted, in its order."""
        for key in employee.terminals:
            if (terminal := self.layout.terminal_index.get(key)) is not None:
                yield self.layout.terminals[terminal]

    def asked(self, step: Dial) -> Iterator[UUID]:
        """The employees whom a step may ring, some perhaps twice."""
        employees, groups = self.snapshot.employees, self.snapshot.groups
        for addressee in step.addressees:
            kind, index = self.resolve(addressee)
            if kind == Code.GROUP:
                yield from groups[index].members
            elif kind == Code.EMPLOYEE:
                yield employees[index].id

    def weighed(self, step: Dial) -> Iterator[UUID]:
        """The employees on whose talk time a plan of this step depends, some perhaps twice (H-10)."""
        if step.mode is DialMode.LEAST_BUSY:
            yield from self.asked(step)
            return
        for addressee in step.addressees:
            owner = self.owner(addressee)
            if isinstance(owner, Group) and owner.dial_mode is DialMode.LEAST_BUSY:
                yield from owner.members

    def owner(self, addressee: Addressee) -> Employee | Group | None:
        """The employee or group that is meant; ``None`` for external numbers and who is unknown."""
        kind, index = self.resolve(addressee)
        if kind == Code.GROUP:
            return self.snapshot.groups[index]
        return self.snapshot.employees[index] if kind == Code.EMPLOYEE else None

    def may_repeat(self, step: Dial) -> bool:
        """Whether a step may call one telephone number twice at once."""
        return id(step) in self._repeating or (id(step) not in self._packed and self._may_repeat(step))

    def _may_repeat(self, step: Dial) -> bool:
        return step.mode is DialMode.PARALLEL and (
            self._shares_numbers or any(to.kind is AddresseeKind.EXTERNAL for to in step.addressees)
        )

    def _pack(self, step: Dial) -> bytes:
        numbers = [MODES[step.mode], step.ring_seconds, step.each_seconds]
        for addressee in step.addressees:
            numbers += self.resolve(addressee)
        return array("i", numbers).tobytes()

    def resolve(self, addressee: Addressee) -> tuple[int, int]:
        """Whom an entry names: a code of ``_slowroute.Addressee``, and the index of that one."""
        if addressee.kind is AddresseeKind.EXTERNAL:
            return self.layout.outside(addressee.ref), 0
        if addressee.kind is AddresseeKind.EXTENSION:
            return self.owners.get(addressee.ref, (Code.UNKNOWN, 0))
        group = addressee.kind is AddresseeKind.GROUP
        index = (self.layout.groups if group else self.layout.employees).get(_uuid(addressee.ref))
        if index is None:
            return Code.UNKNOWN, 0
        return (Code.GROUP if group else Code.EMPLOYEE), index

    def _extensions(self) -> dict[str, tuple[int, int]]:
        snapshot = self.snapshot
        owners = {g.extension: _one(Code.GROUP, at) for at, g in enumerate(snapshot.groups)}
        owners |= {e.extension: _one(Code.EMPLOYEE, at) for at, e in enumerate(snapshot.employees)}
        return {extension: owner for extension, owner in owners.items() if extension}


class Compilations:
    """What is compiled now, of all companies: a changed configuration costs its own company's only."""

    def __init__(self) -> None:
        self._of: dict[UUID, Compiled] = {}

    def of(self, snapshot: Snapshot) -> Compiled:
        """This very snapshot, ready to be asked; compiled if it was not the company's last one."""
        compiled = self._of.get(snapshot.tenant_id)
        if compiled is None or compiled.snapshot is not snapshot:
            compiled = self._of[snapshot.tenant_id] = compile_snapshot(snapshot)
        return compiled


def compile_snapshot(snapshot: Snapshot, core: Core = the_core) -> Compiled:
    """Tables of this snapshot. ``core`` chooses the module that answers; tests compare both."""
    return Compiled(snapshot, core)


@cache
def _one(kind: Code, at: int) -> tuple[int, int]:
    """The same pair for all companies."""
    return kind, at


def _steps(steps: Iterable[Step]) -> Iterator[Dial]:
    return (step for step in steps if isinstance(step, Dial))


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
