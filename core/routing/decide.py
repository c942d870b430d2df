"""``route`` and ``plan``: the core's answers with the ids and structs of the contracts."""

from __future__ import annotations

from array import array
from collections.abc import Collection, Iterable, Sequence
from uuid import UUID

from core._slowroute import RouteResult, WhyNot
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
)
from core.numbers import is_outside
from core.routing.compiled import Compiled
from core.routing.manager import for_caller
from core.routing.tables import Layout

__all__ = ["plan", "route"]

_INCOMING = Direction.INCOMING
_CLOSED = int(RouteResult.CLOSED)
_WHY_NOT = tuple(why.name.lower() for why in WhyNot)


def route(compiled: Compiled, facts: CallFacts, instant: float) -> Decision | None:
    """Which branch handles an incoming call, and as whom it rings (SCN-01, FLT-11, H-3, NUM-07).

    ``None`` if nothing does: the call does not come from outside, the number is nobody's or has no
    enabled scenario, or the company is suspended. When every branch that fits is closed the decision
    names the default branch and has a chain that ends the call, or nothing in it. The caller's
    personal manager stands in the chain where he is to be tried first.
    """
    layout, called = compiled.layout, facts.called
    if facts.direction is not _INCOMING or compiled.snapshot.suspended:
        return None
    taken, passed = compiled.table.route(
        compiled.core.digits(called), _tags(layout, facts.tags), _integers(facts.regions), instant
    )
    if taken < 0 and taken != _CLOSED:
        return None
    rows = array("i", passed)
    closed = taken == _CLOSED
    scenario, branch, name, handled_by = layout.branches[rows[-2] if closed else taken // 2]
    is_open = not closed and taken % 2 == 0
    chain = branch.chain if is_open else (branch.off_hours or compiled.closed)
    return Decision(
        scenario_id=scenario.id,
        scenario_version=scenario.version,
        branch_id=branch.id,
        chain=chain if facts.manager_id is None else for_caller(compiled, chain, facts),
        trace=(
            ("number", called),
            handled_by,
            *_passed(layout, rows),
            ("branch", name) if is_open else ("branch", name, "off_hours"),
        ),
        open=is_open,
        shows_called=branch.shows_called or called in compiled.shown,
    )


def plan(
    compiled: Compiled,
    step: Dial,
    facts: CallFacts,
    live: Live,
    instant: float,
    seed: int,
    only: Collection[str] | None = None,
) -> DialPlan:
    """Who rings for this step now, and who does not and why (PRC-07 … PRC-11, EMP-10, AVL-03 … AVL-10).

    The time of the whole step, ``step.ring_seconds``, is a deadline for the caller to keep. Of those
    who are called at once no telephone number is called twice: an employee's own one may be named
    beside him. With ``only`` nobody else rings than these (``Ring.who``): a queue's choice.
    """
    translator = compiled.translator
    nodes, skipped = compiled.table.plan(
        compiled.packed(step),
        *translator.state(live),
        compiled.layout.terminal_index.get(facts.terminal_id, -1),
        instant,
        seed,
    )
    root = translator.tree(nodes, step.addressees)
    if root is not None and compiled.may_repeat(step):
        root = _once(root, set())
    if root is not None and only is not None:
        root = _among(root, only)
    return DialPlan(
        root=root,
        skipped=translator.skipped(skipped, step.addressees),
    )


def _once(node: PlanNode, called: set[str]) -> PlanNode | None:
    """The tree with every telephone number where it is reached first, as simple as can be."""
    if isinstance(node, Ring):
        if is_outside(node.address):
            if node.address in called:
                return None
            called.add(node.address)
        return node
    return _joined(type(node), [_once(item, called) for item in node.items])


def _among(node: PlanNode, only: Collection[str]) -> PlanNode | None:
    """The tree with nobody but these, as simple as can be."""
    if isinstance(node, Ring):
        return node if node.who in only else None
    return _joined(type(node), [_among(item, only) for item in node.items])


def _joined(kind: type[Seq] | type[Par], items: Iterable[PlanNode | None]) -> PlanNode | None:
    """A node of what is left of its items; one within another of its kind is one with it."""
    kept: list[PlanNode] = []
    for left in items:
        if isinstance(left, Par | Seq) and type(left) is kind:
            kept += left.items
        elif left is not None:
            kept.append(left)
    if len(kept) < 2:
        return kept[0] if kept else None
    return kind(tuple(kept))


def _passed(layout: Layout, rows: Sequence[int]) -> Sequence[tuple[str, ...]]:
    """The branches before the one that took the call, and why they did not."""
    pairs = zip(rows[::2], rows[1::2], strict=True) if rows else ()
    return [("passed", layout.branches[at].name, _WHY_NOT[why]) for at, why in pairs]


def _tags(layout: Layout, tags: Iterable[UUID]) -> bytes:
    """Those of a contact that some filter asks for, by index."""
    return _integers([at for tag in tags if (at := layout.tags.get(tag)) is not None])


def _integers(numbers: Sequence[int]) -> bytes:
    return array("i", numbers).tobytes() if numbers else b""
