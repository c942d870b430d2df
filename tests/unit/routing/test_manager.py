"""The personal manager first, on both cores: who rings, and what follows when he is not reached."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from core import routing
from core.contracts import (
    AvailabilityMode,
    Branch,
    Chain,
    Dial,
    DialMode,
    Executor,
    ExecutorKind,
    HangUp,
    ManagerFirst,
    Options,
    PluginStep,
    TagFilter,
)
from core.hours import PeriodKind
from core.ids import new_id
from core.scenarios import MENU
from tests.unit.routing.company import CALLER, NUMBER, text

SEQUENTIAL, PARALLEL, LEAST_BUSY = DialMode.SEQUENTIAL, DialMode.PARALLEL, DialMode.LEAST_BUSY
END = HangUp(480, media=new_id())


@pytest.fixture
def office(company):
    """Mia, with two telephones of which one is main, is a manager; Ann and Bob are the list."""
    company.employee("mia", 2)
    company.change("mia-2", main=False)
    company.employee("ann")
    company.employee("bob")
    company.number(NUMBER, None)
    return company


def steps(company, mode=SEQUENTIAL, otherwise=None, manager="mia", at="2026-11-23 12:00", net=()):
    """The chain of a call from a contact of this manager, each dialling as text."""
    people = tuple(company.addressee(name) for name in ("ann", "bob"))
    first = Dial(people, mode, 60, manager=ManagerFirst(40, otherwise))
    scenario = company.scenario(first)
    company.scenarios = [
        replace(scenario, default=replace(scenario.default, chain=Chain((first,), net=net)))
    ]
    company.numbers = [replace(company.numbers[0], scenario_id=scenario.id)]
    known = company.employees[manager].id if manager in company.employees else manager
    facts = company.facts(manager_id=known)
    compiled, instant = company.compile(), company.instant(at)
    decision = routing.route(compiled, facts, instant)

    def shown(step):
        if isinstance(step, HangUp):
            return step
        return text(routing.plan(compiled, step, facts, company.live(), instant, 7).root)

    return [shown(step) for step in decision.chain.all_steps]


@pytest.mark.spec("PRC-05", "PRC-06", at="rule")
@pytest.mark.parametrize(
    ("mode", "manager", "everybody"),
    [
        (SEQUENTIAL, "(mia-1:40 | mia-2:40)", "(ann-1:25 > bob-1:25)"),
        (LEAST_BUSY, "(mia-1:40 | mia-2:40)", "(ann-1:25 > bob-1:25)"),
        (PARALLEL, "mia-1:40", "(ann-1:60 | bob-1:60)"),
    ],
)
def test_the_manager_rings_first_and_then_the_general_queue(office, mode, manager, everybody):
    assert steps(office, mode) == [manager, everybody]


@pytest.mark.spec("PRC-05", at="rule")
@pytest.mark.parametrize("otherwise", [None, END])
@pytest.mark.parametrize("manager", [None, new_id()], ids=["none", "deleted"])
def test_who_has_no_manager_goes_to_the_list(office, otherwise, manager):
    assert steps(office, otherwise=otherwise, manager=manager) == ["(ann-1:25 > bob-1:25)"]


@pytest.mark.spec("PRC-06", at="rule")
def test_trap_15_the_manager_has_a_failure_action_of_his_own(office):
    net = (HangUp(486),)
    first, end = steps(office, otherwise=END, net=net)[:2]
    assert first == "(mia-1:40 | mia-2:40)"
    assert end == replace(END, task=Executor(ExecutorKind.MANAGER))
    assert steps(office, otherwise=None, net=net) == [first, "(ann-1:25 > bob-1:25)", HangUp(486)]


@pytest.mark.spec("PRC-06", at="rule")
def test_another_executor_of_the_managers_task_is_kept(office):
    task = Executor(ExecutorKind.GROUP, str(new_id()))
    assert steps(office, otherwise=replace(END, task=task))[1].task == task


@pytest.mark.spec("PRC-06", at="rule")
@pytest.mark.parametrize("otherwise", [None, END])
def test_a_manager_who_is_not_available_is_not_reached(office, otherwise):
    office.modes["mia"] = AvailabilityMode.UNAVAILABLE
    assert steps(office, otherwise=otherwise)[0] == "-"
    assert len(steps(office, otherwise=otherwise)) == 2


@pytest.mark.spec("PRC-05", at="rule")
def test_the_managers_own_hours_and_telephones_count(office):
    office.extra("mia", PeriodKind.UNAVAILABLE, "2026-11-23 12:00", "2026-11-23 13:00")
    assert steps(office)[0] == "-"
    assert steps(office, at="2026-11-23 13:00")[0] != "-"
    office.calls = {"mia-1": 1}
    assert steps(office, at="2026-11-23 13:00")[0] == "mia-2:40"


@pytest.mark.spec("PRC-05", at="rule")
def test_a_manager_in_the_list_keeps_his_place_there(office):
    first = Dial((office.addressee("ann"), office.addressee("mia")), SEQUENTIAL, manager=ManagerFirst())
    office.numbers = [replace(office.numbers[0], scenario_id=office.scenario(first).id)]
    decision = office.route(manager_id=office.employees["mia"].id)
    assert [step.addressees for step in decision.chain.steps] == [
        (office.addressee("mia"),),
        first.addressees,
    ]


@pytest.mark.spec("PRC-05", "INS-01", at="rule")
def test_the_net_may_try_the_manager_too(office):
    net = (Dial((office.addressee("bob"),), SEQUENTIAL, manager=ManagerFirst(10)),)
    rings = steps(office, net=net)
    assert rings == [
        "(mia-1:40 | mia-2:40)",
        "(ann-1:25 > bob-1:25)",
        "(mia-1:10 | mia-2:10)",
        "bob-1:25",
    ]


@pytest.mark.spec("PRC-15", "INS-01", "INS-05", at="rule")
def test_the_net_follows_the_processing_and_is_of_the_chain_that_was_taken(office):
    one, two, three, four = (Dial((office.addressee("ann"),), ring_seconds=n) for n in range(1, 5))
    closed = office.schedule()
    scenario = office.scenario(
        one, chain=Chain((one,), net=(two,)), off_hours=Chain((three,), net=(four, HangUp(486)))
    )
    office.numbers = [replace(office.numbers[0], scenario_id=scenario.id)]
    assert office.route().chain.all_steps == (one, two)
    office.scenarios = [replace(scenario, default=replace(scenario.default, schedule_id=closed))]
    assert office.route().chain.all_steps == (three, four, HangUp(486))


@pytest.mark.spec("INS-02", at="rule")
def test_trap_16_nothing_follows_the_net():
    assert not any("net" in kind.__struct_fields__ for kind in (Dial, HangUp, PluginStep))
    assert Chain((END,), net=(HangUp(),)).all_steps == (END, HangUp())


@pytest.mark.spec("OPT-07", at="rule")
def test_each_branch_has_options_of_its_own(office):
    vip = new_id()
    mine = Chain((HangUp(),), Options(greeting=new_id(), records=True))
    others = Chain((HangUp(),), Options(melody=new_id(), warns=True))
    off_hours = Chain((HangUp(),), Options(greeting=new_id()))
    scenario = office.scenario(chain=others, off_hours=off_hours, schedule_id=office.office_hours())
    branch = Branch(new_id(), "VIP", mine, TagFilter((vip,)))
    office.scenarios = [replace(scenario, branches=(branch,))]
    office.numbers = [replace(office.numbers[0], scenario_id=scenario.id)]
    noon, night = "2026-11-23 12:00", "2026-11-23 03:00"
    assert office.route(at=noon, tags=frozenset({vip})).chain.options == mine.options
    assert office.route(at=noon, caller=CALLER).chain.options == others.options
    assert office.route(at=night, caller=CALLER).chain.options == off_hours.options


@pytest.mark.spec("SCN-04", at="rule")
def test_the_blocks_of_a_scenario_come_in_their_order(office):
    menu = PluginStep(MENU, {"menu_id": str(new_id())})
    first, second = (Dial((office.addressee(name),)) for name in ("ann", "bob"))
    chain = Chain((menu, first), Options(greeting=new_id()), net=(second, END))
    scenario = office.scenario(chain=chain)
    office.numbers = [replace(office.numbers[0], scenario_id=scenario.id)]
    decision = office.route()
    assert decision.branch_id == scenario.default.id  # «Фильтры»
    assert decision.chain.options == chain.options  # «Опции»
    assert decision.chain.all_steps == (
        menu,
        first,
        second,
        END,
    )  # menu, «Обработка звонка», «Страховка»
