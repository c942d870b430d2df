"""What one decision costs, on the compiled core and on its oracle.

``pytest --benchmark-only benchmarks``. The cases are those of ``make bench-routing``, which has the
goals; one round is many operations, and ``per_operation`` in the extra information is the figure to
read.
"""

from __future__ import annotations

import pytest

from benchmarks.companies import INSTANT, large, typical
from benchmarks.routing import CASES
from core import routing
from core.contracts import Live
from core.routing.tables import SLOW, the_core

CORES = pytest.mark.parametrize("core", [the_core, SLOW], ids=["fast", "slow"])


@CORES
@pytest.mark.parametrize("name", CASES)
def test_case(benchmark, core, name):
    case = CASES[name]
    many = case.many if core is the_core else case.oracle_many
    benchmark(case.make(core, many))
    if benchmark.stats is not None:  # with --benchmark-disable there is nothing to tell
        nanoseconds = benchmark.stats.stats.min * 1e9 / many
        benchmark.extra_info["per_operation"] = f"{nanoseconds / case.unit:.2f}, goal {case.goal}"


@CORES
def test_digits(benchmark, core):
    assert benchmark(core.digits, "+74951234567") == 74951234567


@CORES
def test_whole_decision_with_one_phone_registered(benchmark, core):
    company, _ = typical(core)
    compiled, facts = company.compile(), company.facts()
    live = Live(registered=frozenset([company.terminals["e0-1"].id]))

    def decide():
        decision = routing.route(compiled, facts, INSTANT)
        return routing.plan(compiled, decision.chain.steps[0], facts, live, INSTANT, 7)

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
