"""Between ids and indices: the live state as the core reads it, the core's rows as structs.

This is the plain form, to read, to compare with and to take over where nothing was compiled;
``_translator.pyx`` is the same class, compiled, because objects cost more than the decision itself.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from uuid import UUID

from core._slowroute import Availability, Node
from core.contracts import (
    Addressee,
    AvailabilityMode,
    Live,
    Par,
    PlanNode,
    Ring,
    Seq,
    Skipped,
    SkipReason,
    Terminal,
)

__all__ = ["MOST_CALLS", "MOST_SECONDS", "Translator"]

MOST_CALLS = 255
"""More calls than this are as many: a terminal's number of calls is one byte."""
MOST_SECONDS = 7 * 86400
"""More seconds than anybody talks in a day."""

_REASONS = tuple(SkipReason)
_AVAILABILITIES = MappingProxyType({mode: Availability[mode.name] for mode in AvailabilityMode})


class Translator:
    """Knows the terminals and employees of one company by their place in the tables."""

    def __init__(
        self,
        terminals: tuple[Terminal, ...],
        employees: tuple[UUID, ...],
        terminal_at: Mapping[UUID | None, int],
        employee_at: Mapping[UUID | None, int],
    ) -> None:
        self._terminals = terminals
        self._employees = employees
        self._terminal_at = terminal_at
        self._employee_at = employee_at

    def state(self, live: Live) -> tuple[bytes, bytes, bytes, bytes]:
        """One byte for each terminal: whether it is registered; one: its calls; one for each employee:
        his mode, an ``Availability``; 32 bits: seconds of talk today. Whom the company does not know
        counts for nothing."""
        registered, calls = bytearray(len(self._terminals)), bytearray(len(self._terminals))
        modes = bytearray([Availability.SCHEDULE]) * len(self._employees)
        talked = array("i", bytes(4 * len(self._employees)))
        for terminal in live.registered:
            if (at := self._terminal_at.get(terminal)) is not None:
                registered[at] = 1
        for terminal, number in live.calls.items():
            if (at := self._terminal_at.get(terminal)) is not None:
                calls[at] = min(number, MOST_CALLS)
        for employee, seconds in live.talked.items():
            if (at := self._employee_at.get(employee)) is not None:
                talked[at] = min(seconds, MOST_SECONDS)
        for employee, mode in live.modes.items():
            if (at := self._employee_at.get(employee)) is not None:
                modes[at] = _AVAILABILITIES[mode]
        return bytes(registered), bytes(calls), bytes(modes), talked.tobytes()

    def tree(self, nodes: bytes, addressees: tuple[Addressee, ...]) -> PlanNode | None:
        """Who rings: ``nodes`` as the core's ``plan`` returns them for a step with these addressees."""
        return self._node(iter(array("i", nodes)), addressees) if nodes else None

    def skipped(self, rows: bytes, addressees: tuple[Addressee, ...]) -> tuple[Skipped, ...]:
        """Who does not ring and why: ``rows`` as ``plan`` of the core returns them."""
        numbers = array("i", rows)
        return tuple(
            self._skipped(numbers[at : at + 4], addressees) for at in range(0, len(numbers), 4)
        )

    def _node(self, nodes: Iterator[int], addressees: tuple[Addressee, ...]) -> PlanNode:
        kind, value = next(nodes), next(nodes)
        if kind == Node.RING:
            terminal = self._terminals[value]
            return Ring(terminal.address, next(nodes), terminal.id, terminal.employee_id)
        if kind == Node.OUTSIDE:
            return Ring(addressees[value].ref, next(nodes))
        items = tuple(self._node(nodes, addressees) for _ in range(value))
        return Par(items) if kind == Node.PAR else Seq(items)

    def _skipped(self, row: Sequence[int], addressees: tuple[Addressee, ...]) -> Skipped:
        terminal, employee, entry, reason = row
        return Skipped(
            terminal_id=self._terminals[terminal].id if terminal >= 0 else None,
            employee_id=self._employees[employee] if employee >= 0 else None,
            reason=_REASONS[reason],
            addressee=addressees[entry],
        )
