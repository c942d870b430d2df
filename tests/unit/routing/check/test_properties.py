"""The check against brute force: ``route`` and ``plan``, caller by caller and moment by moment."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from core import routing
from core.routing.check import Code, check
from core.routing.check.moments import Timeline
from core.routing.check.year import Year
from tests.unit.routing.check.companies import (
    CALLERS,
    STEPS,
    Case,
    companies,
    everybody_is_there,
    facts,
)
from tests.unit.routing.check.oracle import unattended


@settings(max_examples=40, deadline=None)
@given(case=companies(), data=st.data())
def test_gaps_are_the_moments_in_which_some_caller_finds_nobody(case: Case, data: st.DataObject):
    compiled, live = routing.compile(case.snapshot), everybody_is_there(case)
    report = check(case.snapshot, case.start, modes=case.modes, steps=STEPS)
    cuts = Year(compiled, case.start, live.modes).timeline.cuts
    spans = [span for gap in report.gaps for span in gap.spans]
    edges = [edge for span in spans for edge in (span.start, span.end)]
    moments = {case.start, report.end - 1}
    for edge in _some(data, cuts) | _some(data, edges):
        moments |= {edge - 1, edge}
    moments |= set(data.draw(st.lists(st.integers(report.start, report.end - 1), max_size=8)))
    called = {number.id: number.e164 for number in case.snapshot.numbers}
    for gap in report.gaps:
        for moment in moments:
            if report.start <= moment < report.end:
                inside = any(span.start <= moment < span.end for span in gap.spans)
                calls = (facts(called[gap.number_id], *caller) for caller in CALLERS)
                assert inside == any(unattended(compiled, call, moment, live) for call in calls), moment


def _some(data: st.DataObject, instants: list[int]) -> set[int]:
    return set(data.draw(st.lists(st.sampled_from(instants), max_size=8))) if instants else set()


@settings(max_examples=40, deadline=None)
@given(case=companies())
def test_what_is_never_chosen_is_what_no_caller_reaches(case: Case):
    compiled = routing.compile(case.snapshot)
    report = check(case.snapshot, case.start, modes=case.modes, steps=STEPS)
    # Where a call goes has nothing to do with people, so their hours need not be walked through.
    scripts = routing.compile(replace(case.snapshot, employees=(), terminals=()))
    cuts = Year(scripts, case.start, {}).timeline.cuts[:-1]
    never = {
        finding.place.branch_id
        for finding in report.findings
        if finding.code in (Code.BRANCH_COVERED, Code.BRANCH_NEVER_OPEN, Code.NO_SUCH_CALLER)
    }
    unused = {
        (finding.place.branch_id, finding.place.off_hours)
        for finding in report.findings
        if finding.code is Code.CHAIN_UNUSED
    }
    for scenario in case.snapshot.scenarios:
        number = next(n.e164 for n in case.snapshot.numbers if n.scenario_id == scenario.id)
        reached = set()
        for caller in CALLERS if scenario.enabled else ():
            for moment in cuts:
                decision = routing.route(compiled, facts(number, *caller), moment)
                if decision.open or _has_chain(scenario, decision):
                    reached.add((decision.branch_id, not decision.open))
        if scenario.enabled:
            for branch in (*scenario.branches, scenario.default):
                chains = {(branch.id, False)} | ({(branch.id, True)} if branch.off_hours else set())
                assert (branch.id in never) == chains.isdisjoint(reached)
                if branch.id not in never:
                    assert {each for each in unused if each[0] == branch.id} == chains - reached


def _has_chain(scenario, decision) -> bool:
    branch = next(b for b in (*scenario.branches, scenario.default) if b.id == decision.branch_id)
    return branch.off_hours is not None


@given(
    sets=st.lists(st.lists(st.integers(0, 60), unique=True).map(sorted), min_size=2, max_size=3),
    start=st.integers(-5, 0),
)
def test_sets_of_moments_are_sets(sets, start):
    ends = [edges + [70] if len(edges) % 2 else edges for edges in sets]
    line = Timeline(start, 70, ends)
    plain = [{at for at in range(start, 70) if sum(edge <= at for edge in edges) % 2} for edges in ends]
    first, second = (line.moments(edges) for edges in ends[:2])
    for moments, expected in (
        (first, plain[0]),
        (first | second, plain[0] | plain[1]),
        (first & ~second, plain[0] - plain[1]),
        (line.all, set(range(start, 70))),
        (0, set()),
    ):
        spans = line.spans(moments)
        assert {at for span in spans for at in range(span.start, span.end)} == expected
        assert all(a.end < b.start for a, b in pairwise(spans))
        if expected:
            assert line.first(moments) == min(expected)
