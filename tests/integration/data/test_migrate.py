"""Migrations run forward on a filled database without loss, ours first, then the plugins' by name."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from textwrap import dedent, indent

import asyncpg
import pytest
from piccolo.apps.migrations.auto.diffable_table import DiffableTable
from piccolo.apps.migrations.auto.schema_differ import SchemaDiffer
from piccolo.apps.migrations.auto.schema_snapshot import SchemaSnapshot
from piccolo.apps.migrations.commands.new import AutoMigrationManager

from core.ids import new_id
from core.settings import DataSettings
from tenants import migrate as migrations
from tenants.apps import CORE_APP, app_modules
from tenants.db import Database
from tenants.migrate import MigrationRefused, migrate
from tenants.piccolo_app import APP_CONFIG
from tenants.tables import Employee
from tests.support.database import add_tenant

FOLDER = Path(APP_CONFIG.resolved_migrations_folder_path)


@pytest.fixture
def empty(postgres):
    name = postgres.create()
    yield postgres.dsn(name)
    postgres.drop(name)


@pytest.fixture
def plugin(tmp_path, monkeypatch):
    """Makes a plugin package with a Piccolo app and the given migrations; returns its app's module."""

    def make(name: str, **steps: str) -> str:
        folder = tmp_path / name / "migrations"
        folder.mkdir(parents=True, exist_ok=True)
        (tmp_path / name / "__init__.py").touch()
        (tmp_path / name / "piccolo_app.py").write_text(
            "from pathlib import Path\n"
            "from piccolo.conf.apps import AppConfig\n"
            f"APP_CONFIG = AppConfig({name!r}, str(Path(__file__).parent / 'migrations'))\n"
        )
        for step, body in steps.items():
            (folder / f"{step}.py").write_text(
                "from piccolo.apps.migrations.auto.migration_manager import MigrationManager\n"
                "from tenants.engine import current_session\n"
                f"ID = {step!r}\n"
                "async def forwards():\n"
                f"    manager = MigrationManager(ID, {name!r})\n"
                "    async def run():\n" + indent(dedent(body), " " * 8) + "\n"
                "    manager.add_raw(run)\n"
                "    return manager\n"
            )
        monkeypatch.syspath_prepend(tmp_path)
        for module in (name, f"{name}.piccolo_app"):
            sys.modules.pop(module, None)
        return f"{name}.piccolo_app"

    return make


def sql(statement: str) -> str:
    return f"await current_session().execute({statement!r})"


TABLE = "CREATE TABLE {0} (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), tenant_id uuid NOT NULL{1})"


async def fetch(dsn: str, query: str) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetch(query)
    finally:
        await connection.close()


# Named one by one: an old database has not the columns of today.
FILLED = {
    "employees": "id, tenant_id, name, extension",
    "calls": "id, tenant_id, direction, called, outcome, started_at, ended_at",
    "call_steps": "id, tenant_id, call_id, at, code",
}


async def fill(database: Database) -> dict:
    """Rows of two tenants: an employee, a call with its log."""
    for name in ("Ромашка", "Василёк"):
        tenant_id = await add_tenant(database, name)
        employee, call, step = new_id(), new_id(), new_id()
        async with database.tenant(tenant_id) as session:
            now = await session.fetchval("SELECT now()")
            rows = {
                "employees": (employee, tenant_id, "Иван", "101"),
                "calls": (call, tenant_id, "incoming", "+74951234567", "answered", now, now),
                "call_steps": (step, tenant_id, call, now, "arrived"),
            }
            for table, row in rows.items():
                places = ", ".join(f"${at}" for at in range(1, len(row) + 1))
                more = (", seq", ", 1") if table == "call_steps" else ("", "")
                await session.execute(
                    f"INSERT INTO {table} ({FILLED[table]}{more[0]}) VALUES ({places}{more[1]})", *row
                )
    return await contents(database)


async def contents(database: Database) -> dict:
    async with database.directory() as session:
        return {
            table: sorted(map(str, await session.fetch(f"SELECT {columns} FROM {table}")))
            for table, columns in FILLED.items()
        }


async def test_the_migrations_lead_to_the_tables():
    """What ``piccolo migrations new --auto`` would write: nothing."""
    managers = await AutoMigrationManager().get_migration_managers(app_config=APP_CONFIG)
    now = [
        DiffableTable(t.__name__, t._meta.tablename, columns=t._meta.non_default_columns)
        for t in APP_CONFIG.table_classes
    ]
    differ = SchemaDiffer(now, SchemaSnapshot(managers).get_snapshot(), auto_input="y")
    assert [change.statements for change in differ.get_alter_statements() if change.statements] == []


async def test_repeating_does_nothing(owner_dsn, database):
    before = await fill(database)
    assert await migrate(owner_dsn, [CORE_APP]) == []
    assert await contents(database) == before


async def test_several_at_once_do_it_once(empty):
    ran = await asyncio.gather(*(migrate(empty, [CORE_APP]) for _ in range(3)))
    assert sorted(map(len, ran)) == [0, 0, len(migrations._load("tenants", FOLDER))]


async def test_a_filled_old_database_moves_on_without_loss(empty, tmp_path, monkeypatch):
    """The first three migrations, rows, then every later one and a further one that moves data."""
    everything = migrations._load
    monkeypatch.setattr(
        migrations, "_load", lambda app, folder: dict(sorted(everything(app, folder).items())[:3])
    )
    assert len(await migrate(empty, [CORE_APP])) == 3
    database = await Database.open(DataSettings(dir=tmp_path, dsn=empty, pool=2))
    before = await fill(database)

    later = tmp_path / "later.py"
    later.write_text(
        "from tenants.engine import current_session\n"
        "ID = '2999-01-01T00:00:00:000001'\n"
        "async def forwards():\n"
        "    s = current_session()\n"
        "    await s.execute('ALTER TABLE employees ADD initial text')\n"
        "    await s.execute('UPDATE employees SET initial = left(name, 1)')\n"
        "    await s.execute('ALTER TABLE employees ALTER initial SET NOT NULL')\n"
    )
    monkeypatch.setattr(
        migrations, "_load", lambda app, folder: everything(app, folder) | everything(app, tmp_path)
    )
    ran = await migrate(empty, [CORE_APP])
    assert ran[-1] == "tenants/2999-01-01T00:00:00:000001"
    assert await contents(database) == before
    await database.close()
    assert [row["initial"] for row in await fetch(empty, "SELECT initial FROM employees")] == ["И", "И"]


async def test_an_owner_without_bypassrls_migrates_every_tenants_rows(
    empty, postgres, tmp_path, plugin
):
    """On a managed server the owner is subject to forced row-level security; migrations must not be."""
    await migrate(empty, [CORE_APP])
    database = await Database.open(DataSettings(dir=tmp_path, dsn=empty, pool=2))
    await fill(database)
    rename = plugin("aaa", one=sql("UPDATE employees SET name = 'Пётр'"))
    postgres.run("ALTER ROLE sunsim NOBYPASSRLS")
    try:
        assert await fetch(empty, "SELECT name FROM employees") == []  # forced
        assert await migrate(empty, [CORE_APP, rename]) == ["aaa/one"]
        assert await fetch(empty, "SELECT name FROM employees") == []  # forced again
        async with database.directory():
            assert {row["name"] for row in await Employee.select()} == {"Пётр"}
            tenant_id = (await Employee.select().first())["tenant_id"]
        # Cascades and triggers run as the owner too.
        async with database.tenant(tenant_id):
            await Employee.delete(force=True)
            assert await Employee.count() == 0
    finally:
        postgres.run("ALTER ROLE sunsim BYPASSRLS")
        await database.close()


async def test_a_plugins_table_is_protected_by_itself(empty, plugin, tmp_path):
    crm = plugin("crm", one=sql(TABLE.format("deals", "")))
    await migrate(empty, [CORE_APP, crm])
    database = await Database.open(DataSettings(dir=tmp_path, dsn=empty, pool=2))
    tenants = [await add_tenant(database, name) for name in ("Ромашка", "Василёк")]
    for tenant_id in tenants:
        async with database.tenant(tenant_id) as session:
            await session.execute("INSERT INTO deals (tenant_id) VALUES ($1)", tenant_id)
            assert await session.fetchval("SELECT count(*) FROM deals") == 1
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with database.tenant(tenants[0]) as session:
            await session.execute("INSERT INTO deals (tenant_id) VALUES ($1)", tenants[1])
    await database.close()
    indexes = await fetch(empty, "SELECT indexdef FROM pg_indexes WHERE tablename = 'deals'")
    assert any("(tenant_id)" in row["indexdef"] for row in indexes)


@pytest.mark.parametrize(
    ("columns", "finding"),
    [
        (", owner uuid REFERENCES employees (id)", "can cross tenants"),
        (", owner uuid REFERENCES trunks (id)", None),
    ],
)
async def test_a_plugin_whose_reference_could_cross_tenants_is_refused(empty, plugin, columns, finding):
    crm = plugin("crm", one=sql(TABLE.format("deals", columns)))
    if finding is None:
        await migrate(empty, [CORE_APP, crm])
        return
    with pytest.raises(MigrationRefused, match=finding):
        await migrate(empty, [CORE_APP, crm])
    assert await fetch(empty, "SELECT FROM pg_tables WHERE tablename = 'deals'") == []


async def test_a_failing_migration_leaves_nothing_behind(empty, plugin):
    crm = plugin("crm", one=sql(TABLE.format("deals", "")), two=sql("CREATE TABLE half ()") + "\n1 / 0")
    with pytest.raises(ZeroDivisionError):
        await migrate(empty, [CORE_APP, crm])
    assert await fetch(empty, "SELECT name FROM migration WHERE app_name = 'crm'") == [("one",)]
    assert await fetch(empty, "SELECT FROM pg_tables WHERE tablename = 'half'") == []
    plugin("crm", two=sql(TABLE.format("half", "")))
    assert await migrate(empty, [CORE_APP, crm]) == ["crm/two"]


async def test_the_same_file_name_in_two_plugins_is_two_migrations(empty, plugin):
    modules = [plugin(name, one=sql(TABLE.format(f"{name}_rows", ""))) for name in ("crm", "ivr")]
    assert (await migrate(empty, [CORE_APP, *modules]))[-2:] == ["crm/one", "ivr/one"]


def test_our_app_comes_first_and_plugins_follow_by_name(monkeypatch):
    modules = app_modules()
    assert modules[0] == CORE_APP
    assert modules[1:] == sorted(modules[1:])


def test_ids_are_unique_and_sort_as_the_files_do():
    steps = migrations._load("tenants", FOLDER)
    files = sorted(path.name for path in FOLDER.glob("tenants_*.py"))
    assert [Path(step.__file__).name for _, step in sorted(steps.items())] == files
