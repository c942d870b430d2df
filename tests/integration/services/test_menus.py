"""Voice menus as their editors save them."""

import msgspec
import pytest

from core.errors import Conflict, Forbidden, Invalid, NotFound
from core.ids import new_id
from core.scenarios import (
    Addressee,
    AddresseeKind,
    Chain,
    Executor,
    ExecutorKind,
    HangUp,
    KeyAction,
    MenuKey,
    Options,
)
from tenants.services import menus, scenarios
from tenants.services.menus import CreateMenu, UpdateMenu
from tenants.services.scenario_blocks import BranchDraft
from tenants.services.uses import InUse
from tenants.tables import Media, UploadedFile
from tests.support.company import directory_of, person

REPEAT = MenuKey("*", KeyAction.REPEAT)


@pytest.fixture
async def media(company):
    async with company.db.tenant(company.id):
        row = Media(name="Instruction", hash="0" * 64)
        await Media.insert(row)
    return row.id


async def create(company, *keys, **fields):
    command = CreateMenu("Главное", (REPEAT, *keys), **fields)
    return await menus.create(company.db, company.admin, command)


def employee(company):
    return Addressee(AddresseeKind.EMPLOYEE, str(company.activated.employee.id))


@pytest.mark.spec("IVR-01", at="rule")
@pytest.mark.spec("IVR-02", at="rule")
@pytest.mark.spec("IVR-03", at="rule")
async def test_a_menu_reaches_calls_as_it_was_saved(company, media, vault):
    forward = MenuKey("1", KeyAction.FORWARD, addressee=employee(company))
    made = await create(
        company, forward, instruction=media, wrong=media, repeat_seconds=5, enabled=True
    )
    assert await menus.menus(company.db, company.admin) == [made]
    async with directory_of(company.db, vault) as directory:
        (known,) = directory.snapshot(company.id).menus
    saved = msgspec.structs.asdict(made)
    assert msgspec.structs.asdict(known) == {name: saved[name] for name in known.__struct_fields__}


@pytest.mark.spec("IVR-05", at="rule")
@pytest.mark.parametrize(
    ("repeat", "idle", "fits"), [(5, 6, True), (6, 6, False), (7, 6, False), (None, 1, True)]
)
async def test_trap_18_the_time_to_go_on_is_longer_than_that_to_repeat(company, repeat, idle, fits):
    if fits:
        assert (await create(company, repeat_seconds=repeat, idle_seconds=idle)).idle_seconds == idle
        return
    with pytest.raises(Invalid) as caught:
        await create(company, repeat_seconds=repeat, idle_seconds=idle)
    assert set(caught.value.errors) == {"repeat_seconds"}


@pytest.mark.spec("IVR-06", at="rule")
@pytest.mark.spec("IVR-07", at="rule")
async def test_trap_19_one_key_of_twelve_repeats_the_instruction(company):
    skips = tuple(MenuKey(key, KeyAction.SKIP) for key in "0123456789#")
    assert len((await create(company, *skips)).keys) == 12
    for keys in (
        skips,
        (REPEAT, REPEAT),
        (REPEAT, MenuKey("#", KeyAction.REPEAT)),
        (REPEAT, MenuKey("A", KeyAction.SKIP)),
    ):
        with pytest.raises(Invalid) as caught:
            await menus.create(company.db, company.admin, CreateMenu("Меню", keys))
        assert "keys" in caught.value.errors


@pytest.mark.spec("IVR-17", at="rule")
async def test_trap_20_the_second_level_comes_first_and_there_is_no_third(company):
    below = await create(company, level=2)
    top = await create(company, MenuKey("1", KeyAction.MENU, target=below.id))
    for level, target in ((2, below.id), (1, top.id), (1, new_id())):
        with pytest.raises(Invalid) as caught:
            await create(company, MenuKey("1", KeyAction.MENU, target=target), level=level)
        assert set(caught.value.errors) == {"keys[1]"}
    with pytest.raises(Invalid):
        await menus.update(company.db, company.admin, UpdateMenu(below.id, 1, level=1))
    with pytest.raises(InUse) as caught:
        await menus.delete(company.db, company.admin, below.id)
    assert [use.id for use in caught.value.uses] == [top.id]
    await menus.delete(company.db, company.admin, top.id)
    await menus.delete(company.db, company.admin, below.id)
    assert await menus.menus(company.db, company.admin) == []


async def test_what_a_key_names_must_be_there(company):
    wrong = (
        MenuKey("1", KeyAction.FORWARD),
        MenuKey("2", KeyAction.FORWARD, addressee=Addressee(AddresseeKind.EMPLOYEE, str(new_id()))),
        MenuKey("3", KeyAction.FORWARD, addressee=Addressee(AddresseeKind.EXTERNAL, "nobody")),
        MenuKey("4", KeyAction.PLAY, target=new_id()),
        MenuKey("5", KeyAction.EXTENSIONS, target=new_id()),
        MenuKey("6", KeyAction.MESSAGE),
        MenuKey("7", KeyAction.CALLBACK),
        MenuKey("8", KeyAction.CALLBACK, target=new_id(), executor=Executor(ExecutorKind.MANAGER)),
        MenuKey("9", KeyAction.CALLBACK, executor=Executor(ExecutorKind.GROUP, str(new_id()))),
    )
    with pytest.raises(Invalid) as caught:
        await create(company, *wrong, instruction=new_id())
    assert set(caught.value.errors) == {"instruction", *(f"keys[{at}]" for at in range(1, 10))}


@pytest.mark.spec("IVR-15", "IVR-16", at="rule")
@pytest.mark.parametrize("action", [KeyAction.CALLBACK, KeyAction.MESSAGE])
async def test_a_key_may_ask_for_what_becomes_a_task(company, media, action):
    me = str(company.activated.employee.id)
    keys = (
        MenuKey("1", action, executor=Executor(ExecutorKind.EMPLOYEE, me.upper())),
        MenuKey("2", action, target=media, executor=Executor(ExecutorKind.FIRST, "x")),
    )
    made = await create(company, *keys)
    assert [(key.executor, key.target) for key in made.keys[1:]] == [
        (Executor(ExecutorKind.EMPLOYEE, me), None),
        (Executor(ExecutorKind.FIRST), media),
    ]


@pytest.mark.spec("MED-05", at="rule")
@pytest.mark.spec("MED-08", at="rule")
async def test_one_media_serves_everywhere_and_a_file_alone_nowhere(company, media):
    async with company.db.tenant(company.id):
        file = UploadedFile(name="a.mp3", hash="0" * 64)
        await UploadedFile.insert(file)
    (scenario,) = await scenarios.scenarios(company.db, company.admin)

    async def play(sound):
        options = Options(greeting=sound, melody=sound, warning=sound)
        chain = Chain((HangUp(media=sound),), options)
        draft = BranchDraft(chain=chain)
        command = scenarios.UpdateScenario(scenario.id, scenario.version, default=draft)
        await scenarios.update(company.db, company.admin, command)

    with pytest.raises(Invalid) as caught:
        await play(file.id)
    assert len(caught.value.errors) == 4
    with pytest.raises(Invalid) as caught:
        await create(company, MenuKey("1", KeyAction.PLAY, target=file.id), instruction=file.id)
    assert set(caught.value.errors) == {"instruction", "keys[1]"}
    await play(media)
    await create(company, MenuKey("1", KeyAction.PLAY, target=media), instruction=media)


@pytest.mark.spec("IVR-19", at="rule")
async def test_a_menu_is_switched_on_and_off_by_its_version(company, media):
    silent = await create(company)
    with pytest.raises(Invalid) as caught:
        await menus.update(company.db, company.admin, UpdateMenu(silent.id, 1, enabled=True))
    assert set(caught.value.errors) == {"instruction"}, "callers would hear nothing"
    made = await create(company, instruction=media)
    assert not made.enabled
    changed = await menus.update(company.db, company.admin, UpdateMenu(made.id, 1, enabled=True))
    assert (changed.enabled, changed.keys, changed.version) == (True, made.keys, 2)
    with pytest.raises(Conflict):
        await menus.update(company.db, company.admin, UpdateMenu(made.id, 1, enabled=False))
    with pytest.raises(NotFound):
        await menus.get(company.db, company.admin, new_id())


async def test_employees_read_and_administrators_write(company):
    made = await create(company)
    boris = person(await company.hire("Борис Кузнецов"), company.id)
    assert await menus.menus(company.db, boris) == [made]
    for act in (
        menus.create(company.db, boris, CreateMenu("Своё", (REPEAT,))),
        menus.update(company.db, boris, UpdateMenu(made.id, 1, name="x")),
        menus.delete(company.db, boris, made.id),
    ):
        with pytest.raises(Forbidden):
            await act
