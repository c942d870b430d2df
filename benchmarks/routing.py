"""What a decision costs in time and memory, beside the goals and beside the oracle in plain Python.

    python -m benchmarks.routing [--rounds 400] [--numbering ../shared/numbering]
                                 [--tenants 10000] [--decisions 1000000]

Prints one JSON object. Rounds of the core and of its oracle take turns and the quickest of each counts,
so a busy machine disturbs little; ratios travel between machines, nanoseconds do not. Times include the
loop in Python around the calls.
"""

from __future__ import annotations

import argparse
import gc
import os
import sys
import time
from array import array
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
from msgspec.structs import replace

from benchmarks.companies import (
    INSTANT,
    RANGES,
    callers,
    filtered,
    large,
    numbering,
    typical,
    written,
)
from benchmarks.cpu import resident_kib
from benchmarks.figures import begin, show
from core import numbers, routing
from core.contracts import AvailabilityMode, CallFacts, Direction, Live, Snapshot
from core.ids import new_id
from core.routing.tables import SLOW, Core, the_core

DIGITS = 74951234567
"""Of the number that is called."""
ORACLE_ROUNDS = 20
MICRO, NANO = 1000, 1
_NOBODY: frozenset[Any] = frozenset()

Work = Callable[[], object]


class Case(NamedTuple):
    """Something timed: the goal for one operation in ``unit`` nanoseconds, and how to do ``many``."""

    goal: float
    unit: int
    many: int
    make: Callable[..., Work]
    oracle_many: int


def lookups(core: Core, many: int, ranges: int = RANGES) -> Work:
    """Regions of callers who differ each time."""
    of, digits = (
        core.NumberingPlan(*_plan(ranges)).subjects,
        [caller.digits for caller in callers(many)],
    )

    def work() -> None:
        for number in digits:
            of(number)

    return work


def routes(core: Core, many: int, ranges: int = RANGES) -> Work:
    """The caller's regions, then which of fifty branches takes his call."""
    compiled = filtered(core).compile()
    route, of = compiled.table.route, core.NumberingPlan(*_plan(ranges)).subjects
    everybody = callers(many, len(compiled.layout.tags))
    packed = {codes: array("i", codes).tobytes() for codes in {of(each.digits) for each in everybody}}

    def work() -> None:
        for digits, tags in everybody:
            route(DIGITS, tags, packed[of(digits)], INSTANT)

    return work


def plans(core: Core, many: int) -> Work:
    """Who rings of 600 terminals, as the core writes it down."""
    company, step = large(core)
    compiled = company.compile()
    plan, packed = compiled.table.plan, compiled.packed(step)
    state = compiled.translator.state(company.live())

    def work() -> None:
        for seed in range(many):
            plan(packed, *state, -1, INSTANT, seed)

    return work


def normalisations(core: Core, many: int) -> Work:
    """``+E.164`` of Russian numbers as they are written."""
    normalize = numbers.russian if core is SLOW else numbers.normalize
    texts = written(many)

    def work() -> None:
        for text in texts:
            normalize(text)

    return work


def decisions(core: Core, many: int, *, read: bool = True) -> Work:
    """From facts to the tree of telephones, with the objects and the trace."""
    snapshot = typical(core)[0].snapshot
    if read:
        snapshot = _as_read(snapshot, {})
    compiled = routing.compile(snapshot, core)
    facts, live = call(snapshot)

    def work() -> None:
        for seed in range(many):
            decision = routing.route(compiled, facts, INSTANT)
            routing.plan(compiled, decision.chain.steps[0], facts, live, INSTANT, seed)

    return work


CASES = {
    "route_50_filters": Case(1.0, MICRO, 1000, routes, 200),
    "plan_600_terminals": Case(15, MICRO, 50, plans, 1),
    "region_lookup": Case(150, NANO, 4000, lookups, 2000),
    "normalisation": Case(100, NANO, 4000, normalisations, 500),
    "typical_decision": Case(5, MICRO, 100, decisions, 10),
}


_plan = cache(numbering)


def quickest(work: Work, many: int) -> float:
    """Nanoseconds of one of the ``many`` operations of a round."""
    begun = time.perf_counter_ns()
    work()
    return (time.perf_counter_ns() - begun) / many


def timed(case: Case, rounds: int) -> dict[str, Any]:
    """The quickest rounds of the core and of its oracle."""
    work, oracle = case.make(the_core, case.many), case.make(SLOW, case.oracle_many)
    ours, theirs = [], []
    for at in range(rounds):
        ours.append(quickest(work, case.many))
        if at % max(rounds // ORACLE_ROUNDS, 1) == 0:
            theirs.append(quickest(oracle, case.oracle_many))
    unit = "µs" if case.unit == MICRO else "ns"
    figure = judged(min(ours) / case.unit, case.goal, unit)
    return figure | {"times_quicker_than_oracle": round(min(theirs) / min(ours), 1)}


def judged(value: float, goal: float, unit: str) -> dict[str, Any]:
    """A figure beside its goal, which is the most that it may be."""
    return {"value": round(value, 2), "goal": goal, "unit": unit, "reached": value <= goal}


def sizes(folder: Path | None) -> dict[str, Any]:
    """Bytes of the numbering table: generated, and of the real files if they are there."""
    found = {f"table_of_{RANGES}_ranges": _megabytes(_plan(RANGES))}
    if folder and folder.is_dir():
        from tenants.numbering import read

        plan = read(folder)
        found["table_of_the_files"] = _megabytes(plan) | {"ranges": plan.ranges}
    return found


def _megabytes(plan: Any) -> dict[str, Any]:
    size = the_core.NumberingPlan(plan.edges, plan.subjects).size
    return judged(size / 1e6, 8, "MB")


def tenants(count: int) -> dict[str, Any]:
    """What typical companies weigh in one process, and what compiling one costs."""
    stored = msgspec.json.encode(typical()[0].snapshot)
    held = [_ready(stored) for _ in range(10)]  # zones and code are shared
    gc.collect()
    before = resident_kib(os.getpid())
    held = [_ready(stored) for _ in range(count)]
    gc.collect()
    weight = (resident_kib(os.getpid()) - before) / count
    snapshots = [compiled.snapshot for compiled, _ in held]
    cost = min(quickest(lambda: routing.compile(snapshots[0]), 1) for _ in range(20))
    return {
        "memory_of_each": judged(weight, 30, "KiB") | {"tenants": count},
        "compile": judged(cost / 1e6, 3, "ms"),
        "compiled_by_a_change": judged(_compiled_by_a_change(snapshots), 1, ""),
    }


def _ready(stored: bytes) -> tuple[routing.Compiled, dict[UUID, AvailabilityMode]]:
    """A company as the directory holds it, and one call to it decided."""
    snapshot = _as_read(msgspec.json.decode(stored, type=Snapshot), {})
    compiled = routing.compile(replace(snapshot, tenant_id=new_id()))
    facts, live = call(snapshot)
    decision = routing.route(compiled, facts, INSTANT)
    for step in decision.chain.steps:
        routing.plan(compiled, step, facts, live, INSTANT, 7)
    return compiled, live.modes


def call(snapshot: Snapshot) -> tuple[CallFacts, Live]:
    """A call to the company's only number while all its lines are registered."""
    (number,) = snapshot.numbers
    facts = CallFacts(new_id(), snapshot.tenant_id, Direction.INCOMING, None, number.e164)
    return facts, Live(
        registered=frozenset(terminal.id for terminal in snapshot.terminals), modes=modes(snapshot)
    )


def modes(snapshot: Snapshot) -> dict[UUID, AvailabilityMode]:
    """Two are available whatever the hour, one is away, the others are on schedule."""
    first, second, third = snapshot.employees[1:4]
    there, away = AvailabilityMode.AVAILABLE, AvailabilityMode.UNAVAILABLE
    return {first.id: there, second.id: there, third.id: away}


def _as_read(value: Any, ids: dict[UUID, UUID]) -> Any:
    """The same with ids as they come from the database, one object for each."""
    from asyncpg.pgproto import pgproto  # here, as it takes longer to import than all else

    if isinstance(value, UUID):
        return ids.setdefault(value, pgproto.UUID(value.bytes))
    if isinstance(value, tuple):
        return tuple(_as_read(each, ids) for each in value)
    if isinstance(value, msgspec.Struct):
        fields = {name: _as_read(getattr(value, name), ids) for name in value.__struct_fields__}
        return type(value)(**fields)
    return _NOBODY if value == frozenset() else value


def _compiled_by_a_change(snapshots: Iterable[Snapshot]) -> int:
    """How many companies are compiled anew when one has changed."""
    some = list(snapshots)[:100]
    compilations = routing.Compilations()
    before = {id(compilations.of(snapshot)) for snapshot in some}
    some[-1] = replace(some[-1], version=2)
    return sum(id(compilations.of(snapshot)) not in before for snapshot in some)


def growth(count: int) -> dict[str, Any]:
    """What many decisions leave behind: blocks of Python's allocator, and resident memory."""
    many = 10_000
    work = decisions(the_core, many)
    work()
    gc.collect()
    blocks, resident = sys.getallocatedblocks(), resident_kib(os.getpid())
    for _ in range(max(count // many, 1)):
        work()
    gc.collect()
    return {
        "blocks": judged(sys.getallocatedblocks() - blocks, 100, "blocks") | {"decisions": count},
        "resident": judged(resident_kib(os.getpid()) - resident, 256, "KiB"),
    }


def measure(
    rounds: int, *, numbering: Path | None, companies: int, many_decisions: int
) -> dict[str, Any]:
    """The figures as they are printed."""
    found = {"growth": growth(many_decisions), "tenants": tenants(companies)}
    found |= {"size": sizes(numbering)}
    found |= {"time": {name: timed(case, rounds) for name, case in CASES.items()}}
    every = [figure for group in found.values() for figure in group.values()]
    return {
        "compiled": the_core is not SLOW,
        "goals_reached": all(figure["reached"] for figure in every),
        **dict(reversed(found.items())),
    }


def main() -> int:
    """Measure and print."""
    begin("benchmarks.routing")
    parser = argparse.ArgumentParser(prog="benchmarks.routing", description="cost of a decision")
    parser.add_argument("--rounds", type=int, default=400, help="of which the quickest counts")
    parser.add_argument("--numbering", type=Path, default=Path("../shared/numbering"))
    parser.add_argument("--tenants", type=int, default=10_000)
    parser.add_argument("--decisions", type=int, default=1_000_000)
    options = parser.parse_args()
    result = measure(
        options.rounds,
        numbering=options.numbering,
        companies=options.tenants,
        many_decisions=options.decisions,
    )
    show(result)
    return 0


if __name__ == "__main__":
    sys.exit(main())
