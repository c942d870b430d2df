"""A company to furnish in a few words, and plans as text that reads like the rule."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from msgspec.structs import replace

from core import routing
from core.contracts import (
    Addressee,
    AddresseeKind,
    AvailabilityMode,
    Branch,
    CallFacts,
    Chain,
    Decision,
    Dial,
    DialMode,
    DialPlan,
    Direction,
    Employee,
    Group,
    Live,
    Number,
    Par,
    PlanNode,
    Ring,
    Scenario,
    Snapshot,
    Terminal,
    TerminalKind,
)
from core.hours import Calendar, CalendarDay, ExtraPeriod, Interval, PeriodKind, Schedule
from core.ids import new_id
from core.routing.compiled import Compiled
from core.routing.tables import SLOW, Core

NUMBER = "+74951234567"
CALLER = "+79161112233"


def text(node: PlanNode | None) -> str:
    """``(ivanov-1:60 | ivanov-2:60)`` rings at once, ``(a > b)`` in turn, ``-`` nobody."""
    if node is None:
        return "-"
    if isinstance(node, Ring):
        return f"{node.address}:{node.seconds}"
    return f"({(' | ' if isinstance(node, Par) else ' > ').join(text(item) for item in node.items)})"


def _interval(span: str) -> Interval:
    edges = (edge.split(":") for edge in span.split("-"))
    return Interval(*(60 * int(hours) + int(minutes) for hours, minutes in edges))


class Company:
    """Employees' terminals are SIP lines called ``name-1``, ``name-2``; all of them registered."""

    def __init__(self, core: Core = SLOW) -> None:
        self.core = core
        self.timezone = "Europe/Moscow"
        self.schedules: list[Schedule] = []
        self.calendars: list[Calendar] = []
        self.talked: dict[str, int] = {}
        self.modes: dict[str, AvailabilityMode] = {}
        self.tenant_id = new_id()
        self.employees: dict[str, Employee] = {}
        self.terminals: dict[str, Terminal] = {}
        self.groups: dict[str, Group] = {}
        self.numbers: list[Number] = []
        self.scenarios: list[Scenario] = []
        self.unregistered: set[str] = set()
        self.calls: dict[str, int] = {}
        self.suspended = False
        self.settings: dict[str, object] = {}

    # --- furnishing -------------------------------------------------------------------------

    def employee(
        self,
        name: str,
        terminals: int = 1,
        mode: AvailabilityMode = AvailabilityMode.SCHEDULE,
        dial_mode: DialMode = DialMode.PARALLEL,
        extension: str | None = None,
        **hours: object,
    ) -> Addressee:
        """Somebody with so many SIP lines, as an addressee."""
        employee_id = new_id()
        ids = []
        for position in range(1, terminals + 1):
            terminal = Terminal(new_id(), employee_id, TerminalKind.SIP, f"{name}-{position}")
            self.terminals[terminal.address] = terminal
            ids.append(terminal.id)
        self.employees[name] = Employee(
            *(employee_id, name, extension, dial_mode), terminals=tuple(ids), **hours
        )
        self.modes[name] = mode
        return Addressee(AddresseeKind.EMPLOYEE, str(employee_id))

    def change(self, terminal: str, **changes: object) -> None:
        """Change one terminal; it keeps the name by which the test calls it."""
        self.terminals[terminal] = replace(self.terminals[terminal], **changes)

    def group(
        self,
        name: str,
        *members: str,
        dial_mode: DialMode = DialMode.PARALLEL,
        ring_seconds: int = 30,
        extension: str | None = None,
    ) -> Addressee:
        """A group of employees, as an addressee."""
        ids = tuple(self.employees[member].id for member in members)
        group = Group(new_id(), name, extension, dial_mode, ring_seconds, ids)
        self.groups[name] = group
        return Addressee(AddresseeKind.GROUP, str(group.id))

    def addressee(self, name: str) -> Addressee:
        """An employee or a group that there is."""
        if name in self.employees:
            return Addressee(AddresseeKind.EMPLOYEE, str(self.employees[name].id))
        return Addressee(AddresseeKind.GROUP, str(self.groups[name].id))

    def name(self, addressee: Addressee) -> str:
        """Whose addressee it is."""
        return next(
            each for each in (*self.employees, *self.groups) if self.addressee(each) == addressee
        )

    def schedule(self, **days: str) -> UUID:
        """A week: ``mon="9:00-13:00 14:00-18:00"``; ``22:00-26:00`` reaches into the next day."""
        names = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
        week = tuple(tuple(map(_interval, days.get(name, "").split())) for name in names)
        self.schedules.append(Schedule(new_id(), "График", week))
        return self.schedules[-1].id

    def office_hours(self, hours: str = "9:00-18:00") -> UUID:
        """Monday to Friday."""
        return self.schedule(**dict.fromkeys(("mon", "tue", "wed", "thu", "fri"), hours))

    def calendar(self, *off: str, working: Iterable[str] = (), like: int | None = None) -> UUID:
        """Days off, and working days that follow the weekday ``like``."""
        days = [CalendarDay(date.fromisoformat(day), working=False) for day in off]
        days += [CalendarDay(date.fromisoformat(day), working=True, like=like) for day in working]
        self.calendars.append(Calendar(new_id(), "Календарь", tuple(days)))
        return self.calendars[-1].id

    def extra(self, name: str, kind: PeriodKind, start: str, end: str) -> None:
        """A period of extra availability or unavailability of an employee."""
        period = ExtraPeriod(kind, datetime.fromisoformat(start), datetime.fromisoformat(end))
        employee = self.employees[name]
        self.employees[name] = replace(employee, extra=(*employee.extra, period))

    def scenario(self, *steps: Dial, enabled: bool = True, **branch: object) -> Scenario:
        """A scenario whose only branch has these steps."""
        branch.setdefault("chain", Chain(steps))
        default = Branch(new_id(), "Номера, не входящие в фильтры", **branch)
        scenario = Scenario(new_id(), "По умолчанию", 3, default, enabled=enabled)
        self.scenarios.append(scenario)
        return scenario

    def number(self, e164: str, scenario: Scenario | None) -> Number:
        """A number of the contract."""
        number = Number(new_id(), e164, scenario_id=scenario.id if scenario else None)
        self.numbers.append(number)
        return number

    # --- asking -----------------------------------------------------------------------------

    @property
    def snapshot(self) -> Snapshot:
        """The configuration now."""
        return Snapshot(
            tenant_id=self.tenant_id,
            version=1,
            hash="",
            name="Ромашка",
            employees=tuple(self.employees.values()),
            terminals=tuple(self.terminals.values()),
            groups=tuple(self.groups.values()),
            numbers=tuple(self.numbers),
            scenarios=tuple(self.scenarios),
            suspended=self.suspended,
            timezone=self.timezone,
            schedules=tuple(self.schedules),
            calendars=tuple(self.calendars),
            **self.settings,
        )

    def compile(self) -> Compiled:
        """The tables now."""
        return routing.compile(self.snapshot, self.core)

    def facts(
        self,
        called: str = NUMBER,
        direction: Direction = Direction.INCOMING,
        terminal_id: UUID | None = None,
        caller: str | None = CALLER,
        **known: object,
    ) -> CallFacts:
        """A call."""
        return CallFacts(
            new_id(), self.tenant_id, direction, caller, called, terminal_id=terminal_id, **known
        )

    def live(self) -> Live:
        """The present moment."""
        registered = (t for a, t in self.terminals.items() if a not in self.unregistered)
        return Live(
            registered=frozenset(terminal.id for terminal in registered),
            calls={self.terminals[address].id: count for address, count in self.calls.items()},
            talked={self.employees[name].id: seconds for name, seconds in self.talked.items()},
            modes=self.modes_by_id(),
        )

    def modes_by_id(self) -> dict[UUID, AvailabilityMode]:
        """As ``Live`` has them: of those who are not on schedule."""
        usual = AvailabilityMode.SCHEDULE
        return {self.employees[name].id: mode for name, mode in self.modes.items() if mode is not usual}

    def instant(self, at: str | float, zone: str | None = None) -> float:
        """A moment of the company's clock, ``2026-11-23 09:00``, as epoch seconds."""
        if not isinstance(at, str):
            return at
        return datetime.fromisoformat(at).replace(tzinfo=ZoneInfo(zone or self.timezone)).timestamp()

    def route(self, called: str = NUMBER, at: str | float = 0.0, **facts: object) -> Decision | None:
        """Where a call to this number goes."""
        return routing.route(self.compile(), self.facts(called, **facts), self.instant(at))

    def dial(
        self,
        addressees: Iterable[Addressee],
        mode: DialMode = DialMode.PARALLEL,
        ring_seconds: int = 60,
        caller: str | None = None,
        at: str | float = 0.0,
        each_seconds: int = 25,
    ) -> DialPlan:
        """Who rings; ``caller`` is the terminal that calls, ``at`` a moment as ``instant`` takes it."""
        step = Dial(tuple(addressees), mode, ring_seconds, each_seconds)
        terminal_id = self.terminals[caller].id if caller else None
        facts = self.facts(terminal_id=terminal_id)
        return routing.plan(self.compile(), step, facts, self.live(), self.instant(at), 7)

    def rings(self, *addressees: Addressee, **how: object) -> str:
        """The plan as text."""
        return text(self.dial(addressees, **how).root)

    def reasons(self, *addressees: Addressee, **how: object) -> dict[str, str]:
        """Why who does not ring: by terminal, else by employee, else by what was asked for."""
        addresses = {terminal.id: address for address, terminal in self.terminals.items()}
        names = {employee.id: name for name, employee in self.employees.items()}
        return {
            addresses.get(skipped.terminal_id)
            or names.get(skipped.employee_id)
            or skipped.addressee.ref: skipped.reason.value
            for skipped in self.dial(addressees, **how).skipped
        }
