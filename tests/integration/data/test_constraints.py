"""What must be unique stays unique when many try at once; checks refuse what makes no sense."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from uuid import UUID

import asyncpg
import pytest

from core.ids import new_id
from core.settings import DataSettings
from tenants.db import Database, violated
from tenants.tables import (
    Employee,
    Extension,
    Group,
    Number,
    Scenario,
    ScenarioVersion,
    Schedule,
    Terminal,
    User,
)
from tests.support.database import add_stock, add_tenant

RACERS = 16


@pytest.fixture
async def wide(data_settings: DataSettings):
    """A database with a connection for each racer."""
    opened = await Database.open(
        DataSettings(dir=data_settings.dir, dsn=data_settings.dsn, pool=RACERS)
    )
    yield opened
    await opened.close()


async def race(make: Callable[[int], Coroutine[None, None, None]], racers: int = RACERS) -> set[str]:
    """Run the racers at once; exactly one wins. Returns the constraints that stopped the others."""
    results = await asyncio.gather(*map(make, range(racers)), return_exceptions=True)
    assert results.count(None) == 1, results
    lost = [result for result in results if result is not None]
    assert all(isinstance(error, asyncpg.IntegrityConstraintViolationError) for error in lost), lost
    return {violated(error) for error in lost}


async def employee(tenant_id: UUID, **values: object) -> Employee:
    made = Employee(name="Иван", tenant_id=tenant_id, **values)
    await made.save()
    return made


async def test_one_extension_over_employees_and_groups(wide):
    tenant_id = await add_tenant(wide)

    async def make(number: int) -> None:
        async with wide.tenant(tenant_id):
            table = Employee if number % 2 else Group
            await table.insert(table(name="Иван", extension="101"))

    assert await race(make) == {"extensions_unique"}


async def test_those_who_wait_for_an_extension_do_not_wait_for_each_other(wide):
    """Its first owner gives it back: one of the others has it then, the rest hear so."""
    tenant_id = await add_tenant(wide)

    async def first(waiting: asyncio.Event) -> None:
        async with wide.tenant(tenant_id):
            await employee(tenant_id, extension="101")
            waiting.set()
            await asyncio.sleep(0.3)  # the others try meanwhile
            raise LookupError

    async def make(number: int) -> None:
        async with wide.tenant(tenant_id):
            await employee(tenant_id, extension="101")

    waiting = asyncio.Event()
    gives_back = asyncio.create_task(first(waiting))
    await waiting.wait()
    outcomes = await asyncio.gather(race(make, RACERS - 1), gives_back, return_exceptions=True)
    assert outcomes[0] == {"extensions_unique"}
    assert isinstance(outcomes[1], LookupError)


async def test_another_tenant_may_have_the_same_extension(database):
    for name in ("Ромашка", "Василёк"):
        tenant_id = await add_tenant(database, name)
        async with database.tenant(tenant_id):
            await employee(tenant_id, extension="101")


async def test_an_extension_is_free_again_when_its_owner_goes_or_changes(database):
    tenant_id = await add_tenant(database)
    async with database.tenant(tenant_id):
        first = await employee(tenant_id, extension="101")
        await Employee.update({Employee.extension: "102"}).where(Employee.id == first.id)
        group = Group(name="Продажи", extension="101")
        await group.save()
        await Group.update({Group.name: "Отдел продаж"}).where(Group.id == group.id)
        await first.remove()
        await employee(tenant_id, extension="102")
        await Group.update({Group.extension: None}).where(Group.id == group.id)
        assert [row["number"] for row in await Extension.select()] == ["102"]


async def test_two_employees_can_exchange_their_extensions(database):
    tenant_id = await add_tenant(database)
    async with database.tenant(tenant_id) as session:
        pair = [await employee(tenant_id, extension=extension) for extension in ("101", "102")]
        await session.execute("SET CONSTRAINTS extensions_unique DEFERRED")
        for one, extension in zip(pair, ("102", "101"), strict=True):
            await Employee.update({Employee.extension: extension}).where(Employee.id == one.id)
    async with database.tenant(tenant_id):
        owners = {row["number"]: row["employee_id"] for row in await Extension.select()}
    assert owners == {"102": pair[0].id, "101": pair[1].id}


async def test_a_feature_code_takes_its_extension(database):
    tenant_id = await add_tenant(database)
    async with database.tenant(tenant_id):
        await Extension.insert(
            Extension(number="500", feature="voicemail"), Extension(number="*21", feature="x")
        )
    with pytest.raises(asyncpg.UniqueViolationError, match="extensions_unique"):
        async with database.tenant(tenant_id):
            await employee(tenant_id, extension="500")


async def test_an_e_mail_is_a_login_of_one_user_in_the_whole_installation(wide):
    tenants = [await add_tenant(wide, str(number)) for number in range(RACERS)]

    async def make(number: int) -> None:
        async with wide.tenant(tenants[number]):
            person = await employee(tenants[number])
            await User.insert(User(email="ivan@example.org", employee_id=person.id))

    assert await race(make) == {"users_email_key"}


async def test_a_sip_login_belongs_to_one_line_in_the_whole_installation(wide):
    tenants = [await add_tenant(wide, str(number)) for number in range(RACERS)]

    async def make(number: int) -> None:
        async with wide.tenant(tenants[number]):
            person = await employee(tenants[number])
            await Terminal.insert(Terminal(employee_id=person.id, kind="sip", address="0051234567"))

    assert await race(make) == {"terminals_line_unique"}


async def test_two_people_may_share_an_external_number(database):
    tenant_id = await add_tenant(database)
    async with database.tenant(tenant_id):
        for _ in range(2):
            person = await employee(tenant_id)
            await Terminal.insert(
                Terminal(employee_id=person.id, kind="external", address="+79161234567")
            )


async def test_one_default_scenario_and_one_default_schedule(wide):
    tenant_id = await add_tenant(wide)

    async def scenario(number: int) -> None:
        async with wide.tenant(tenant_id):
            made = Scenario(name="По умолчанию", is_default=True)
            await made.save()
            await ScenarioVersion.insert(ScenarioVersion(scenario_id=made.id, version=1, body="{}"))

    async def schedule(number: int) -> None:
        async with wide.tenant(tenant_id):
            await Schedule.insert(Schedule(name="Рабочий", is_default=True))

    assert await race(scenario) == {"scenarios_one_default"}
    assert await race(schedule) == {"schedules_one_default"}


async def test_a_number_is_one_tenants_with_one_scenario(wide):
    tenant_id = await add_tenant(wide)
    stock_id = await add_stock(wide, "+74951234567", holder=tenant_id)

    async def make(number: int) -> None:
        async with wide.tenant(tenant_id):
            await Number.insert(Number(stock_id=stock_id, e164="+74951234567"))

    assert await race(make) == {"numbers_e164_key"}


async def test_a_number_of_a_tenant_cannot_be_given_to_another(database):
    first, second = [await add_tenant(database, name) for name in ("Ромашка", "Василёк")]
    stock_id = await add_stock(database, "+74951234567", holder=first)
    async with database.tenant(first):
        await Number.insert(Number(stock_id=stock_id, e164="+74951234567"))
    with pytest.raises(asyncpg.ForeignKeyViolationError, match="numbers_stock_fkey"):
        async with database.directory() as session:
            await session.execute("UPDATE number_stock SET holder_id = $1", second)


async def test_a_scenario_in_use_cannot_go_and_its_version_cannot_change(database):
    tenant_id = await add_tenant(database)
    stock_id = await add_stock(database, "+74951234567", holder=tenant_id)
    scenario_id = new_id()
    async with database.tenant(tenant_id):
        await ScenarioVersion.raw("SET CONSTRAINTS ALL DEFERRED")
        await Scenario.insert(Scenario(id=scenario_id, name="По умолчанию"))
        await ScenarioVersion.insert(ScenarioVersion(scenario_id=scenario_id, version=1, body="{}"))
        await Number.insert(Number(stock_id=stock_id, e164="+74951234567", scenario_id=scenario_id))
    with pytest.raises(asyncpg.ForeignKeyViolationError, match="numbers_scenario_id_fkey"):
        async with database.tenant(tenant_id):
            await Scenario.delete(force=True)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with database.tenant(tenant_id):
            await ScenarioVersion.update({ScenarioVersion.body: "[]"}, force=True)
    async with database.tenant(tenant_id):
        await Number.delete(force=True)
        await Scenario.delete(force=True)
        assert await ScenarioVersion.count() == 0


async def test_an_employees_caller_id_goes_with_the_number(database):
    tenant_id = await add_tenant(database)
    stock_id = await add_stock(database, "+74951234567", holder=tenant_id)
    async with database.tenant(tenant_id):
        number = Number(stock_id=stock_id, e164="+74951234567")
        await number.save()
        person = await employee(tenant_id, caller_id=number.id)
        await number.remove()
        kept = await Employee.select().where(Employee.id == person.id).first()
    assert kept["caller_id"] is None and kept["tenant_id"] == tenant_id


BAD: list[tuple[str, Callable[[UUID], Awaitable[object]]]] = [
    ("employees_extension_check", lambda e: Employee.insert(Employee(name="x", extension="1"))),
    ("employees_extension_check", lambda e: Employee.insert(Employee(name="x", extension="1234567"))),
    ("employees_extension_check", lambda e: Employee.insert(Employee(name="x", extension="1a1"))),
    ("employees_role_check", lambda e: Employee.insert(Employee(name="x", role="root"))),
    ("employees_mode_check", lambda e: Employee.insert(Employee(name="x", mode="maybe"))),
    ("users_email_check", lambda e: User.insert(User(email="Ivan@example.org", employee_id=e))),
    ("users_email_check", lambda e: User.insert(User(email="ivan", employee_id=e))),
    (
        "terminals_address_check",
        lambda e: Terminal.insert(Terminal(employee_id=e, kind="sip", address="101")),
    ),
    (
        "terminals_address_check",
        lambda e: Terminal.insert(Terminal(employee_id=e, kind="external", address="89161234567")),
    ),
    (
        "terminals_kind_check",
        lambda e: Terminal.insert(Terminal(employee_id=e, kind="fax", address="0051234567")),
    ),
]


@pytest.mark.parametrize(("constraint", "write"), BAD)
async def test_what_makes_no_sense_is_refused(database, constraint, write):
    tenant_id = await add_tenant(database)
    with pytest.raises(asyncpg.CheckViolationError) as raised:
        async with database.tenant(tenant_id):
            await write((await employee(tenant_id)).id)
    assert violated(raised.value) == constraint
