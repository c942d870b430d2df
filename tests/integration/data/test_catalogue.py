"""The inspection of the catalogue finds every way in which a table can forget the tenants."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from importlib import import_module
from pathlib import Path

import asyncpg
import pytest
from piccolo.table import Table

from tenants import rls
from tenants.apps import app_modules
from tenants.catalogue import problems
from tenants.engine import Session, use_session
from tenants.migrate import MigrationRefused, migrate
from tenants.tables import GlobalTable, TenantTable
from tests.support.database import TEMPLATE, Server

ROOT = Path(__file__).parents[3]
CROSS_TENANT = (
    "calls",
    "carriers",
    "configuration",
    "contacts",
    "credentials",
    "lines",
    "numbering",
    "outbox",
    "recordings",
    "talktime",
)
OWN = "tenant_id = (SELECT NULLIF(current_setting('app.tenant_id', true), '')::uuid)"


@pytest.fixture(scope="module")
def shared_dsn(postgres: Server) -> Iterator[str]:
    """A migrated database for all tests that undo what they do."""
    name = postgres.create(TEMPLATE)
    yield postgres.dsn(name)
    postgres.drop(name)


@pytest.fixture
async def owner(shared_dsn: str) -> AsyncIterator[Session]:
    """A session of the schema's owner, undone at the end."""
    connection = await asyncpg.connect(shared_dsn)
    transaction = connection.transaction()
    await transaction.start()
    with use_session(Session(connection, None, asyncio.current_task())) as session:
        yield session
    await transaction.rollback()
    await connection.close()


async def test_the_version_of_the_configuration_is_counted_at_commit_by_every_table(owner):
    rows = await owner.fetch(
        "SELECT tgrelid::regclass::text AS owner, tgdeferrable AND tginitdeferred AS last"
        " FROM pg_trigger WHERE tgfoid = 'config_changed'::regproc"
    )
    assert len(rows) >= 24
    assert [row["owner"] for row in rows if not row["last"]] == []


async def test_what_grows_for_ever_is_found_by_an_index(owner):
    defined = {
        row["indexname"]: row["indexdef"]
        for row in await owner.fetch("SELECT indexname, indexdef FROM pg_indexes")
    }
    heard = defined["audit_entries_heard"]
    assert heard.endswith("(object_id, at) WHERE (action = 'recording.heard'::text)")
    assert defined["crm_tasks_by_contact"].endswith("(tenant_id, contact_id)")


async def test_every_table_keeps_tenants_apart(owner):
    assert await problems(owner) == []
    tables = {
        row[0]
        for row in await owner.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    }
    owned = {
        row[0]
        for row in await owner.fetch(
            "SELECT table_name FROM information_schema.columns"
            " WHERE table_schema = 'public' AND column_name = 'tenant_id'"
        )
    }
    assert tables == owned | rls.GLOBAL_TABLES.keys()
    assert len(owned) >= 20
    protected = await owner.fetch(
        "SELECT c.relname, c.relrowsecurity, c.relforcerowsecurity, p.qual, p.with_check"
        " FROM pg_class c JOIN pg_policies p ON p.tablename = c.relname"
        " WHERE 'sunsim_app' = ANY (p.roles) AND p.schemaname = 'public'"
    )
    assert {row["relname"] for row in protected} == owned | {"tenants"}
    for row in protected:
        assert row["relrowsecurity"] and row["relforcerowsecurity"]
        assert "app.tenant_id" in row["qual"] and row["qual"] == row["with_check"]


async def test_the_tables_of_the_program_are_the_tables_of_the_database(owner):
    """Every class has its table, with exactly its columns; tenants' and global ones by their base."""
    columns = await owner.fetch(
        "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public'"
    )
    found: dict[str, set[str]] = {}
    for row in columns:
        found.setdefault(row["table_name"], set()).add(row["column_name"])
    apps = [import_module(name).APP_CONFIG for name in app_modules()]
    expected: dict[str, type[Table]] = {t._meta.tablename: t for a in apps for t in a.table_classes}
    assert found.keys() - {"migration"} == expected.keys()
    for name, table in expected.items():
        assert found[name] == {column._meta.db_column_name for column in table._meta.columns}, name
        assert issubclass(table, GlobalTable if name in rls.GLOBAL_TABLES else TenantTable), name


@pytest.mark.parametrize(
    ("change", "finding"),
    [
        ("CREATE TABLE plain (id uuid)", "plain has neither"),
        ("CREATE TABLE late (tenant_id uuid NOT NULL)", "security of late is not"),
        ("CREATE TABLE late (tenant_id uuid NOT NULL)", "policy of late for the app"),
        (
            "ALTER TABLE calls ADD tenant text; ALTER TABLE calls DROP tenant_id CASCADE",
            "calls has neither",
        ),
        ("ALTER TABLE calls NO FORCE ROW LEVEL SECURITY", "security of calls is not"),
        ("ALTER TABLE tenants DISABLE ROW LEVEL SECURITY", "security of tenants is not"),
        ("DROP POLICY tenant_rows ON calls", "policy of calls for the app"),
        (
            "DROP POLICY tenant_rows ON calls;"
            f"CREATE POLICY tenant_rows ON calls TO sunsim_app USING ({OWN}) WITH CHECK (true)",
            "policy of calls for the app",
        ),
        (
            "DROP POLICY tenant_rows ON calls;"
            f"CREATE POLICY tenant_rows ON calls TO sunsim_app USING ({OWN})",
            "policy of calls for the app",
        ),
        (
            "DROP POLICY tenant_rows ON calls; CREATE POLICY tenant_rows ON calls TO sunsim_app"
            " USING (tenant_id = current_setting('app.tenant_id')::uuid)"
            " WITH CHECK (tenant_id = current_setting('app.tenant_id')::uuid)",
            "policy of calls for the app",
        ),
        ("CREATE POLICY more ON calls FOR SELECT USING (true)", "further policy of calls"),
        (
            "CREATE POLICY more ON calls FOR SELECT TO sunsim_app USING (true)",
            "further policy of calls",
        ),
        ("ALTER TABLE calls ALTER tenant_id DROP NOT NULL", "tenant_id of calls is not"),
        ("GRANT UPDATE ON audit_entries TO sunsim_app", "can change entries of audit_entries"),
        ("GRANT DELETE ON audit_entries TO sunsim_app", "can change entries of audit_entries"),
        (
            "ALTER TABLE terminals ADD FOREIGN KEY (employee_id) REFERENCES employees (id)",
            "can cross tenants",
        ),
        ("CREATE VIEW everybody AS SELECT * FROM employees", "view everybody"),
        ("CREATE MATERIALIZED VIEW everybody AS SELECT * FROM employees", "view everybody"),
        (
            "CREATE FUNCTION peek() RETURNS bigint SECURITY DEFINER LANGUAGE sql"
            " AS 'SELECT count(*) FROM employees'",
            "function peek runs",
        ),
    ],
)
async def test_a_table_that_forgets_is_found(owner, change, finding):
    if "DROP tenant_id" in change:  # the composite keys go first
        await owner.execute("ALTER TABLE call_steps DROP CONSTRAINT call_steps_call_id_fkey")
    await owner.execute(change)
    found = await problems(owner)
    assert any(finding in sentence for sentence in found), found


@pytest.mark.parametrize("attribute", ["SUPERUSER", "BYPASSRLS", "CREATEROLE", "CREATEDB"])
async def test_a_role_with_too_much_power_is_found(postgres, attribute):
    connection = await asyncpg.connect(postgres.embedded.superuser_dsn)
    transaction = connection.transaction()
    await transaction.start()
    try:
        await connection.execute(f"ALTER ROLE sunsim_app {attribute}")
        with use_session(Session(connection, None, asyncio.current_task())) as session:
            assert "role sunsim_app is too powerful or owns tables" in await problems(session)
    finally:
        await transaction.rollback()
        await connection.close()


async def test_migrate_repairs_what_was_changed_by_hand(owner_dsn):
    connection = await asyncpg.connect(owner_dsn)
    try:
        await connection.execute("ALTER TABLE calls DISABLE ROW LEVEL SECURITY")
        await connection.execute("CREATE POLICY more ON terminals FOR SELECT USING (true)")
        await connection.execute("GRANT DELETE ON audit_entries TO sunsim_app")
        await connection.execute("CREATE TABLE late (tenant_id uuid NOT NULL)")
        assert await migrate(owner_dsn) == []
        with use_session(Session(connection, None, asyncio.current_task())) as session:
            assert await problems(session) == []
        await connection.execute("CREATE VIEW everybody AS SELECT * FROM employees")
        with pytest.raises(MigrationRefused, match="view everybody"):
            await migrate(owner_dsn)
    finally:
        await connection.close()


def test_only_named_modules_read_across_tenants():
    """``Database.directory`` is used in the modules that say why; everything else names a tenant."""
    users = {
        path.relative_to(ROOT).as_posix()
        for folder in ("core", "tenants", "web", "plugins")
        for path in (ROOT / folder).rglob("*.py")
        if re.search(r"\.directory\(\)|listen_connection|DIRECTORY_ROLE", path.read_text("utf-8"))
    }
    assert users == {
        *(f"tenants/crosstenant/{name}.py" for name in ("__init__", *CROSS_TENANT)),
        "tenants/db.py",
        "tenants/rls.py",
        "tenants/catalogue.py",
    }
