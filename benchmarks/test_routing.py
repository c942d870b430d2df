"""What one decision costs, on the compiled core and on its oracle.

``pytest --benchmark-only benchmarks``. The core alone is measured with prepared bytes, as the contract
of ``_fastroute`` has them; the whole is what a call pays, Python objects included.
"""

from __future__ import annotations

from array import array

import pytest

from core import routing
from core.contracts import Dial, DialMode, Live
from core.routing.tables import SLOW, Core, the_core
from tests.unit.routing.company import NUMBER, Company

CORES = pytest.mark.parametrize("core", [the_core, SLOW], ids=["fast", "slow"])


def typical(core: Core) -> tuple[Company, Dial]:
    """Ten employees with three lines each, two groups; the scenario rings them all."""
    company = Company(core)
    people = [company.employee(f"e{n}", 3, extension=str(100 + n)) for n in range(10)]
    sales = company.group("sales", *(f"e{n}" for n in range(5)), extension="200")
    step = Dial((people[0], sales), DialMode.PARALLEL)
    company.number(NUMBER, company.scenario(step))
    return company, step


def large(core: Core) -> tuple[Company, Dial]:
    """200 employees with 600 terminals in 20 groups of both modes."""
    company = Company(core)
    for n in range(200):
        company.employee(f"e{n}", 3, dial_mode=list(DialMode)[n % 2])
    groups = [
        company.group(
            f"g{n}", *(f"e{m}" for m in range(n * 10, n * 10 + 10)), dial_mode=list(DialMode)[n % 2]
        )
        for n in range(20)
    ]
    step = Dial(tuple(groups), DialMode.PARALLEL)
    company.number(NUMBER, company.scenario(step))
    return company, step


@CORES
def test_route_in_the_core(benchmark, core):
    company, _ = typical(core)
    table = company.compile().table
    assert benchmark(table.route, 74951234567, b"", b"", 1.8e9)[0] >= 0


@CORES
def test_plan_in_the_core_600_terminals(benchmark, core):
    company, step = large(core)
    compiled = company.compile()
    packed, count = compiled.packed(step), len(compiled.layout.terminals)
    nodes, skipped = benchmark(
        *(compiled.table.plan, packed, b"\1" * count, bytes(count)),
        *(bytes(4 * 200), -1, 1.8e9, 7),
    )
    assert len(array("i", nodes)) > 600
    assert not skipped


@CORES
def test_digits(benchmark, core):
    assert benchmark(core.digits, "+74951234567") == 74951234567


@CORES
def test_whole_decision_of_a_typical_company(benchmark, core):
    company, _ = typical(core)
    compiled, facts, live = company.compile(), company.facts(), company.live()

    def decide():
        decision = routing.route(compiled, facts, 1.8e9)
        return routing.plan(compiled, decision.chain.steps[0], facts, live, 1.8e9, 7)

    assert len(benchmark(decide).root.items) == 15


@CORES
def test_whole_decision_with_one_phone_registered(benchmark, core):
    company, _ = typical(core)
    compiled, facts = company.compile(), company.facts()
    live = Live(registered=frozenset([company.terminals["e0-1"].id]))

    def decide():
        decision = routing.route(compiled, facts, 1.8e9)
        return routing.plan(compiled, decision.chain.steps[0], facts, live, 1.8e9, 7)

    assert benchmark(decide).root.address == "e0-1"


@CORES
def test_compile_a_typical_company(benchmark, core):
    company, _ = typical(core)
    snapshot = company.snapshot
    assert benchmark(routing.compile, snapshot, core).snapshot is snapshot


@CORES
def test_compile_a_large_company(benchmark, core):
    company, _ = large(core)
    snapshot = company.snapshot
    benchmark(routing.compile, snapshot, core)
