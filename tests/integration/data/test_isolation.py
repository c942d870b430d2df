"""Tenants cannot see, write or reference each other's rows, whatever the program forgets."""

from __future__ import annotations

import asyncio
from uuid import UUID

import asyncpg
import pytest

from core.ids import new_id
from tenants.db import Database
from tenants.engine import NoSession
from tenants.tables import AuditEntry, Employee, Group, GroupMember, Number, Scenario, Tenant, Terminal
from tests.support.database import add_stock, add_tenant


@pytest.fixture
async def two(database: Database) -> tuple[UUID, UUID]:
    """Two companies with an employee each."""
    ids = (await add_tenant(database, "Ромашка"), await add_tenant(database, "Василёк"))
    for tenant_id in ids:
        async with database.tenant(tenant_id):
            await Employee.insert(Employee(name="Иван", extension="101"))
    return ids


async def test_a_session_sees_its_own_rows_only(database, two):
    async with database.tenant(two[0]):
        assert {row["tenant_id"] for row in await Employee.select()} == {two[0]}
        assert [row["id"] for row in await Tenant.select(Tenant.id)] == [two[0]]
    async with database.directory():
        assert {row["tenant_id"] for row in await Employee.select()} == set(two)


async def test_a_row_of_another_tenant_cannot_be_written(database, two):
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with database.tenant(two[0]):
            await Employee.insert(Employee(name="Чужой", tenant_id=two[1]))
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with database.tenant(two[0]):
            await Employee.update({Employee.tenant_id: two[1]}, force=True)
    async with database.tenant(two[0]) as session:
        assert await session.execute(
            "UPDATE employees SET name = 'x' WHERE tenant_id = $1", two[1]
        ) == ("UPDATE 0")
        assert await session.execute("DELETE FROM employees WHERE tenant_id = $1", two[1]) == "DELETE 0"


@pytest.mark.parametrize("table", ["trunks", "number_stock", "operator_tokens", "migration"])
async def test_the_operators_tables_are_closed_to_tenants(database, two, table):
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with database.tenant(two[0]) as session:
            await session.fetch(f"SELECT * FROM {table}")


async def test_a_tenant_cannot_suspend_or_make_itself(database, two):
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with database.tenant(two[0]):
            await Tenant.update({Tenant.status: "suspended"}, force=True)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with database.tenant(two[0]):
            await Tenant.insert(Tenant(name="Новая"))


async def test_the_directory_role_reads_but_does_not_write_tenants_rows(database, two):
    for statement in (
        "UPDATE employees SET name = 'x'",
        "DELETE FROM employees",
        "INSERT INTO employees (tenant_id, name) SELECT id, 'x' FROM tenants",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with database.directory() as session:
                await session.execute(statement)


async def test_a_reference_cannot_cross_tenants(database, two):
    async with database.tenant(two[1]):
        theirs = Employee(name="Пётр")
        await theirs.save()
        scenario = new_id()
    async with database.tenant(two[0]):
        group = Group(name="Продажи")
        await group.save()
    with pytest.raises(asyncpg.ForeignKeyViolationError):
        async with database.tenant(two[0]):
            await GroupMember.insert(GroupMember(group_id=group.id, employee_id=theirs.id))
    with pytest.raises(asyncpg.ForeignKeyViolationError):
        async with database.tenant(two[0]):
            await Terminal.insert(Terminal(employee_id=theirs.id, kind="sip", address="0051234567"))
    with pytest.raises(asyncpg.ForeignKeyViolationError):
        async with database.tenant(two[0]):
            await Scenario.insert(Scenario(id=scenario, name="Без версии"))


async def test_a_tenant_has_only_numbers_that_the_operator_gave_it(database, two):
    stock_id = await add_stock(database, "+74951234567", holder=two[1])
    for_sale = await add_stock(database, "+74951234568")
    for stock, e164 in ((stock_id, "+74951234567"), (for_sale, "+74951234568")):
        with pytest.raises(asyncpg.ForeignKeyViolationError):
            async with database.tenant(two[0]):
                await Number.insert(Number(stock_id=stock, e164=e164))
    with pytest.raises(asyncpg.ForeignKeyViolationError):  # its own stock row, another number
        async with database.tenant(two[1]):
            await Number.insert(Number(stock_id=stock_id, e164="+74950000000"))
    async with database.tenant(two[1]):
        await Number.insert(Number(stock_id=stock_id, e164="+74951234567"))


async def test_the_audit_can_only_grow(database, two):
    async with database.tenant(two[0]):
        await AuditEntry.insert(AuditEntry(actor="Иван", action="employee.update"))
    for statement in ("UPDATE audit_entries SET actor = 'Никто'", "DELETE FROM audit_entries"):
        for session_of in (database.tenant(two[0]), database.directory()):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                async with session_of as session:
                    await session.execute(statement)


async def test_the_audit_shows_what_was_altered_behind_its_back(database, two, owner_dsn):
    async def broken() -> int | None:
        async with database.tenant(two[0]) as session:
            return await session.fetchval("SELECT audit_broken($1)", two[0])

    for number in range(4):
        async with database.tenant(two[0]):
            await AuditEntry.insert(AuditEntry(actor="Иван", action=f"step.{number}"))
    assert await broken() is None
    owner = await asyncpg.connect(owner_dsn)
    try:
        await owner.execute("UPDATE audit_entries SET actor = 'Никто' WHERE seq = 3")
        assert await broken() == 3
        await owner.execute("UPDATE audit_entries SET actor = 'Иван' WHERE seq = 3")
        assert await broken() is None
        await owner.execute("DELETE FROM audit_entries WHERE seq = 2")
        assert await broken() == 2
    finally:
        await owner.close()


async def test_the_audit_chain_holds_under_concurrent_writers(database, two):
    async def write(number: int) -> None:
        async with database.tenant(two[0]):
            await AuditEntry.insert(AuditEntry(actor="Иван", action=f"step.{number}"))

    await asyncio.gather(*(write(number) for number in range(24)))
    async with database.tenant(two[0]) as session:
        assert await session.fetchval("SELECT audit_broken($1)", two[0]) is None
        assert await session.fetchval("SELECT max(seq) FROM audit_entries") == 24


async def test_a_query_without_a_session_is_refused(database, two):
    with pytest.raises(NoSession):
        await Employee.select()
    async with database.tenant(two[0]) as session:
        pass
    with pytest.raises(NoSession):
        await session.fetch("SELECT 1")


async def test_one_tenants_session_cannot_become_anothers(database, two):
    async with database.tenant(two[0]):
        with pytest.raises(RuntimeError):
            async with database.tenant(two[1]):
                pass
        with pytest.raises(RuntimeError):
            async with database.directory():
                pass


async def test_an_operators_work_in_two_tenants_is_one_transaction(database, two):
    with pytest.raises(ZeroDivisionError):
        async with database.directory():
            for tenant_id in two:
                async with database.tenant(tenant_id):
                    await Employee.update({Employee.name: "Сменён"}, force=True)
                    assert {row["tenant_id"] for row in await Employee.select()} == {tenant_id}
            assert len(await Employee.select().where(Employee.name == "Сменён")) == 2
            raise ZeroDivisionError
    async with database.directory():
        assert {row["name"] for row in await Employee.select()} == {"Иван"}


async def test_stepping_into_a_tenant_ends_with_the_block_even_after_an_error(database, two):
    async with database.directory() as session:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with database.tenant(two[0]) as inner:
                await inner.fetch("SELECT * FROM trunks")
        assert await session.fetchval("SELECT current_user") == "sunsim_directory"
        assert len(await Employee.select()) == 2


async def test_concurrent_sessions_do_not_mix(database, two):
    async def names(tenant_id: UUID) -> set[UUID]:
        async with database.tenant(tenant_id):
            await asyncio.sleep(0)
            return {row["tenant_id"] for row in await Employee.select()}

    found = await asyncio.gather(*(names(two[number % 2]) for number in range(40)))
    assert all(tenants == {two[number % 2]} for number, tenants in enumerate(found))
