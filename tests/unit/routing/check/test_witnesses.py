"""Every witness of a finding is a call of which ``route`` and ``plan`` say the same."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import given, settings

from core import routing
from core.contracts import Branch, CallFacts, Chain, Decision, Dial, Live
from core.routing.check import Code, Finding, check
from core.routing.compiled import Compiled
from tests.unit.routing.check.companies import (
    STEPS,
    Case,
    companies,
    everybody_is_there,
    facts,
    rung,
)
from tests.unit.routing.check.oracle import follow, unattended


def chain_of(compiled: Compiled, finding: Finding) -> Chain:
    branch = _branch(compiled, finding)
    return (branch.off_hours if finding.place.off_hours else None) or branch.chain


def _branch(compiled: Compiled, finding: Finding) -> Branch:
    return next(
        row.branch for row in compiled.layout.branches if row.branch.id == finding.place.branch_id
    )


def _is_there(compiled: Compiled, finding: Finding, decision: Decision) -> bool:
    here = decision.branch_id == finding.place.branch_id
    return here and decision.open is not finding.place.off_hours


def covered(
    compiled: Compiled, finding: Finding, call: CallFacts, decision: Decision, live: Live
) -> bool:
    others = finding.data["by"]
    return decision.branch_id != finding.place.branch_id and str(decision.branch_id) in others


def closed(
    compiled: Compiled, finding: Finding, call: CallFacts, decision: Decision, live: Live
) -> bool:
    return decision.chain == Chain() and not decision.open


def nobody(
    compiled: Compiled, finding: Finding, call: CallFacts, decision: Decision, live: Live
) -> bool:
    here = _is_there(compiled, finding, decision)
    instant = finding.witness.instant
    path = routing.dry_run(compiled, call, live, instant, 0)
    rings = any(stage.plan and stage.plan.root for stage in path.stages)
    return here and not rings and unattended(compiled, call, instant, live)


def vain(compiled: Compiled, finding: Finding, call: CallFacts, decision: Decision, live: Live) -> bool:
    step = chain_of(compiled, finding).all_steps[finding.place.step]
    rings = any(rung(compiled, step, call, finding.witness.instant, live))
    return _is_there(compiled, finding, decision) and not rings


def key(compiled: Compiled, finding: Finding, call: CallFacts, decision: Decision, live: Live) -> bool:
    menu = next(menu for menu in compiled.snapshot.menus if menu.id == finding.place.menu_id)
    pressed = next(each for each in menu.keys if each.key == finding.place.key)
    instant = finding.witness.instant
    if pressed.addressee is not None:
        step = Dial((pressed.addressee,))
        nobody_rings = not any(rung(compiled, step, call, instant, live))
    else:
        rest = chain_of(compiled, finding).all_steps[finding.place.step + 1 :]
        nobody_rings = follow(compiled, rest, call, instant, live) in ("nobody", "nothing")
    return _is_there(compiled, finding, decision) and nobody_rings


CONFIRMED: dict[Code, Callable[[Compiled, Finding, CallFacts, Decision, Live], bool]] = {
    Code.BRANCH_COVERED: covered,
    Code.CLOSED_WITHOUT_CHAIN: closed,
    Code.CHAIN_EMPTY: nobody,
    Code.NOBODY_EVER: nobody,
    Code.NOBODY_AT_TIMES: nobody,
    Code.STEP_RINGS_NOBODY: vain,
    Code.KEY_NOBODY_AT_TIMES: key,
}


@settings(max_examples=80, deadline=None)
@given(case=companies())
def test_every_witness_is_confirmed(case: Case):
    compiled, live = routing.compile(case.snapshot), everybody_is_there(case)
    report = check(case.snapshot, case.start, modes=case.modes, steps=STEPS)
    for finding in report.findings:
        witness = finding.witness
        assert (witness is not None) == (finding.code in CONFIRMED)
        if witness is not None and witness.called:
            call = facts(witness.called, witness.tags, witness.regions)
            decision = routing.route(compiled, call, witness.instant)
            assert CONFIRMED[finding.code](compiled, finding, call, decision, live), finding
            assert report.start <= witness.instant < report.end
            assert {number.id for number in case.snapshot.numbers} >= set(finding.numbers)
