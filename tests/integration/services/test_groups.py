"""Groups (features.md GRP)."""

import msgspec
import pytest

from core import contracts
from core.contracts import Addressee, AddresseeKind, Chain, Dial, DialMode
from core.errors import Conflict, Forbidden, Invalid, NotFound
from core.ids import new_id
from tenants.services import employees, groups
from tenants.services.employees import UpdateEmployee
from tenants.services.groups import CreateGroup, UpdateGroup
from tenants.services.uses import InUse
from tests.support.company import activate, directory_of, person


@pytest.fixture
async def people(company):
    return [await company.hire(name, extension=number) for name, number in NAMES]


NAMES = (("Анна", "201"), ("Борис", "202"), ("Вера", "203"))


async def made(company, **fields):
    return await groups.create(company.db, company.admin, CreateGroup(**{"name": "Продажи", **fields}))


async def change(company, group, **fields):
    command = UpdateGroup(group.id, group.version, **fields)
    return await groups.update(company.db, company.admin, command)


async def joined(company, employee_id):
    return (await employees.get(company.db, company.admin, employee_id)).groups


@pytest.mark.spec("GRP-01", "GRP-02", "GRP-03", "GRP-04", "GRP-06", "GRP-09", "EMP-20", at="rule")
async def test_a_group_has_members_in_its_order(company, people, vault):
    anna, boris, vera = (each.id for each in people)
    sales = await made(
        company,
        extension="300",
        dial_mode=DialMode.SEQUENTIAL,
        ring_seconds=40,
        members=(vera, anna),
        dialled_from_menu=True,
    )
    assert sales.dialled_from_menu
    assert (sales.extension, sales.ring_seconds, sales.members) == ("300", 40, (vera, anna))
    support = await made(company, name="Поддержка", members=(anna,))
    assert await joined(company, anna) == (sales.id, support.id)
    assert await joined(company, boris) == ()
    changed = await change(
        company, sales, members=(anna, boris, vera), name="Отдел продаж", dialled_from_menu=False
    )
    assert not changed.dialled_from_menu
    assert (changed.members, changed.dial_mode) == ((anna, boris, vera), DialMode.SEQUENTIAL)
    with pytest.raises(Conflict):
        await change(company, sales, name="Другой")
    async with directory_of(company.db, vault) as directory:
        found = {each.id: each for each in directory.snapshot(company.id).groups}
    assert found[sales.id].members == (anna, boris, vera)
    assert (found[sales.id].dial_mode, found[sales.id].ring_seconds) == (DialMode.SEQUENTIAL, 40)


@pytest.mark.spec("GRP-07", at="rule")
async def test_from_the_card_somebody_joins_at_the_end_and_leaves(company, people):
    anna, boris, vera = (each.id for each in people)
    sales = await made(company, members=(vera, anna))
    new = await company.hire("Глеб", groups=(sales.id,))
    card = people[1]
    command = UpdateEmployee(boris, card.version, groups=(sales.id,))
    card = await employees.update(company.db, company.admin, command)
    found = await groups.get(company.db, company.admin, sales.id)
    assert found.members == (vera, anna, new.id, boris)
    assert found.version > sales.version
    with pytest.raises(Forbidden):
        me = person(card, company.id)
        await employees.update(company.db, me, UpdateEmployee(boris, card.version, groups=()))
    with pytest.raises(Invalid) as caught:
        command = UpdateEmployee(boris, card.version, groups=(new_id(),))
        await employees.update(company.db, company.admin, command)
    assert set(caught.value.errors) == {"groups"}
    await employees.update(company.db, company.admin, UpdateEmployee(boris, card.version, groups=()))
    assert (await groups.get(company.db, company.admin, sales.id)).members == (vera, anna, new.id)


async def test_what_cannot_be(company, people):
    anna = people[0].id
    for wrong in (
        {"name": " "},
        {"extension": "201"},
        {"extension": "1"},
        {"ring_seconds": 0},
        {"members": (anna, anna)},
        {"members": (new_id(),)},
    ):
        with pytest.raises(Invalid) as caught:
            await made(company, **wrong)
        assert set(caught.value.errors) == set(wrong)


@pytest.mark.parametrize("kind", [AddresseeKind.GROUP, AddresseeKind.EXTENSION])
async def test_a_group_that_a_scenario_names_is_not_deleted(company, people, kind):
    sales = await made(company, extension="300", members=(people[0].id,))
    other = await made(company, extension="301")
    ref = str(sales.id) if kind is AddresseeKind.GROUP else "300"
    await _only(company, Dial((Addressee(kind, ref),)))
    with pytest.raises(InUse) as caught:
        await groups.delete(company.db, company.admin, sales.id)
    assert [(use.kind, use.name) for use in caught.value.uses] == [("scenario", "По умолчанию")]
    await groups.delete(company.db, company.admin, other.id)
    assert [each.id for each in await groups.groups(company.db, company.admin)] == [sales.id]


async def _only(company, step):
    """Make this the only step of the company's scenario."""
    async with company.db.tenant(company.id) as session:
        body = await session.fetchval("SELECT body FROM scenario_versions")
        scenario = msgspec.json.decode(body, type=contracts.Scenario)
        branch = msgspec.structs.replace(scenario.default, chain=Chain((step,)))
        text = msgspec.json.encode(msgspec.structs.replace(scenario, default=branch)).decode()
        await session.execute("UPDATE scenarios SET version = 2")
        await session.execute(
            "INSERT INTO scenario_versions (id, tenant_id, scenario_id, version, body)"
            " VALUES ($1, $2, $3, 2, $4)",
            *(new_id(), company.id, scenario.id, text),
        )


async def test_only_the_companys_administrators(company, people):
    sales = await made(company)
    me = person(people[0], company.id)
    assert await groups.groups(company.db, me) == [sales]
    with pytest.raises(Forbidden):
        await groups.create(company.db, me, CreateGroup("Моя"))
    stranger = (await activate(company.db, company.issuer, "x@y.example")).admin
    for attempt in (
        groups.get(company.db, stranger, sales.id),
        groups.update(company.db, stranger, UpdateGroup(sales.id, 1, name="x")),
        groups.delete(company.db, stranger, sales.id),
    ):
        with pytest.raises(NotFound):
            await attempt
