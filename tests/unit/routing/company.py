"""A company to furnish in a few words, and plans as text that reads like the rule."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from msgspec.structs import replace

from core import _slowroute, routing
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
from core.ids import new_id
from core.routing.compiled import Compiled, TableMaker

NUMBER = "+74951234567"
CALLER = "+79161112233"


def text(node: PlanNode | None) -> str:
    """``(ivanov-1:60 | ivanov-2:60)`` rings at once, ``(a > b)`` in turn, ``-`` nobody."""
    if node is None:
        return "-"
    if isinstance(node, Ring):
        return f"{node.address}:{node.seconds}"
    return f"({(' | ' if isinstance(node, Par) else ' > ').join(text(item) for item in node.items)})"


class Company:
    """Employees' terminals are SIP lines called ``name-1``, ``name-2``; all of them registered."""

    def __init__(self, make: TableMaker = _slowroute.Table) -> None:
        self.make = make
        self.tenant_id = new_id()
        self.employees: dict[str, Employee] = {}
        self.terminals: dict[str, Terminal] = {}
        self.groups: dict[str, Group] = {}
        self.numbers: list[Number] = []
        self.scenarios: list[Scenario] = []
        self.unregistered: set[str] = set()
        self.calls: dict[str, int] = {}
        self.suspended = False

    # --- furnishing -------------------------------------------------------------------------

    def employee(
        self,
        name: str,
        terminals: int = 1,
        mode: AvailabilityMode = AvailabilityMode.SCHEDULE,
        dial_mode: DialMode = DialMode.PARALLEL,
        extension: str | None = None,
    ) -> Addressee:
        """Somebody with so many SIP lines, as an addressee."""
        employee_id = new_id()
        ids = []
        for position in range(1, terminals + 1):
            terminal = Terminal(new_id(), employee_id, TerminalKind.SIP, f"{name}-{position}")
            self.terminals[terminal.address] = terminal
            ids.append(terminal.id)
        self.employees[name] = Employee(
            employee_id, name, extension, mode=mode, dial_mode=dial_mode, terminals=tuple(ids)
        )
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

    def scenario(self, *steps: Dial, enabled: bool = True) -> Scenario:
        """A scenario whose only branch has these steps."""
        branch = Branch(new_id(), "Номера, не входящие в фильтры", Chain(steps))
        scenario = Scenario(new_id(), "По умолчанию", 3, branch, enabled=enabled)
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
        )

    def compile(self) -> Compiled:
        """The tables now."""
        return routing.compile(self.snapshot, self.make)

    def facts(
        self,
        called: str = NUMBER,
        direction: Direction = Direction.INCOMING,
        terminal_id: UUID | None = None,
        caller: str | None = CALLER,
    ) -> CallFacts:
        """A call."""
        return CallFacts(new_id(), self.tenant_id, direction, caller, called, terminal_id=terminal_id)

    def live(self) -> Live:
        """The present moment."""
        registered = (t for a, t in self.terminals.items() if a not in self.unregistered)
        return Live(
            registered=frozenset(terminal.id for terminal in registered),
            calls={self.terminals[address].id: count for address, count in self.calls.items()},
        )

    def route(self, called: str = NUMBER, at: float = 0.0, **facts: object) -> Decision | None:
        """Where a call to this number goes."""
        return routing.route(self.compile(), self.facts(called, **facts), at)

    def dial(
        self,
        addressees: Iterable[Addressee],
        mode: DialMode = DialMode.PARALLEL,
        ring_seconds: int = 60,
        caller: str | None = None,
    ) -> DialPlan:
        """Who rings; ``caller`` is the terminal that calls."""
        step = Dial(tuple(addressees), mode, ring_seconds)
        terminal_id = self.terminals[caller].id if caller else None
        facts = self.facts(terminal_id=terminal_id)
        return routing.plan(self.compile(), step, facts, self.live(), 0.0, 7)

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
