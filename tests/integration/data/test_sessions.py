"""What happens to sessions, connections and pools when something breaks in the middle."""

from __future__ import annotations

import asyncio

import asyncpg
import psycopg
import pytest

from core.errors import SettingError, Unavailable
from core.settings import DataSettings
from tenants.db import Database, _set_tenant
from tenants.tables import Employee
from tests.support.database import Server, add_tenant

NOBODYS = "SELECT count(*) FROM employees"


@pytest.fixture
async def single(data_settings: DataSettings, postgres: Server):
    """A database with one connection for the app, so that every session reuses the same."""
    opened = await Database.open(DataSettings(dir=data_settings.dir, dsn=data_settings.dsn, pool=1))
    yield opened
    await opened.close()


async def pid(session) -> int:
    return await session.fetchval("SELECT pg_backend_pid()")


async def sees_nothing(database: Database, expected_pid: int | None) -> None:
    """The next user of the pooled connection, without a tenant, sees no row of anybody."""
    async with database._transaction(database._app, None) as session:
        if expected_pid is not None:
            assert await pid(session) == expected_pid
        assert await session.fetchval("SELECT current_user") == "sunsim_app"
        assert await session.fetchval("SELECT current_setting('app.tenant_id', true)") in (None, "")
        assert await session.fetchval(NOBODYS) == 0
        assert await session.fetchval("SELECT count(*) FROM tenants") == 0


async def test_a_pooled_connection_forgets_its_tenant(single):
    tenant_id = await add_tenant(single)
    async with single.tenant(tenant_id) as session:
        await Employee.insert(Employee(name="Иван"))
        used = await pid(session)
    await sees_nothing(single, used)


async def test_after_an_exception_in_the_middle_of_a_request(single):
    tenant_id = await add_tenant(single)
    with pytest.raises(ZeroDivisionError):
        async with single.tenant(tenant_id) as session:
            await Employee.insert(Employee(name="Иван"))
            assert await session.fetchval(NOBODYS) == 1
            used = await pid(session)
            raise ZeroDivisionError
    await sees_nothing(single, used)
    async with single.tenant(tenant_id):
        assert await Employee.count() == 0


@pytest.mark.parametrize("in_query", [False, True], ids=["between queries", "during a query"])
async def test_after_a_request_is_cancelled(single, in_query):
    tenant_id = await add_tenant(single)
    used = asyncio.get_running_loop().create_future()

    async def request() -> None:
        async with single.tenant(tenant_id) as session:
            await Employee.insert(Employee(name="Иван"))
            used.set_result(await pid(session))
            await (session.fetch("SELECT pg_sleep(60)") if in_query else asyncio.sleep(60))

    task = asyncio.create_task(request())
    await used
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await sees_nothing(single, None if in_query else used.result())


async def test_after_a_session_that_changed_settings_and_raised(single):
    """Even a program that sets the tenant for the whole session leaves no trace."""
    tenant_id = await add_tenant(single)
    async with single.tenant(tenant_id) as session:
        await Employee.insert(Employee(name="Иван"))
        used = await pid(session)
        await session.execute("SELECT set_config('app.tenant_id', $1, false)", str(tenant_id))
        await session.execute("SET ROLE sunsim_directory")
    await sees_nothing(single, used)


async def test_the_tenant_is_set_for_the_transaction_only(single):
    """It does not take the pool's cleaning to forget the tenant."""
    tenant_id = await add_tenant(single)
    connection = await single.listen_connection()
    try:
        async with connection.transaction():
            await _set_tenant(connection, tenant_id)
        assert await connection.fetchval("SELECT current_setting('app.tenant_id')") == ""
    finally:
        await connection.close()


async def test_after_the_backend_is_killed(single, postgres):
    tenant_id = await add_tenant(single)
    with pytest.raises(Unavailable) as raised:
        async with single.tenant(tenant_id) as session:
            killer = await asyncpg.connect(postgres.embedded.superuser_dsn)
            await killer.execute("SELECT pg_terminate_backend($1)", await pid(session))
            await killer.close()
            await session.fetch("SELECT 1")
    assert raised.value.http_status == 503
    await sees_nothing(single, None)


async def test_a_connection_lost_in_an_inner_block_is_unavailable_too(single, postgres):
    tenant_id = await add_tenant(single)
    for opener in (single.tenant(tenant_id), single.directory()):
        with pytest.raises(Unavailable):
            async with opener as session:
                with psycopg.connect(postgres.embedded.superuser_dsn) as killer:
                    killer.execute("SELECT pg_terminate_backend(%s)", [await pid(session)])
                await asyncio.sleep(0.05)
                async with single.tenant(tenant_id):
                    pass
    await sees_nothing(single, None)


async def test_a_failed_statement_cannot_be_swallowed(single):
    """PostgreSQL answers COMMIT after an error by rolling back, silently; we do not."""
    tenant_id = await add_tenant(single)
    with pytest.raises(asyncpg.InFailedSQLTransactionError):
        async with single.tenant(tenant_id) as session:
            await Employee.insert(Employee(name="Иван"))
            with pytest.raises(asyncpg.DivisionByZeroError):
                await session.fetch("SELECT 1 / 0")
    async with single.tenant(tenant_id):
        assert await Employee.count() == 0


async def test_an_inner_block_can_fail_alone(single):
    tenant_id = await add_tenant(single)
    async with single.tenant(tenant_id):
        await Employee.insert(Employee(name="Иван", extension="101"))
        with pytest.raises(asyncpg.UniqueViolationError):
            async with single.tenant(tenant_id):
                await Employee.insert(Employee(name="Пётр", extension="101"))
    async with single.tenant(tenant_id):
        assert [row["name"] for row in await Employee.select()] == ["Иван"]


async def test_errors_of_the_program_stay_what_they_are(single):
    tenant_id = await add_tenant(single)
    with pytest.raises(FileNotFoundError):
        async with single.tenant(tenant_id):
            raise FileNotFoundError  # an OSError, but not the connection's


async def test_a_task_started_inside_gets_a_session_of_its_own(database):
    tenant_id = await add_tenant(database)

    async def other() -> int:
        async with database.tenant(tenant_id) as session:
            return await pid(session)

    async with database.tenant(tenant_id) as session:
        assert await asyncio.create_task(other()) != await pid(session)


async def test_more_requests_than_connections_wait_their_turn(single):
    tenant_id = await add_tenant(single)

    async def request() -> int:
        async with single.tenant(tenant_id) as session:
            return await session.fetchval("SELECT 1 FROM pg_sleep(0.002)")

    assert await asyncio.gather(*(request() for _ in range(50))) == [1] * 50


async def test_without_a_server_the_error_says_so(tmp_path):
    for settings in (
        DataSettings(dir=tmp_path),
        DataSettings(dir=tmp_path, dsn=f"postgresql://sunsim@/sunsim?host={tmp_path}"),
        DataSettings(dir=tmp_path, dsn="postgresql://sunsim@127.0.0.1:1/sunsim"),
    ):
        with pytest.raises(Unavailable) as raised:
            await Database.open(settings)
        assert raised.value.message.startswith("The database is not")


async def test_a_wrong_dsn_is_a_wrong_setting(postgres, tmp_path):
    with pytest.raises(SettingError, match="SUNSIM_DATA_DSN"):
        await Database.open(DataSettings(dir=tmp_path, dsn=postgres.dsn("no_such_database")))
    with pytest.raises(SettingError, match="SUNSIM_DATA_DSN"):
        await Database.open(
            DataSettings(dir=tmp_path, dsn=postgres.dsn("postgres").replace("sunsim@", "stranger@"))
        )


async def test_each_role_can_have_a_login_of_its_own(data_settings, postgres):
    """Production: the application's processes never hold the owner's password."""
    roles = ("sunsim_app", "sunsim_directory")
    dsns = [data_settings.dsn.replace("sunsim@", f"{role}@") for role in roles]
    for role in roles:
        postgres.run("ALTER ROLE {} LOGIN", role)
    try:
        opened = await Database.open(
            DataSettings(dir=data_settings.dir, dsn_app=dsns[0], dsn_directory=dsns[1], pool=2)
        )
        tenant_id = await add_tenant(opened)  # steps from one role into the other
        async with opened.tenant(tenant_id) as session:
            assert await session.fetchval("SELECT session_user || ' ' || current_user") == (
                "sunsim_app sunsim_app"
            )
            await Employee.insert(Employee(name="Иван"))
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                async with opened.tenant(tenant_id) as inner:
                    await inner.execute("SET ROLE sunsim")
        async with opened.directory():
            assert await Employee.count() == 1
        await opened.close()
    finally:
        for role in roles:
            postgres.run("ALTER ROLE {} NOLOGIN", role)
