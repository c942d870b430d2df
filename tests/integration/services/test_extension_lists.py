"""Extension dialling lists as their editors save them."""

import msgspec
import pytest

from core.errors import Conflict, Forbidden, Invalid, NotFound
from core.ids import new_id
from core.library import Prompt, media_id
from core.scenarios import EXTENSIONS, Chain, KeyAction, MenuKey, PluginStep
from tenants.services import audit, employees, extension_lists, groups, menus, scenarios
from tenants.services.employees import UpdateEmployee
from tenants.services.extension_lists import CreateExtensionList, UpdateExtensionList
from tenants.services.groups import CreateGroup
from tenants.services.menus import CreateMenu
from tenants.services.scenario_blocks import BranchDraft
from tenants.services.uses import InUse, UseKind
from tests.support.company import directory_of, person

INSTRUCTION, WRONG = media_id(Prompt.MENU_EXTENSION), media_id(Prompt.WRONG_EXTENSION)


async def create(company, name="Все", **fields):
    command = CreateExtensionList(name, **fields)
    return await extension_lists.create(company.db, company.admin, command)


async def update(company, made, **fields):
    command = UpdateExtensionList(made.id, made.version, **fields)
    return await extension_lists.update(company.db, company.admin, command)


async def permit(company, permitted):
    """Let callers dial the administrator's extension, or not."""
    card = await employees.get(company.db, company.admin, company.activated.employee.id)
    command = UpdateEmployee(card.id, card.version, dialled_from_menu=permitted)
    await employees.update(company.db, company.admin, command)


@pytest.mark.spec("EXT-01", at="rule")
async def test_a_list_reaches_calls_as_it_was_saved(company, vault):
    media = {"instruction": INSTRUCTION, "wrong": WRONG}
    made = await create(company, repeat_seconds=5, idle_seconds=9, numbers=("101",), **media)
    assert await extension_lists.lists(company.db, company.admin) == [made]
    async with directory_of(company.db, vault) as directory:
        (known,) = directory.snapshot(company.id).extension_lists
    saved = msgspec.structs.asdict(made)
    assert msgspec.structs.asdict(known) == {name: saved[name] for name in known.__struct_fields__}
    assert made.version == 1
    changed = await update(company, made, name="Офис", instruction=None)
    assert (changed.name, changed.instruction, changed.wrong, changed.version) == (
        *("Офис", None, WRONG),
        2,
    )
    with pytest.raises(Conflict):
        await update(company, made, name="Склад")
    entries = await audit.entries(company.db, company.admin)
    assert {"extension_list.create", "extension_list.update"} <= {entry.action for entry in entries}


@pytest.mark.spec("EXT-02", at="rule")
@pytest.mark.parametrize(
    ("repeat", "idle", "fits"), [(5, 6, True), (6, 6, False), (None, 1, True), (None, 0, False)]
)
async def test_trap_18_the_time_to_go_on_is_longer_than_that_to_repeat(company, repeat, idle, fits):
    if fits:
        assert (await create(company, repeat_seconds=repeat, idle_seconds=idle)).idle_seconds == idle
        return
    with pytest.raises(Invalid) as caught:
        await create(company, repeat_seconds=repeat, idle_seconds=idle)
    assert set(caught.value.errors) == {"repeat_seconds" if repeat else "idle_seconds"}


@pytest.mark.spec("EXT-03", at="rule")
@pytest.mark.spec("EXT-04", at="rule")
@pytest.mark.spec("EXT-06", at="rule")
async def test_trap_21_the_permission_lives_with_the_owner(company):
    sales = await groups.create(
        company.db, company.admin, CreateGroup("Продажи", extension="200", dialled_from_menu=True)
    )
    await permit(company, True)
    everybody, one = await create(company), await create(company, "Один", numbers=("101",))
    assert (everybody.dialable, one.dialable) == (("101", "200"), ("101",))
    await permit(company, False)
    found = await extension_lists.lists(company.db, company.admin)
    assert [each.dialable for each in found] == [("200",), ()], "the lists shrink with no edit"
    assert sales.extension == "200"


async def test_what_a_list_names_must_be_there(company):
    for numbers, wrong in (
        ((), {"numbers"}),
        (("101", "101"), {"numbers"}),
        (("101", " 101 "), {"numbers"}),
        (("101", "999", "x"), {"numbers[1]", "numbers[2]"}),
    ):
        with pytest.raises(Invalid) as caught:
            await create(company, numbers=numbers)
        assert set(caught.value.errors) == wrong
    with pytest.raises(Invalid) as caught:
        await create(company, "", instruction=new_id(), wrong=new_id())
    assert set(caught.value.errors) == {"name", "instruction", "wrong"}


async def test_numbers_are_kept_as_callers_dial_them(company):
    await permit(company, True)
    made = await create(company, numbers=(" 101 ",))
    assert (made.numbers, made.dialable) == (("101",), ("101",))


async def test_a_number_that_is_gone_does_not_keep_a_list_from_being_edited(company):
    await company.hire("Борис Кузнецов", extension="102")
    made = await create(company, numbers=("101", "102"))
    async with company.db.tenant(company.id) as session:
        await session.execute("UPDATE employees SET extension = NULL WHERE extension = '102'")
    assert (await update(company, made, idle_seconds=20)).numbers == ("101", "102")


@pytest.mark.spec("EXT-05", at="rule")
async def test_a_list_stays_while_a_scenario_or_a_menu_leads_to_it(company):
    made = await create(company)
    keys = (MenuKey("*", KeyAction.REPEAT), MenuKey("1", KeyAction.EXTENSIONS, target=made.id))
    menu = await menus.create(company.db, company.admin, CreateMenu("Главное", keys))
    (first,) = await scenarios.scenarios(company.db, company.admin)
    chain = Chain((PluginStep(EXTENSIONS, {"list_id": str(made.id)}), *first.default.chain.steps))
    await scenarios.update(
        *(company.db, company.admin),
        scenarios.UpdateScenario(first.id, first.version, default=BranchDraft(chain=chain)),
    )
    with pytest.raises(InUse) as caught:
        await extension_lists.delete(company.db, company.admin, made.id)
    assert [use.kind for use in caught.value.uses] == [UseKind.SCENARIO, UseKind.MENU]
    await menus.delete(company.db, company.admin, menu.id)
    again = BranchDraft(chain=first.default.chain)
    await scenarios.update(
        *(company.db, company.admin),
        scenarios.UpdateScenario(first.id, first.version + 1, default=again),
    )
    await extension_lists.delete(company.db, company.admin, made.id)
    with pytest.raises(NotFound):
        await extension_lists.get(company.db, company.admin, made.id)


async def test_employees_read_and_administrators_write(company):
    made = await create(company)
    boris = person(await company.hire("Борис Кузнецов"), company.id)
    assert await extension_lists.lists(company.db, boris) == [made]
    for act in (
        extension_lists.create(company.db, boris, CreateExtensionList("Свой")),
        extension_lists.update(company.db, boris, UpdateExtensionList(made.id, 1, name="x")),
        extension_lists.delete(company.db, boris, made.id),
    ):
        with pytest.raises(Forbidden):
            await act
