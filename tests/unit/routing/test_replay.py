"""Past decisions asked for again, without a database: what is kept once, and another configuration."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from core import routing
from core.contracts import Attempt, AvailabilityMode, Dial, Direction, Live, ManagerFirst
from core.routing import Evidence, Unrouted
from tests.unit.routing.company import NUMBER, text

NOON = "2026-11-23 12:00"


@pytest.fixture
def dials(company):
    """Two lists of one scenario."""
    steps = tuple(Dial((company.employee(name),)) for name in ("ivanov", "petrov"))
    company.number(NUMBER, company.scenario(*steps))
    return steps


def trees(path):
    return [text(stage.plan.root) for stage in path.stages]


def line(company, address):
    return company.terminals[address].id


def test_what_was_left_out_is_that_of_the_attempt_before(company, dials):
    there = Live(frozenset({line(company, "ivanov-1")}))
    attempts = (
        Attempt(10.0, dials[0], there),
        Attempt(20.0),
        Attempt(30.0, dials[1]),
        Attempt(40.0, None, Live(frozenset({line(company, "petrov-1")}))),
    )
    evidence = Evidence(company.facts(), 0.0, 7, attempts)
    path = routing.replay(company.compile(), evidence)
    assert [stage.at for stage in path.stages] == [10.0, 20.0, 30.0, 40.0]
    assert trees(path) == ["ivanov-1:60", "ivanov-1:60", "-", "petrov-1:60"]
    assert path.decision == company.route()


def test_the_managers_step_is_known_again_among_equal_ones(company):
    admin = company.employee("admin")
    same = Dial((admin,), ring_seconds=15, each_seconds=15)
    first = Dial((admin,), ring_seconds=30, manager=ManagerFirst(15))
    company.number(NUMBER, company.scenario(same, first))
    facts = company.facts(manager_id=company.employees["admin"].id)
    attempts = tuple(
        Attempt(float(at), step, Live()) for at, step in enumerate((same, same, first, Dial(())))
    )
    path = routing.replay(company.compile(), Evidence(facts, company.instant(NOON), 7, attempts))
    assert [stage.manager for stage in path.stages] == [False, True, False, False]


def test_a_plugins_decision_is_taken_as_it_was(company, dials):
    decision = replace(company.route(), shows_called=True)
    path = routing.replay(company.compile(), Evidence(company.facts(), 0.0, 7, (), decision))
    assert (path.decision, path.stages) == (decision, ())


def test_under_another_configuration_the_state_of_then_counts(company, dials):
    own = company.compile()
    attempts = (Attempt(0.0, dials[0], Live(frozenset(), {})),)  # ivanov had no phone
    evidence = Evidence(company.facts(), 0.0, 7, attempts)
    company.modes["petrov"] = AvailabilityMode.UNAVAILABLE  # since then
    path, assumed = routing.replay_under(company.compile(), own, evidence)
    assert trees(path) == ["-", "petrov-1:60"]
    assert assumed == (line(company, "petrov-1"),)  # nobody looked at it then


def test_the_modes_of_then_count_as_they_were_when_first_looked_at(company, dials):
    own = company.compile()
    company.change("petrov-1", main=False)  # a later configuration
    ivanov, petrov = (company.employees[name].id for name in ("ivanov", "petrov"))
    away, back = AvailabilityMode.UNAVAILABLE, AvailabilityMode.AVAILABLE
    phones = frozenset({line(company, "ivanov-1"), line(company, "petrov-1")})
    attempts = (
        Attempt(0.0, dials[0], Live(phones, modes={ivanov: away})),
        Attempt(5.0, dials[0], Live(phones, modes={ivanov: back})),
        Attempt(9.0, dials[1], Live(phones, modes={ivanov: away, petrov: away})),
    )
    evidence = Evidence(company.facts(), 0.0, 7, attempts)
    path, assumed = routing.replay_under(company.compile(), own, evidence)
    reasons = [each.reason.value for stage in path.stages for each in stage.plan.skipped]
    assert (reasons, assumed) == (["unavailable", "unavailable"], ())


def test_of_a_telephone_that_was_looked_at_twice_the_first_time_counts(company, dials):
    own, key = company.compile(), line(company, "ivanov-1")
    attempts = (
        Attempt(0.0, dials[0], Live(frozenset({key}))),
        Attempt(9.0, None, Live(frozenset({key}), {key: 1})),
    )
    path, _ = routing.replay_under(own, own, Evidence(company.facts(), 0.0, 7, attempts))
    assert trees(path)[0] == "ivanov-1:60"


def test_calls_of_the_company_are_planned_anew_as_they_were_dialled(company, dials):
    own = company.compile()
    facts = company.facts("102", Direction.INTERNAL)
    modes = {company.employees["petrov"].id: AvailabilityMode.UNAVAILABLE}
    evidence = Evidence(facts, 0.0, 7, (Attempt(5.0, dials[1], Live(modes=modes)),))
    assert routing.replay(own, evidence).unrouted is Unrouted.NOT_INCOMING
    path, assumed = routing.replay_under(company.compile(), own, evidence)
    assert [skipped.reason for skipped in path.stages[0].plan.skipped] == ["unavailable"]
    assert (path.stages[0].at, path.decision, assumed) == (5.0, None, ())
