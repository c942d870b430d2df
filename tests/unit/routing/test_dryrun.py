"""The dry run: the same answers as a call's, one step after another, and why nothing handles a call."""

from __future__ import annotations

from hypothesis import given, settings

from core import routing
from core.contracts import Dial, DialMode, Direction, HangUp, PluginStep
from core.routing import Unrouted
from core.scenarios import MESSAGE
from tests.unit.routing.company import CALLER, NUMBER, text
from tests.unit.routing.strategies import Case, cases


def path(company, at="2026-11-23 12:00", called=NUMBER, **facts):
    """What becomes of a call to the number."""
    return routing.dry_run(
        company.compile(), company.facts(called, **facts), company.live(), company.instant(at), 7
    )


def test_each_step_begins_when_the_one_before_it_rang_in_vain(company):
    first, second = company.employee("ivanov", terminals=2), company.employee("petrov")
    in_turn = Dial((first, second), DialMode.SEQUENTIAL, 40)
    company.number(NUMBER, company.scenario(in_turn, PluginStep("menu"), Dial((second,))))
    found = path(company)
    begun = company.instant("2026-11-23 12:00")
    assert [stage.at - begun for stage in found.stages] == [0, 40, 40]  # 50 seconds cut to 40
    assert [text(stage.plan.root) if stage.plan else None for stage in found.stages] == [
        "((ivanov-1:25 | ivanov-2:25) > petrov-1:25)",
        None,
        "petrov-1:60",
    ]
    assert found.rings


def test_a_step_that_rings_nobody_takes_no_time(company):
    company.unregistered = {"ivanov-1"}
    nobody, there = company.employee("ivanov"), company.employee("petrov")
    company.number(NUMBER, company.scenario(Dial((nobody,)), Dial((there,))))
    first, second = path(company).stages
    assert first.plan.root is None
    assert [skipped.reason for skipped in first.plan.skipped] == ["not_registered"]
    assert second.at == first.at


def test_nothing_comes_after_a_hanging_up(company):
    ivanov = company.employee("ivanov")
    company.number(NUMBER, company.scenario(HangUp(486), Dial((ivanov,))))
    found = path(company)
    assert [stage.step for stage in found.stages] == [HangUp(486)]
    assert not found.rings


def test_what_a_message_or_menu_ends_has_nothing_after_it(company):
    company.settings["plugins"] = frozenset({"ivr"})
    message, end = PluginStep(MESSAGE), HangUp()
    company.number(NUMBER, company.scenario(message, end))
    asked = (company.compile(), company.facts(), company.live(), company.instant("2026-11-23 12:00"), 7)
    assert [stage.passed_over for stage in routing.dry_run(*asked).stages] == ["no_step", None]
    assert [stage.step for stage in routing.dry_run(*asked, {MESSAGE}).stages] == [message]


def test_a_later_step_sees_the_hour_that_has_struck(company):
    company.schedules.clear()
    until_noon = company.office_hours("9:00-12:00")
    leaves = company.employee("ivanov", schedule_id=until_noon)
    stays = company.employee("petrov")
    company.number(NUMBER, company.scenario(Dial((stays,), ring_seconds=60), Dial((leaves,))))
    assert text(path(company, "2026-11-23 11:58").stages[1].plan.root) == "ivanov-1:60"
    assert [s.reason for s in path(company, "2026-11-23 11:59").stages[1].plan.skipped] == ["off_hours"]


def test_why_nothing_handles_a_call(company):
    scenario = company.scenario(enabled=False)
    company.number(NUMBER, scenario)
    company.number("+74950000002", None)
    asked = {
        Unrouted.DISABLED: path(company),
        Unrouted.NO_SCENARIO: path(company, called="+74950000002"),
        Unrouted.NO_NUMBER: path(company, called="+74950000003"),
        Unrouted.NOT_INCOMING: path(company, direction=Direction.OUTGOING),
    }
    company.suspended = True
    asked[Unrouted.SUSPENDED] = path(company)
    assert {found.unrouted for found in asked.values()} == set(Unrouted)
    for why, found in asked.items():
        assert (found.decision, found.stages, found.unrouted) == (None, (), why)


@settings(max_examples=100, deadline=None)
@given(case=cases())
def test_it_asks_as_calls_do(case: Case):
    compiled = routing.compile(case.snapshot)
    for facts in case.calls:
        found = routing.dry_run(compiled, facts, case.live, case.instant, case.seed)
        assert found.decision == routing.route(compiled, facts, case.instant)
        assert (found.decision is None) == (found.unrouted is not None)
        for stage in found.stages:
            if isinstance(stage.step, Dial):
                asked = (stage.step, facts, case.live, stage.at, case.seed)
                assert stage.plan == routing.plan(compiled, *asked)


def test_whom_the_caller_is_does_not_matter_without_filters(company):
    company.number(NUMBER, company.scenario(Dial((company.employee("ivanov"),))))
    assert path(company, caller=None).stages == path(company, caller=CALLER).stages
