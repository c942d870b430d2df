"""What it costs that something changes while 100 callers wait: who is free is asked once for all."""

import asyncio

import pytest

from core import routing
from core.contracts import (
    Addressee,
    AddresseeKind,
    Dial,
    Employee,
    Live,
    Snapshot,
    Terminal,
    TerminalKind,
)
from core.ids import new_id
from core.scenarios import Queue
from core.testing import make_facts
from plugins.queue.service import Company, Visit

CALLERS, PEOPLE = 100, 20


def company():
    """Twenty employees with three telephones each."""
    employees, terminals = [], []
    for number in range(PEOPLE):
        keys = [new_id() for _ in range(3)]
        employee = Employee(new_id(), f"{number}", terminals=tuple(keys))
        employees.append(employee)
        for key in keys:
            login = f"005{len(terminals):07}"
            terminals.append(Terminal(key, employee.id, TerminalKind.SIP, login))
    return Snapshot(new_id(), 1, "", "ООО", employees=tuple(employees), terminals=tuple(terminals))


class Waits:
    """The verbs that serving needs, with the real core behind them; ``asked`` counts."""

    talking = False
    decision = None

    def __init__(self, snapshot, busy):
        self.tenant, self.facts = snapshot.tenant, make_facts(snapshot.tenant)
        self.compiled, self.busy = routing.compile(snapshot), busy
        self.asked = 0

    def whom(self, step):
        self.asked += 1
        phones = [terminal.id for terminal in self.compiled.consulted(step)]
        live = Live(frozenset(phones), {key: 1 for key in phones if key in self.busy})
        return routing.plan(self.compiled, step, self.facts, live, 1_800_000_000.0, 7)


@pytest.mark.parametrize("free", [0, 1], ids=["nobody free", "one free"])
def test_a_change_while_a_hundred_wait(benchmark, free):
    snapshot = company()
    named = tuple(Addressee(AddresseeKind.EMPLOYEE, str(each.id)) for each in snapshot.employees)
    step = Dial(named, queue=Queue(300))
    busy = {terminal.id for terminal in snapshot.terminals[free * 3 :]}
    served = Company()
    with asyncio.Runner() as runner:

        async def whole():
            call = Waits(snapshot, busy)
            visits = [Visit(call, step, step.queue, served) for _ in range(CALLERS)]

            def change():
                for visit in visits[:free]:
                    visit._waiter.rings = frozenset()
                served.share_out()

            benchmark(change)
            asked, _ = call.asked, change()
            assert call.asked == asked + 1, "once for all who wait"
            assert sum(bool(visit._waiter.rings) for visit in visits) == free
            served.close()

        runner.run(whole())
