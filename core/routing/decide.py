"""``route`` and ``plan``: the core's answers with the ids and structs of the contracts."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence

from core._slowroute import Node, RouteResult, WhyNot
from core.contracts import (
    CallFacts,
    Chain,
    Decision,
    Dial,
    DialPlan,
    Direction,
    Live,
    Par,
    PlanNode,
    Ring,
    Seq,
    Skipped,
    SkipReason,
)
from core.routing.compiled import Compiled
from core.routing.tables import Layout

__all__ = ["plan", "route"]

_REASONS = tuple(SkipReason)
_NOTHING = Chain()
_NO_ROWS = memoryview(b"").cast("i")
_DAYS = 7 * 86400
"""More seconds than anybody talks in a day."""


def route(compiled: Compiled, facts: CallFacts, instant: float) -> Decision | None:
    """Which branch handles an incoming call, and as whom it rings (SCN-01, FLT-11, H-3, NUM-07).

    ``None`` if nothing does: the call does not come from outside, the number is nobody's or has no
    enabled scenario, or the company is suspended. When every branch that fits is closed the decision
    names the default branch and has an empty chain.
    """
    snapshot, layout = compiled.snapshot, compiled.layout
    if facts.direction is not Direction.INCOMING or snapshot.suspended:
        return None
    tags = [layout.tags[tag] for tag in facts.tags if tag in layout.tags]
    taken, passed = compiled.table.route(
        compiled.core.digits(facts.called), _integers(tags), _integers(facts.regions), instant
    )
    rows = memoryview(passed).cast("i") if passed else _NO_ROWS
    if taken < 0 and taken != RouteResult.CLOSED:
        return None
    closed = taken == RouteResult.CLOSED
    scenario, branch = layout.branches[rows[-2] if closed else taken // 2]
    is_open = not closed and taken % 2 == 0
    chain = branch.chain if is_open else branch.off_hours
    return Decision(
        scenario_id=scenario.id,
        scenario_version=scenario.version,
        branch_id=branch.id,
        chain=chain or _NOTHING,
        trace=(
            ("number", facts.called),
            ("scenario", str(scenario.id), str(scenario.version)),
            *_passed(layout, rows),
            ("branch", str(branch.id), *(() if is_open else ("off_hours",))),
        ),
        open=is_open,
        shows_called=branch.shows_called or facts.called in compiled.shown,
    )


def plan(
    compiled: Compiled, step: Dial, facts: CallFacts, live: Live, instant: float, seed: int
) -> DialPlan:
    """Who rings for this step now, and who does not and why (PRC-07 … PRC-11, EMP-10, AVL-03 … AVL-10).

    The time of the whole step, ``step.ring_seconds``, is a deadline for the caller to keep.
    """
    layout = compiled.layout
    count = len(layout.terminals)
    registered, calls = bytearray(count), bytearray(count)
    for terminal_id in live.registered:
        if (at := layout.terminal_index.get(terminal_id)) is not None:
            registered[at] = 1
    for terminal_id, number in live.calls.items():
        if (at := layout.terminal_index.get(terminal_id)) is not None:
            calls[at] = min(number, 255)
    nodes, skipped = compiled.table.plan(
        compiled.packed(step),
        bytes(registered),
        bytes(calls),
        _talked(layout, live),
        layout.terminal_index.get(facts.terminal_id, -1),
        instant,
        seed,
    )
    return DialPlan(
        root=_tree(layout, step, iter(memoryview(nodes).cast("i"))) if nodes else None,
        skipped=tuple(_skipped(layout, step, memoryview(skipped).cast("i"))),
    )


def _talked(layout: Layout, live: Live) -> bytes:
    if not live.talked:
        return bytes(4 * len(layout.employees))
    times = (live.talked.get(employee.id, 0) for employee in layout.snapshot.employees)
    return array("i", [min(seconds, _DAYS) for seconds in times]).tobytes()


def _integers(numbers: Sequence[int]) -> bytes:
    return array("i", numbers).tobytes() if numbers else b""


def _passed(layout: Layout, rows: memoryview[int]) -> Iterator[tuple[str, ...]]:
    """The branches before the one that took the call, and why they did not."""
    for at in range(0, len(rows), 2):
        _, branch = layout.branches[rows[at]]
        yield "passed", str(branch.id), WhyNot(rows[at + 1]).name.lower()


def _tree(layout: Layout, step: Dial, nodes: Iterator[int]) -> PlanNode:
    kind, value = next(nodes), next(nodes)
    if kind == Node.RING:
        terminal = layout.terminals[value]
        return Ring(
            address=terminal.address,
            seconds=next(nodes),
            terminal_id=terminal.id,
            employee_id=terminal.employee_id,
        )
    if kind == Node.OUTSIDE:
        return Ring(address=step.addressees[value].ref, seconds=next(nodes))
    items = tuple(_tree(layout, step, nodes) for _ in range(value))
    return Par(items) if kind == Node.PAR else Seq(items)


def _skipped(layout: Layout, step: Dial, rows: memoryview[int]) -> Iterator[Skipped]:
    employees = layout.snapshot.employees
    for at in range(0, len(rows), 4):
        terminal, employee, entry, reason = rows[at : at + 4]
        yield Skipped(
            terminal_id=layout.terminals[terminal].id if terminal >= 0 else None,
            employee_id=employees[employee].id if employee >= 0 else None,
            reason=_REASONS[reason],
            addressee=step.addressees[entry],
        )
