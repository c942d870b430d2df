"""When somebody rings: the availability table and the expansion of ``core._slowplan``, over a year.

All phones are taken to be online and free. Whoever is in «Недоступен» now is taken to be back on
schedule: nobody stays there for a year. «Доступен» says of his hours that they do not count (AVL-09),
and may well last. What is asked of ``plan`` at one instant is answered here for
all of them at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from types import MappingProxyType

from core._slowroute import Addressee as Code
from core.contracts import (
    Addressee,
    AvailabilityMode,
    Dial,
    DialMode,
    Employee,
    SkipReason,
    Terminal,
    TerminalKind,
)
from core.hours import PeriodKind
from core.routing.check.moments import Moments
from core.routing.check.year import Year

__all__ = ["People"]


class People:
    """The employees and groups of one company; those in «Недоступен» stay there if it ``lasts``."""

    def __init__(self, year: Year, *, lasts: bool = False) -> None:
        self._year = year
        self._lasts = lasts
        self._compiled = year.compiled
        self._available: dict[int, tuple[Moments, Moments]] = {}
        self._rings: dict[tuple[int, DialMode], Moments] = {}

    def step(self, step: Dial) -> Moments:
        """When a forwarding rings anybody."""
        somebody: Moments = 0
        reached: set[int] = set()
        for addressee in step.addressees:
            if step.mode is not DialMode.PARALLEL:
                reached.clear()  # in turn, somebody may well be tried a second time
            somebody |= self._entry(addressee, step.mode, reached)
        return somebody

    def entry(self, step: Dial, entry: int) -> Moments:
        """When one entry of the list rings by itself."""
        return self._entry(step.addressees[entry], step.mode, set())

    def unavailable(self, step: Dial) -> bool:
        """Whether a forwarding rings somebody at times, but nobody for as long as modes stay as now."""
        return bool(self.step(step)) and not self._as_now.step(step)

    def why_never(self, step: Dial, entry: int) -> SkipReason:
        """Why an entry that never rings does not."""
        kind, _ = self._compiled.resolve(step.addressees[entry])
        if (reason := _NOBODY.get(kind)) is not None:
            return reason
        asked = [
            (self._year.snapshot.employees[index], mode)
            for index, mode in self._asked(step.addressees[entry], step.mode)
        ]
        reasons = {self._why_never(employee, mode) for employee, mode in asked}
        return min(reasons, key=_ORDER.index, default=SkipReason.NO_TERMINALS)

    @cached_property
    def _as_now(self) -> People:
        return People(self._year, lasts=True)

    def _entry(self, addressee: Addressee, mode: DialMode, reached: set[int]) -> Moments:
        kind, _ = self._compiled.resolve(addressee)
        if kind == Code.OUTSIDE:
            return self._year.all
        somebody: Moments = 0
        for index, own_mode in self._asked(addressee, mode):
            # Whoever is reached twice at once rings where first reached, even if nothing rings there.
            if index not in reached:
                reached.add(index)
                somebody |= self._employee(index, own_mode)
        return somebody

    def _asked(self, addressee: Addressee, mode: DialMode) -> Iterator[tuple[int, DialMode]]:
        """Employees by index, and the mode that chooses among their terminals."""
        kind, index = self._compiled.resolve(addressee)
        if kind == Code.EMPLOYEE:
            yield index, mode
        elif kind == Code.GROUP:
            group = self._year.snapshot.groups[index]
            for member in group.members:
                if (at := self._year.layout.employees.get(member)) is not None:
                    yield at, group.dial_mode

    def _employee(self, index: int, mode: DialMode) -> Moments:
        found = self._rings.get((index, mode))
        if found is None:
            found = self._rings[index, mode] = self._terminals(index, mode)
        return found

    def _terminals(self, index: int, mode: DialMode) -> Moments:
        employee = self._year.snapshot.employees[index]
        ignoring, working = self._availability(index, employee)
        somebody: Moments = 0
        if not ignoring | working:
            return somebody
        for terminal in self._compiled.terminals_of(employee):
            if self._why_not(terminal, mode) is not None:
                continue
            hours = self._year.terminal_hours(employee, terminal.schedule_id)
            somebody |= ignoring | (working & self._year.open(hours) if working else 0)
        return somebody

    def _availability(self, index: int, employee: Employee) -> tuple[Moments, Moments]:
        """When all terminals ring whatever their hours, and when only those that are open."""
        found = self._available.get(index)
        if found is None:
            found = self._available[index] = self._looked_up(employee)
        return found

    def _looked_up(self, employee: Employee) -> tuple[Moments, Moments]:
        year = self._year
        mode = year.mode_of(employee)
        if self._lasts and mode is AvailabilityMode.UNAVAILABLE:
            return 0, 0
        if mode is AvailabilityMode.AVAILABLE:
            return year.all, 0
        away = year.extra(employee, PeriodKind.UNAVAILABLE)
        present = year.extra(employee, PeriodKind.AVAILABLE) & ~away
        return present, year.open(year.hours_of(employee)) & ~away & ~present

    def _why_never(self, employee: Employee, mode: DialMode) -> SkipReason:
        reasons = {self._why_not(terminal, mode) for terminal in self._compiled.terminals_of(employee)}
        if not reasons:
            return SkipReason.NO_TERMINALS
        if None in reasons:  # by itself it could, so it is a matter of hours
            at = self._year.layout.employees[employee.id]
            ignoring, working = self._availability(at, employee)
            return SkipReason.TERMINAL_OFF_HOURS if ignoring | working else SkipReason.OFF_HOURS
        return min((reason for reason in reasons if reason), key=_ORDER.index)

    def _why_not(self, terminal: Terminal, mode: DialMode) -> SkipReason | None:
        """Why a terminal does not ring at any time, as far as that is its own matter."""
        if not (terminal.active and terminal.address):
            return SkipReason.INACTIVE
        if terminal.kind is TerminalKind.EXTERNAL:
            reason = _NOBODY.get(self._year.layout.outside(terminal.address))
            if reason is not None:
                return reason
        if mode is DialMode.PARALLEL and not terminal.main:
            return SkipReason.NOT_MAIN
        return SkipReason.BUSY if terminal.channels <= 0 else None


_NOBODY: Mapping[int, SkipReason] = MappingProxyType(
    {
        Code.UNKNOWN: SkipReason.UNKNOWN,
        Code.OWN_NUMBER: SkipReason.OWN_NUMBER,
        Code.NOT_ALLOWED: SkipReason.NOT_ALLOWED,
    }
)
"""Why an entry rings nobody, whoever it names."""

_ORDER = (
    SkipReason.TERMINAL_OFF_HOURS,
    SkipReason.OFF_HOURS,
    SkipReason.BUSY,
    SkipReason.NOT_MAIN,
    SkipReason.OWN_NUMBER,
    SkipReason.NOT_ALLOWED,
    SkipReason.INACTIVE,
    SkipReason.NO_TERMINALS,
    SkipReason.UNKNOWN,
)
"""Of several reasons the one that is told: how close somebody comes to ringing."""
