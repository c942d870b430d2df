"""Brings a database up to date: roles, then our migrations, then the plugins', then row security.

Every migration runs in a transaction of its own together with its record and with row-level
security for whatever it made, so no table is ever visible without. Repeating it does nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import io
from collections.abc import AsyncIterator, Iterable
from importlib import import_module
from pathlib import Path
from types import ModuleType

import asyncpg
import structlog
from piccolo.apps.migrations.auto.migration_manager import MigrationManager
from piccolo.apps.migrations.tables import Migration

from core.errors import SettingError, SunSimError
from tenants import jobs_schema, rls
from tenants.apps import app_modules
from tenants.catalogue import problems
from tenants.engine import Session, lost_connection_is_unavailable, use_session

__all__ = ["MINIMUM_VERSION", "MigrationRefused", "migrate"]

MINIMUM_VERSION = 16
_LOCK = 0x73756E73696D  # "sunsim": one migration at a time

log = structlog.get_logger(__name__)


class MigrationRefused(SunSimError):
    """The database would not keep tenants apart: {problems}"""

    code = "migration_refused"


async def migrate(dsn: str, apps: Iterable[str] | None = None) -> list[str]:
    """Run what has not run yet; returns ``app/id`` of each migration that ran now.

    ``dsn`` is the owner's; ``apps`` are modules with an ``APP_CONFIG``, by default all there are.
    Raises SettingError for a server too old, MigrationRefused if the result would leak, Unavailable.
    """
    with lost_connection_is_unavailable():
        connection = await asyncpg.connect(
            dsn, timeout=10, server_settings={"application_name": "sunsim"}
        )
    try:
        if connection.get_server_version().major < MINIMUM_VERSION:
            raise SettingError(
                name="SUNSIM_DATA_DSN", problem=f"PostgreSQL {MINIMUM_VERSION} or newer is needed"
            )
        await connection.execute("SELECT pg_advisory_lock($1)", _LOCK)
        async with _transaction(connection) as session:
            await rls.create_roles(session)
            await Migration.create_table(if_not_exists=True)
        ran = []
        for module in app_modules() if apps is None else apps:
            ran += await _migrate_app(connection, module)
        async with _transaction(connection) as session:
            await jobs_schema.install(session)
        async with _transaction(connection) as session:
            if await problems(session):  # what somebody changed by hand
                await _secure(session)
        return ran
    finally:
        await connection.close()


async def _migrate_app(connection: asyncpg.Connection, module: str) -> list[str]:
    config = import_module(module).APP_CONFIG
    steps = _load(config.app_name, Path(config.resolved_migrations_folder_path))
    done = await connection.fetch("SELECT name FROM migration WHERE app_name = $1", config.app_name)
    ran = []
    for name in sorted(set(steps) - {row["name"] for row in done}):
        async with _transaction(connection) as session:
            # A table with triggers that still wait for the commit could not be altered.
            await session.execute("SET CONSTRAINTS ALL IMMEDIATE")
            if not await _sees_all(session):
                await rls.lift_force(session)
            await _run(steps[name])
            await Migration.insert(Migration(name=name, app_name=config.app_name))
            await _secure(session)
        log.info("migrated", app=config.app_name, migration=name)
        ran.append(f"{config.app_name}/{name}")
    return ran


async def _run(step: ModuleType) -> None:
    manager = await step.forwards()
    if isinstance(manager, MigrationManager):
        manager.wrap_in_transaction = False  # it is in ours
        with contextlib.redirect_stdout(io.StringIO()):  # Piccolo reports progress by print
            await manager.run()


async def _secure(session: Session) -> None:
    """Put row-level security on what is new or was changed by hand. Raises MigrationRefused."""
    await rls.apply(session)
    if left := await problems(session):
        raise MigrationRefused(problems="; ".join(left))


async def _sees_all(session: Session) -> bool:
    return bool(
        await session.fetchval(
            "SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user"
        )
    )


@contextlib.asynccontextmanager
async def _transaction(connection: asyncpg.Connection) -> AsyncIterator[Session]:
    async with connection.transaction():
        with use_session(Session(connection, None, asyncio.current_task())) as session:
            yield session


def _load(app: str, folder: Path) -> dict[str, ModuleType]:
    """The migrations in a folder by id. Not by sys.path as Piccolo does: names may repeat in apps."""
    steps = {}
    for path in sorted(folder.glob("*.py")):
        if path.stem == "__init__":
            continue
        spec = importlib.util.spec_from_file_location(f"{app}_migrations.{path.stem}", path)
        if spec is None or spec.loader is None:
            raise SunSimError("The migration {path} cannot be loaded.", path=path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        if hasattr(module, "ID"):
            steps[module.ID] = module
    return steps
