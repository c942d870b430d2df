"""Thirty-two at once: whoever is second is told so, and what must be unique is unique."""

import asyncio

import pytest

from core.errors import Conflict, Invalid, SunSimError
from tenants.db import Database
from tenants.services import (
    company_settings,
    contracts,
    employees,
    groups,
    lines,
    numbers,
    offers,
    scenarios,
    tags,
)
from tenants.services.activation import ActivateContract
from tenants.services.activation import activate as activate_contract
from tenants.services.actor import Role, operator
from tenants.services.company_settings import UpdateSettings
from tenants.services.employees import CreateEmployee, UpdateEmployee
from tenants.services.groups import CreateGroup, UpdateGroup
from tenants.services.numbers import AddNumber, AssignNumber, UpdateNumber
from tenants.services.offers import BuyNumbers
from tenants.services.scenarios import UpdateScenario
from tenants.services.tags import CreateTag
from tenants.tables import Employee, Schedule, TagKind, TenantStatus, User

MANY = 32


async def outcomes(*work):
    """What each came to: a result or a typed error; anything else fails the test."""
    results = await asyncio.gather(*work, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException) and not isinstance(result, SunSimError):
            raise result
    return results


async def test_one_of_many_gets_the_extension(company):
    results = await outcomes(
        *(
            employees.create(
                company.db,
                company.issuer,
                company.admin,
                CreateEmployee(f"Сотрудник {n}", extension="500"),
            )
            for n in range(MANY)
        )
    )
    errors = [r for r in results if isinstance(r, Exception)]
    assert len(errors) == MANY - 1
    assert all(isinstance(e, Invalid) and set(e.errors) == {"extension"} for e in errors)
    async with company.db.tenant(company.id):
        assert await Employee.count().where(Employee.extension == "500") == 1
        assert await Employee.count() == 2


async def test_one_of_many_gets_the_email(company):
    results = await outcomes(
        *(
            employees.create(
                company.db,
                company.issuer,
                company.admin,
                CreateEmployee(f"Сотрудник {n}", email="same@romashka.example"),
            )
            for n in range(MANY)
        )
    )
    errors = [r for r in results if isinstance(r, Exception)]
    assert len(errors) == MANY - 1
    assert all(isinstance(e, Invalid) and set(e.errors) == {"email"} for e in errors)
    async with company.db.tenant(company.id):
        assert await User.count().where(User.email == "same@romashka.example") == 1


async def test_many_different_employees_all_get_their_lines(company):
    results = await outcomes(
        *(
            employees.create(
                company.db,
                company.issuer,
                company.admin,
                CreateEmployee(f"Сотрудник {n}", extension=f"{200 + n}"),
            )
            for n in range(MANY)
        )
    )
    assert not [r for r in results if isinstance(r, Exception)]
    logins = [line.login for line in await lines.lines(company.db, company.admin)]
    assert len(set(logins)) == 3 * (MANY + 1)


async def test_of_many_edits_of_one_version_one_wins(company):
    card = await company.hire()
    results = await outcomes(
        *(
            employees.update(
                company.db, company.admin, UpdateEmployee(card.id, card.version, name=f"Имя {n}")
            )
            for n in range(MANY)
        )
    )
    assert sum(isinstance(r, Conflict) for r in results) == MANY - 1
    final = await employees.get(company.db, company.admin, card.id)
    assert final.version == card.version + 1


async def test_administrators_cannot_all_demote_each_other(company):
    cards = [company.activated.employee]
    cards += [await company.hire(f"№ {n}", role=Role.ADMINISTRATOR) for n in range(7)]
    results = await outcomes(
        *(
            employees.update(
                company.db,
                company.admin,
                UpdateEmployee(card.id, card.version, role=Role.EMPLOYEE),
            )
            for card in cards
        )
    )
    assert sum(isinstance(r, Invalid) for r in results) == 1
    left = await employees.employees(company.db, company.admin)
    assert sum(card.role is Role.ADMINISTRATOR for card in left) == 1


async def test_a_number_is_given_once(company):
    await numbers.add(company.db, operator(), AddNumber("+74953330001"))
    results = await outcomes(
        *(
            numbers.assign(company.db, operator(), AssignNumber("+74953330001", company.id))
            for _ in range(MANY)
        )
    )
    assert sum(isinstance(r, Conflict) for r in results) == MANY - 1
    assert len(await numbers.numbers(company.db, company.admin)) == 3


async def test_of_many_activations_for_one_person_one_succeeds(database: Database, issuer):
    command = ActivateContract(
        "Ромашка", "Ольга", "olga@romashka.example", "+79161234567", password="ladoga-4711"
    )
    results = await outcomes(
        *(activate_contract(database, issuer, operator(), command) for _ in range(MANY))
    )
    done = [r for r in results if not isinstance(r, Exception)]
    assert len(done) == 1
    async with database.directory() as session:
        assert await session.fetchval("SELECT count(*) FROM tenants") == 1
        assert await session.fetchval("SELECT count(*) FROM schedules WHERE is_default") == 1


async def test_there_is_one_default_schedule_whatever_happens(company):
    async def another():
        async with company.db.tenant(company.id):
            await Schedule.insert(Schedule(name="Ещё один", is_default=True))

    results = await asyncio.gather(*(another() for _ in range(MANY)), return_exceptions=True)
    assert all(isinstance(r, Exception) for r in results)
    async with company.db.tenant(company.id):
        assert await Schedule.count().where(Schedule.is_default.eq(True)) == 1


async def test_pending_lines_are_activated_once_by_many_workers(company):
    async with company.db.tenant(company.id):
        await employees.insert(company.issuer, company.admin, CreateEmployee("Борис"))
    counts = await asyncio.gather(
        *(lines.activate_all_pending(company.db, company.issuer) for _ in range(8))
    )
    assert sum(counts) == 3


ROUNDS = 8


async def _of_a_number(company):
    """Tags of a number, and the scenario that handles it."""
    tag = await tags.create(company.db, company.admin, CreateTag("Реклама", TagKind.NUMBER))

    async def work():
        first, second = await numbers.numbers(company.db, company.admin)
        (scenario,) = await scenarios.scenarios(company.db, company.admin)
        return (
            numbers.update(
                company.db, company.admin, UpdateNumber(first.id, first.version, tags=(tag.id,))
            ),
            numbers.update(company.db, company.admin, UpdateNumber(second.id, second.version, tags=())),
            scenarios.update(
                company.db, company.admin, UpdateScenario(scenario.id, scenario.version, name="Другой")
            ),
        )

    return work


async def _of_a_group(company):
    """Whoever leaves a group or joins it, and the group's own members."""
    people = [await company.hire(f"№ {n}") for n in range(4)]
    group = await groups.create(company.db, company.admin, CreateGroup("Продажи"))

    async def work():
        own = await groups.get(company.db, company.admin, group.id)
        cards = [await employees.get(company.db, company.admin, each.id) for each in people]
        wanted = () if own.members else (group.id,)
        rest = tuple(each.id for each in people if each.id not in own.members)
        return (
            groups.update(company.db, company.admin, UpdateGroup(own.id, own.version, members=rest)),
            *(
                employees.update(
                    company.db, company.admin, UpdateEmployee(card.id, card.version, groups=wanted)
                )
                for card in cards
            ),
        )

    return work


async def _of_the_company(company):
    """The company's own row, and what is counted in it."""

    async def work():
        card = await employees.get(company.db, company.admin, company.activated.employee.id)
        settings = await company_settings.get(company.db, company.admin)
        zone = "Asia/Omsk" if settings.timezone == "Europe/Moscow" else "Europe/Moscow"
        own = await groups.create(company.db, company.admin, CreateGroup("Продажи"))
        return (
            company_settings.update(
                company.db, company.admin, UpdateSettings(settings.version, timezone=zone)
            ),
            employees.update(
                company.db, company.admin, UpdateEmployee(card.id, card.version, name=f"Имя {own.id}")
            ),
            groups.update(company.db, company.admin, UpdateGroup(own.id, own.version, name="Отдел")),
            contracts.set_status(company.db, operator(), company.id, TenantStatus.ACTIVE),
            contracts.set_plugin(company.db, operator(), company.id, "crm", zone == "Asia/Omsk"),
        )

    return work


@pytest.mark.parametrize("prepared", [_of_a_number, _of_a_group, _of_the_company])
async def test_unlike_saves_never_wait_for_each_other_in_a_ring(company, prepared):
    work = await prepared(company)
    for _ in range(ROUNDS):
        results = await outcomes(*await work())
        assert not [r for r in results if isinstance(r, Exception) and not isinstance(r, Conflict)]
        assert not all(isinstance(r, Conflict) for r in results)


async def test_buyers_and_the_operator_never_wait_for_each_other_in_a_ring(company):
    shop = operator("shop")
    for attempt in range(ROUNDS):
        two = [f"+7499{attempt:03}{last:04}" for last in (1, 2)]
        for e164 in two:
            await numbers.add(company.db, shop, AddNumber(e164))
        results = await outcomes(
            offers.buy(company.db, company.admin, BuyNumbers(tuple(two))),
            *(numbers.assign(company.db, shop, AssignNumber(e164, company.id)) for e164 in two[::-1]),
        )
        assert not [r for r in results if isinstance(r, Exception) and not isinstance(r, Conflict)]
        mine = await numbers.numbers(company.db, company.admin)
        assert {*two} <= {number.e164 for number in mine}
        async with company.db.tenant(company.id) as session:  # room for the next round
            await session.execute("UPDATE contracts SET most_numbers = 1000")
