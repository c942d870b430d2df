"""The scenario check of a company on a real database: asked, after every save, at the shell."""

from __future__ import annotations

import asyncio
import threading

import pytest
from msgspec import structs

from core.contracts import AvailabilityMode
from core.errors import Forbidden, NotFound
from core.ids import new_id
from core.routing.check import Code, Severity
from core.scenarios import EXTENSIONS, Addressee, AddresseeKind, Chain, Dial, PluginStep, RegionFilter
from tenants.listener import Listener
from tenants.services import checks, contacts, employees, extension_lists, groups, scenarios
from tenants.services.checks import CheckKeeper, Checks, Saving, check_company, check_scenario
from tenants.services.contacts import CreateContact
from tenants.services.employees import UpdateEmployee
from tenants.services.extension_lists import CreateExtensionList
from tenants.services.groups import CreateGroup
from tenants.services.scenario_blocks import BranchDraft
from tenants.services.scenarios import CreateScenario, UpdateScenario
from tests.support.company import activate


def to(*people) -> Chain:
    return Chain((Dial(tuple(Addressee(AddresseeKind.EMPLOYEE, str(p.id)) for p in people)),))


async def codes(company, found: Checks) -> list[Code]:
    view = await check_company(found, company.admin, str)
    return [finding.code for finding in view.findings]


async def test_a_company_on_its_first_day_has_nothing_wrong(database, company, issuer):
    found = Checks(database)
    view = await check_company(found, company.admin, str)
    assert view.findings == ()
    assert [(gap.number, gap.spans) for gap in view.gaps] == [
        (number.e164, ()) for number in company.activated.numbers
    ]
    assert (view.end - view.start).days in (365, 366)
    with pytest.raises(Forbidden):
        await check_company(
            found, structs.replace(company.admin, scopes=frozenset({"calls:read"})), str
        )
    other = await activate(database, issuer, "vera@vasilek.example", numbers=("+74951110009",))
    view = await check_company(found, other.admin, str)
    assert [gap.number for gap in view.gaps] == ["+74951110009"]


async def test_a_scenario_is_checked_by_itself(database, company):
    anna = await company.hire()
    draft = BranchDraft(name="", chain=to(anna))
    ours = (company.activated.numbers[0].scenario_id, company.admin)
    made = await scenarios.create(database, company.admin, CreateScenario("Пустой"))
    found = Checks(database)
    view = await check_scenario(found, company.admin, made.id, str)
    assert [finding.code for finding in view.findings] == [Code.CHAIN_EMPTY]
    assert view.gaps == ()
    assert (await check_scenario(found, company.admin, ours[0], str)).findings == ()
    change = UpdateScenario(made.id, made.version, default=draft)
    await scenarios.update(database, company.admin, change)
    assert (await check_scenario(found, company.admin, made.id, str)).findings == ()
    with pytest.raises(NotFound):
        await check_scenario(found, company.admin, new_id(), str)


async def test_a_deletion_says_what_is_wrong_only_now(database, issuer):
    plugins = frozenset({"ivr"})
    company = await activate(database, issuer, numbers=("+74951110001",), plugins=plugins)
    named = CreateGroup(
        "Продажи",
        extension="780",
        members=(company.activated.employee.id,),
        dialled_from_menu=True,
    )
    group = await groups.create(database, company.admin, named)
    command = CreateExtensionList("Отделы", numbers=("780",))
    listed = await extension_lists.create(database, company.admin, command)
    step = PluginStep(EXTENSIONS, {"list_id": str(listed.id)})
    scenario = (await scenarios.scenarios(database, company.admin))[0]
    chain = Chain((step, *scenario.default.chain.steps))
    change = UpdateScenario(scenario.id, scenario.version, default=BranchDraft(name="", chain=chain))
    await scenarios.update(database, company.admin, change)
    found = Checks(database)
    assert await codes(company, found) == []
    saving = Saving(found, company.admin, str)
    with pytest.raises(NotFound):
        await saving.removal(groups.delete(database, company.admin, new_id()))
    gone = await saving.removal(groups.delete(database, company.admin, group.id))
    assert gone.check
    new = [Code.LIST_EMPTY, Code.EXTENSION_GONE]
    assert [finding.code for finding in gone.check.findings] == new == await codes(company, found)
    assert gone.check.all == 2


async def test_it_runs_in_a_thread_and_once_for_each_configuration(database, company, monkeypatch):
    ran, real = [], checks.check

    def noting(*arguments, **more):
        ran.append(threading.current_thread())
        return real(*arguments, **more)

    monkeypatch.setattr(checks, "check", noting)
    found = Checks(database)
    for _ in range(3):
        await check_company(found, company.admin, str)
    assert len(ran) == 1
    assert ran[0] is not threading.main_thread()
    await company.hire()
    await check_company(found, company.admin, str)
    assert len(ran) == 2


async def test_every_save_is_checked(database, company, monkeypatch):
    seen: asyncio.Queue = asyncio.Queue()
    found = Checks(database)
    listener = Listener(database.listen_connection)
    keeper = CheckKeeper(found, listener, lambda *report: seen.put_nowait(report))
    listener.start()
    await listener.wait_connected()
    keeper.start()
    try:
        admin = company.activated.employee
        card = await employees.get(database, company.admin, admin.id)
        change = UpdateEmployee(admin.id, card.version, mode=AvailabilityMode.UNAVAILABLE)
        await employees.update(database, company.admin, change)  # no save of the configuration
        known = CreateContact("Ольга", numbers=("+79161112233",))
        await contacts.create(database, company.admin, known)
        change = UpdateEmployee(admin.id, card.version + 1, name="Другой")
        await employees.update(database, company.admin, change)
        async with asyncio.timeout(30):
            tenant_id, report = await seen.get()
        assert tenant_id == company.id
        assert seen.empty()
        assert {finding.code for finding in report.findings} == {Code.UNAVAILABLE_NOW}
    finally:
        await keeper.close()
        await listener.stop()


async def test_at_the_shell(company, sunsim, as_json):
    name = company.activated.tenant.name
    assert (
        await asyncio.to_thread(sunsim, "check", f"--tenant={name}")
    ).stdout == "Nothing is wrong.\n"
    chain, moscow = to(company.activated.employee), RegionFilter((77,))
    twice = [BranchDraft(name=name, filter=moscow, chain=chain) for name in ("Москва", "Столица")]
    scenario = await scenarios.get(company.db, company.admin, company.activated.numbers[0].scenario_id)
    change = UpdateScenario(scenario.id, scenario.version, branches=tuple(twice))
    await scenarios.update(company.db, company.admin, change)
    text = (await asyncio.to_thread(sunsim, "check", f"--tenant={name}")).stdout
    assert text.startswith("Warning         scenario “По умолчанию”, Filter “Столица”: never chosen")
    (finding,) = (await asyncio.to_thread(as_json, "check", f"--tenant={name}"))["findings"]
    assert (finding["code"], finding["severity"]) == (Code.BRANCH_COVERED, Severity.WARNING)
    await asyncio.to_thread(sunsim, "check", "--tenant=Василёк", code=3)
