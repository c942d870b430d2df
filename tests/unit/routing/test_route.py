"""Which branch of which scenario handles an incoming call."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from core import routing
from core.contracts import Addressee, AddresseeKind, Dial, Direction
from tests.unit.routing.company import NUMBER, Company

OTHER = "+74951234568"


def _default(company: Company) -> Dial:
    step = Dial((company.employee("admin", terminals=3),))
    company.number(NUMBER, company.scenario(step))
    return step


@pytest.mark.spec("ACC-07", at="rule")
@pytest.mark.parametrize("hour", range(24))
@pytest.mark.parametrize("caller", ["+79161112233", "+78125550000", "+4930123456", None])
def test_default_scenario_forwards_every_call_round_the_clock(company, hour, caller):
    step = _default(company)
    decision = company.route(at=1_800_000_000.0 + 3600 * hour, caller=caller)
    assert decision.chain.steps == (step,)
    assert company.rings(*step.addressees) == "(admin-1:60 | admin-2:60 | admin-3:60)"


@pytest.mark.spec("SCN-01", at="rule")
@pytest.mark.parametrize("direction", [Direction.OUTGOING, Direction.INTERNAL])
def test_scenarios_handle_incoming_calls_only(company, direction):
    _default(company)
    assert company.route() is not None
    assert company.route(direction=direction) is None


def test_decision_names_scenario_version_branch_and_how_it_was_found(company):
    _default(company)
    (scenario,) = company.scenarios
    decision = company.route()
    assert (decision.scenario_id, decision.scenario_version) == (scenario.id, 3)
    assert decision.branch_id == scenario.default.id
    assert decision.trace == (
        ("number", NUMBER),
        ("scenario", str(scenario.id), "3"),
        ("branch", str(scenario.default.id)),
    )


@pytest.mark.spec("ACC-08", at="rule")
def test_a_number_given_the_default_scenario_is_handled_by_it_until_changed(company):
    _default(company)
    (default,) = company.scenarios
    company.number(OTHER, default)
    assert company.route(OTHER).scenario_id == default.id
    sales = company.scenario(Dial((company.employee("sales"),)))
    company.numbers.pop()
    company.number(OTHER, sales)
    assert company.route(OTHER).scenario_id == sales.id
    assert company.route(NUMBER).scenario_id == default.id


def test_the_number_chooses_among_many_scenarios(company):
    expected = {}
    for line in range(50):
        called = f"+7495{1234567 + 7919 * line % 1000}"
        scenario = company.scenario(Dial((Addressee(AddresseeKind.EXTERNAL, called),)))
        if called not in expected:
            company.number(called, scenario)
            expected[called] = scenario.id
    assert {called: company.route(called).scenario_id for called in expected} == expected


@pytest.mark.parametrize(
    "called", ["+70000000000", "", "+", "101", "74951234567", "+7495123456x", "+" + "9" * 16, "+٧٤"]
)
def test_what_is_not_our_number_is_not_handled(company, called):
    _default(company)
    assert company.route(called) is None


def test_number_without_scenario_or_with_a_disabled_one_is_not_handled(company):
    company.number(NUMBER, None)
    company.number(OTHER, company.scenario(enabled=False))
    assert company.route(NUMBER) is None
    assert company.route(OTHER) is None


def test_suspended_company_gets_no_calls(company):
    _default(company)
    company.suspended = True
    assert company.route() is None


def test_company_without_anything_compiles(company):
    assert company.route() is None


def test_a_number_that_is_none_does_not_catch_anonymous_calls(company):
    company.number("broken", company.scenario(Dial((company.employee("a"),))))
    assert company.route("broken") is None
    assert company.route("") is None


@pytest.mark.spec("NUM-07", "OPT-05", at="rule")
@pytest.mark.parametrize(
    ("number", "branch", "shown"),
    [(False, False, False), (True, False, True), (False, True, True), (True, True, True)],
)
def test_the_called_number_is_shown_if_the_number_or_the_branch_says_so(company, number, branch, shown):
    _default(company)
    (scenario,) = company.scenarios
    default = replace(scenario.default, shows_called=branch)
    company.scenarios = [replace(scenario, default=default)]
    company.numbers = [replace(company.numbers[0], shows_called=number)]
    company.number(OTHER, company.scenario(Dial((company.employee("sales"),))))
    assert company.route().shows_called is shown
    assert company.route(OTHER).shows_called is False


def test_a_change_compiles_its_own_company_only():
    compilations = routing.Compilations()
    snapshots = [Company().snapshot for _ in range(3)]
    compiled = [compilations.of(snapshot) for snapshot in snapshots]
    changed = replace(snapshots[1], version=2)
    assert compilations.of(changed).snapshot is changed
    assert [compilations.of(snapshot) is compiled[at] for at, snapshot in enumerate(snapshots)] == [
        True,
        False,
        True,
    ]
