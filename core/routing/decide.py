"""``route`` and ``plan``: the core's answers with the ids and structs of the contracts."""

from __future__ import annotations

from collections.abc import Iterator

from core._slowroute import Node
from core.contracts import (
    CallFacts,
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
from core.routing.compiled import Compiled, digits

__all__ = ["plan", "route"]

_REASONS = tuple(SkipReason)


def route(compiled: Compiled, facts: CallFacts, instant: float) -> Decision | None:
    """Which branch handles an incoming call (SCN-01, NUM-02), and as whom it rings (NUM-07).

    ``None`` if nothing does: the call does not come from outside, the number is nobody's or has no
    enabled scenario, or the company is suspended.
    """
    snapshot = compiled.snapshot
    if facts.direction is not Direction.INCOMING or snapshot.suspended:
        return None
    index = compiled.table.route(digits(facts.called), digits(facts.caller), instant)
    if index < 0:
        return None
    scenario, branch = compiled.branches[index]
    shows_called = branch.shows_called or facts.called in compiled.shown
    return Decision(
        scenario_id=scenario.id,
        scenario_version=scenario.version,
        branch_id=branch.id,
        chain=branch.chain,
        trace=(
            ("number", facts.called),
            ("scenario", str(scenario.id), str(scenario.version)),
            ("branch", str(branch.id)),
        ),
        shows_called=shows_called,
    )


def plan(
    compiled: Compiled, step: Dial, facts: CallFacts, live: Live, instant: float, seed: int
) -> DialPlan:
    """Who rings for this step now, and who does not and why (PRC-07 … PRC-11, EMP-10).

    The time of the whole step, ``step.ring_seconds``, is a deadline for the caller to keep.
    """
    index = compiled.terminal_index
    count = len(compiled.terminals)
    registered, calls = bytearray(count), bytearray(count)
    for terminal_id in live.registered:
        if (at := index.get(terminal_id)) is not None:
            registered[at] = 1
    for terminal_id, number in live.calls.items():
        if (at := index.get(terminal_id)) is not None:
            calls[at] = min(number, 255)
    caller = index.get(facts.terminal_id, -1)
    nodes, skipped = compiled.table.plan(
        compiled.packed(step), bytes(registered), bytes(calls), caller, seed
    )
    return DialPlan(
        root=_tree(compiled, step, iter(memoryview(nodes).cast("i"))) if nodes else None,
        skipped=tuple(_skipped(compiled, step, memoryview(skipped).cast("i"))),
    )


def _tree(compiled: Compiled, step: Dial, nodes: Iterator[int]) -> PlanNode:
    kind, value = next(nodes), next(nodes)
    if kind == Node.RING:
        terminal = compiled.terminals[value]
        return Ring(
            address=terminal.address,
            seconds=next(nodes),
            terminal_id=terminal.id,
            employee_id=terminal.employee_id,
        )
    if kind == Node.OUTSIDE:
        return Ring(address=step.addressees[value].ref, seconds=next(nodes))
    items = tuple(_tree(compiled, step, nodes) for _ in range(value))
    return Par(items) if kind == Node.PAR else Seq(items)


def _skipped(compiled: Compiled, step: Dial, rows: memoryview[int]) -> Iterator[Skipped]:
    employees = compiled.snapshot.employees
    for at in range(0, len(rows), 4):
        terminal, employee, entry, reason = rows[at : at + 4]
        yield Skipped(
            terminal_id=compiled.terminals[terminal].id if terminal >= 0 else None,
            employee_id=employees[employee].id if employee >= 0 else None,
            reason=_REASONS[reason],
            addressee=step.addressees[entry],
        )
