"""Every witness of a finding is a call of which ``route`` and ``plan`` say the same."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import given, settings

from core import routing
from core.contracts import Addressee, Branch, CallFacts, Chain, Decision, Dial
from core.routing.check import Code, Finding, check
from core.routing.compiled import Compiled
from tests.unit.routing.check.companies import (
    STEPS,
    Case,
    companies,
    everybody_is_there,
    facts,
    rung,
    usual,
)
from tests.unit.routing.check.oracle import dial_rings, follow, unattended


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


def covered(compiled: Compiled, finding: Finding, call: CallFacts, decision: Decision) -> bool:
    others = finding.data["by"]
    return decision.branch_id != finding.place.branch_id and str(decision.branch_id) in others


def closed(compiled: Compiled, finding: Finding, call: CallFacts, decision: Decision) -> bool:
    return decision.chain == Chain() and not decision.open


def nobody(compiled: Compiled, finding: Finding, call: CallFacts, decision: Decision) -> bool:
    here = _is_there(compiled, finding, decision)
    instant = finding.witness.instant
    path = routing.dry_run(compiled, call, everybody_is_there(compiled.snapshot), instant, 0)
    own = {number.e164 for number in compiled.snapshot.numbers}
    # If anything rings, it is a number of ours, where nobody is either.
    first = next((stage.step for stage in path.stages if stage.plan and stage.plan.root), None)
    ours = first is None or all(r.address in own for r in rung(compiled, first, call, instant))
    return here and ours and unattended(compiled, call, instant)


def vain(compiled: Compiled, finding: Finding, call: CallFacts, decision: Decision) -> bool:
    step = chain_of(compiled, finding).all_steps[finding.place.step]
    rings = dial_rings(compiled, step, call, finding.witness.instant, frozenset())
    return _is_there(compiled, finding, decision) and not rings


def key(compiled: Compiled, finding: Finding, call: CallFacts, decision: Decision) -> bool:
    menu = next(menu for menu in compiled.snapshot.menus if menu.id == finding.place.menu_id)
    pressed = next(each for each in menu.keys if each.key == finding.place.key)
    instant = finding.witness.instant
    if pressed.addressee is not None:
        step = Dial((pressed.addressee,))
        nobody_rings = not dial_rings(compiled, step, call, instant, frozenset())
    else:
        rest = chain_of(compiled, finding).all_steps[finding.place.step + 1 :]
        nobody_rings = follow(compiled, rest, call, instant, frozenset()) in ("nobody", "nothing")
    return _is_there(compiled, finding, decision) and nobody_rings


def loop(compiled: Compiled, finding: Finding, call: CallFacts, decision: Decision) -> bool:
    """Whoever is rung at that moment, and in turn, the call comes back to where it began."""
    if not _is_there(compiled, finding, decision):
        return False
    numbers = {number.e164: number.scenario_id for number in compiled.snapshot.numbers}
    waiting, seen = [call.called], set[str]()
    for number in waiting:
        arrived = facts(number, call.tags, call.regions)
        reached = routing.route(compiled, arrived, finding.witness.instant)
        steps = reached.chain.all_steps if reached else ()
        for step in [*steps, *_keys(compiled)]:
            if isinstance(step, Dial):
                for ring in rung(compiled, step, arrived, finding.witness.instant):
                    if ring.address in numbers and ring.address not in seen:
                        seen.add(ring.address)
                        waiting.append(ring.address)
    return decision.scenario_id in {numbers[number] for number in seen}


def _keys(compiled: Compiled) -> list[Dial]:
    addressees = (key.addressee for menu in compiled.snapshot.menus for key in menu.keys)
    return [Dial((each,)) for each in addressees if isinstance(each, Addressee)]


CONFIRMED: dict[Code, Callable[[Compiled, Finding, CallFacts, Decision], bool]] = {
    Code.BRANCH_COVERED: covered,
    Code.CLOSED_WITHOUT_CHAIN: closed,
    Code.CHAIN_EMPTY: nobody,
    Code.NOBODY_EVER: nobody,
    Code.NOBODY_AT_TIMES: nobody,
    Code.STEP_RINGS_NOBODY: vain,
    Code.KEY_NOBODY_AT_TIMES: key,
    Code.FORWARD_LOOP: loop,
}


@settings(max_examples=80, deadline=None)
@given(case=companies())
def test_every_witness_is_confirmed(case: Case):
    compiled = routing.compile(usual(case.snapshot))
    report = check(case.snapshot, case.start, steps=STEPS)
    for finding in report.findings:
        witness = finding.witness
        assert (witness is not None) == (finding.code in CONFIRMED)
        if witness is not None and witness.called:
            call = facts(witness.called, witness.tags, witness.regions)
            decision = routing.route(compiled, call, witness.instant)
            assert CONFIRMED[finding.code](compiled, finding, call, decision), finding
            assert report.start <= witness.instant < report.end
            assert {number.id for number in case.snapshot.numbers} >= set(finding.numbers)
