"""Scenarios as a company edits them (features.md SCN, FLT, NUM-02)."""

from datetime import UTC, datetime

import pytest
from msgspec import UNSET, structs

from core import routing
from core.contracts import CallFacts, Direction
from core.errors import Conflict, Forbidden, Invalid, NotFound
from core.ids import new_id
from core.scenarios import (
    Addressee,
    AddresseeKind,
    Chain,
    Dial,
    DialMode,
    Executor,
    ExecutorKind,
    HangUp,
    RegionFilter,
    TagFilter,
)
from tenants.services import audit, groups, numbers, scenarios, schedules
from tenants.services.groups import CreateGroup
from tenants.services.numbers import UpdateNumber
from tenants.services.scenario_blocks import BranchDraft
from tenants.services.scenarios import TOP_BRANCH, CreateScenario, UpdateScenario
from tenants.services.schedules import CreateSchedule
from tenants.services.uses import InUse
from tenants.tables import ScenarioVersion
from tests.support.company import activate, directory_of, person

NOON = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
PETERSBURG, MOSCOW = RegionFilter((78,)), RegionFilter((77, 50))


def outside(*refs, **fields):
    return Dial(tuple(Addressee(AddresseeKind.EXTERNAL, ref) for ref in refs), **fields)


def branch(step=None, **fields):
    return BranchDraft(chain=Chain((step or outside("+79160000001"),)), **fields)


def sent(branches):
    """Branches that there are, as their editor sends them back."""
    return tuple(BranchDraft(**structs.asdict(each)) for each in branches)


async def made(company, **fields):
    command = CreateScenario(**{"name": "Продажи", **fields})
    return await scenarios.create(company.db, company.admin, command)


async def change(company, scenario, actor=None, **fields):
    command = UpdateScenario(scenario.id, scenario.version, **fields)
    return await scenarios.update(company.db, actor or company.admin, command)


async def use(company, scenario, number=None):
    number = number or company.activated.numbers[0]
    command = UpdateNumber(number.id, number.version, scenario_id=scenario.id)
    return await numbers.update(company.db, company.admin, command)


@pytest.mark.spec("SCN-02", "SCN-05", "FLT-01", "FLT-09", "MNU-01", at="rule")
async def test_a_new_scenario_has_the_branch_of_those_who_fit_no_filter(company):
    scenario = await made(company)
    assert (scenario.default.name, scenario.default.filter) == (TOP_BRANCH, None)
    assert (scenario.default.schedule_id, scenario.default.calendar_id) == (None, None)
    assert (scenario.branches, scenario.numbers, scenario.version) == ((), (), 1)
    assert scenario.default.chain.steps == (), "neither menu nor extension dialling"
    renamed = await change(company, scenario, name=" Отдел  продаж ", enabled=False)
    assert (renamed.name, renamed.enabled, renamed.version) == ("Отдел продаж", False, 2)
    with pytest.raises(Conflict):
        await change(company, scenario, name="Другой")
    listed = await scenarios.scenarios(company.db, person(await company.hire(), company.id))
    assert [each.name for each in listed] == ["По умолчанию", "Отдел продаж"]


@pytest.mark.spec("FLT-05", "FLT-10", "FLT-11", at="rule")
async def test_branches_stay_in_the_order_of_their_creation(company):
    scenario = await made(company, branches=(branch(name="Питер", filter=PETERSBURG),))
    scenario = await change(
        company,
        scenario,
        branches=(branch(name="Москва", filter=MOSCOW), *sent(scenario.branches)),
    )
    assert [each.name for each in scenario.branches] == ["Питер", "Москва"]
    peter, moscow = scenario.branches
    scenario = await change(company, scenario, branches=sent((moscow, peter)))
    assert scenario.branches == (peter, moscow)
    scenario = await change(company, scenario, branches=sent((moscow,)))
    assert scenario.branches == (moscow,)
    assert moscow.filter == RegionFilter((50, 77))
    for wrong in (sent((moscow, moscow)), sent((peter,))):
        with pytest.raises(Invalid) as caught:
            await change(company, scenario, branches=wrong)
        assert set(caught.value.errors) == {"branches"}
    async with company.db.tenant(company.id):
        versions = await ScenarioVersion.count().where(ScenarioVersion.scenario_id == scenario.id)
    assert versions == scenario.version == 4


@pytest.mark.spec("NUM-02", "SCN-07", at="rule")
async def test_a_number_uses_the_scenario_that_is_chosen_for_it(company, vault):
    scenario = await made(company, default=branch(outside("8 916 000-00-07")))
    first, second = company.activated.numbers
    await use(company, scenario)
    await use(company, scenario, second)
    found = await scenarios.get(company.db, company.admin, scenario.id)
    assert [each.e164 for each in found.numbers] == [first.e164, second.e164]
    async with directory_of(company.db, vault) as directory:
        snapshot = directory.snapshot(company.id)
    facts = CallFacts(new_id(), company.id, Direction.INCOMING, "+78120000001", second.e164)
    decision = routing.route(routing.compile(snapshot), facts, NOON.timestamp())
    assert (decision.scenario_id, decision.branch_id) == (scenario.id, scenario.default.id)
    assert decision.chain.steps[0].addressees[0].ref == "+79160000007"
    with pytest.raises(InUse) as caught:
        await scenarios.delete(company.db, company.admin, scenario.id)
    assert [use.name for use in caught.value.uses] == [first.e164, second.e164]


async def test_an_unused_scenario_is_deleted_and_the_default_one_is_not(company):
    scenario = await made(company)
    await scenarios.delete(company.db, company.admin, scenario.id)
    with pytest.raises(NotFound):
        await scenarios.get(company.db, company.admin, scenario.id)
    (default,) = await scenarios.scenarios(company.db, company.admin)
    with pytest.raises(Conflict):
        await scenarios.delete(company.db, company.admin, default.id)
    actions = [entry.action for entry in await audit.entries(company.db, company.admin)]
    assert actions[:2] == ["scenario.delete", "scenario.create"]


@pytest.mark.spec("FLT-02", "FLT-03", "PRC-08", at="rule")
async def test_branches_name_the_companys_own_things(company):
    hours = await schedules.create(company.db, company.admin, CreateSchedule("Офис"))
    sales = await groups.create(company.db, company.admin, CreateGroup("Продажи", extension="300"))
    me = company.activated.employee.id
    mixed = Dial(
        (
            Addressee(AddresseeKind.GROUP, str(sales.id).upper()),
            Addressee(AddresseeKind.EMPLOYEE, str(me)),
            Addressee(AddresseeKind.EXTENSION, " 300 "),
            Addressee(AddresseeKind.EXTERNAL, "8 (916) 000-00-01"),
        ),
        DialMode.SEQUENTIAL,
    )
    end = HangUp(task=Executor(ExecutorKind.GROUP, str(sales.id)))
    open_ = BranchDraft(
        chain=Chain((mixed,), net=(outside("+79160000002"), end)),
        schedule_id=hours.id,
        off_hours=Chain((HangUp(480),)),
    )
    scenario = await made(company, default=open_)
    stored = scenario.default.chain.steps[0].addressees
    assert [each.ref for each in stored] == [str(sales.id), str(me), "300", "+79160000001"]
    assert scenario.default.name == TOP_BRANCH
    for thing, delete in ((hours.id, schedules.delete), (sales.id, groups.delete)):
        with pytest.raises(InUse) as caught:
            await delete(company.db, company.admin, thing)
        assert [(use.kind, use.name) for use in caught.value.uses] == [("scenario", "Продажи")]
    freed = await change(company, scenario, default=branch())
    await schedules.delete(company.db, company.admin, hours.id)
    assert freed.default.schedule_id is None


def _employee(ref):
    return Dial((Addressee(AddresseeKind.EMPLOYEE, ref),))


WRONG = [
    ({"default": branch(filter=MOSCOW)}, "default.filter"),
    ({"branches": (branch(name="x"),)}, "branches[0].filter"),
    ({"branches": (branch(name="x", filter=RegionFilter(())),)}, "branches[0].filter"),
    ({"branches": (branch(name="x", filter=TagFilter(())),)}, "branches[0].filter"),
    ({"branches": (branch(name="x", filter=RegionFilter((777,))),)}, "branches[0].filter"),
    ({"branches": (branch(filter=MOSCOW),)}, "branches[0].name"),
    ({"default": branch(schedule_id=new_id())}, "default.schedule_id"),
    ({"default": branch(calendar_id=new_id())}, "default.calendar_id"),
    ({"default": branch(_employee(str(new_id())))}, "default.chain.steps[0].addressees"),
    ({"default": branch(_employee("me"))}, "default.chain.steps[0].addressees"),
    ({"default": branch(outside("here"))}, "default.chain.steps[0].addressees"),
    ({"default": branch(outside())}, "default.chain.steps[0].addressees"),
    (
        {"default": branch(outside("+79160000001", ring_seconds=0))},
        "default.chain.steps[0].ring_seconds",
    ),
    ({"default": branch(HangUp(200))}, "default.chain.steps[0].sip_status"),
    (
        {"default": branch(HangUp(task=Executor(ExecutorKind.EMPLOYEE)))},
        "default.chain.steps[0].task",
    ),
    (
        {
            "default": BranchDraft(
                chain=Chain((outside("+79160000001"),), net=(outside("89160000001", ring_seconds=9),))
            )
        },
        "default.chain.net",
    ),
    ({"name": ""}, "name"),
]


@pytest.mark.spec("FLT-06", "INS-05", at="rule")
async def test_what_cannot_be_is_named_by_its_place(company):
    for fields, place in WRONG:
        with pytest.raises(Invalid) as caught:
            await made(company, **fields)
        assert set(caught.value.errors) == {place}, fields
    assert len(await scenarios.scenarios(company.db, company.admin)) == 1


async def test_everything_that_is_wrong_is_said_at_once(company):
    (scenario,) = await scenarios.scenarios(company.db, company.admin)
    wrong = (branch(name="x"), branch(_employee("x"), filter=MOSCOW, name="y"))
    with pytest.raises(Invalid) as caught:
        await change(company, scenario, default=branch(HangUp(1)), branches=wrong)
    assert set(caught.value.errors) == {
        "default.chain.steps[0].sip_status",
        "branches[0].filter",
        "branches[1].chain.steps[0].addressees",
    }


async def test_only_the_companys_administrators(company):
    scenario = await made(company)
    boris = person(await company.hire("Борис"), company.id)
    with pytest.raises(Forbidden):
        await change(company, scenario, boris, name="Моё")
    stranger = (await activate(company.db, company.issuer, "x@y.example")).admin
    for attempt in (
        scenarios.get(company.db, stranger, scenario.id),
        scenarios.delete(company.db, stranger, scenario.id),
        change(company, scenario, stranger, name="Их", default=UNSET),
    ):
        with pytest.raises(NotFound):
            await attempt
