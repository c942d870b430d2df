"""``sunsim db migrate|backup|restore``."""

from __future__ import annotations

import asyncio
from pathlib import Path

import asyncpg
import click

from core.errors import Conflict
from core.settings import Settings
from tenants import backup, migrate
from tenants.commands.frame import Output, command, owner_dsn
from tenants.engine import lost_connection_is_unavailable
from tenants.secrets import KEY_FILE

__all__ = ["group"]


@click.group("db")
def group() -> None:
    """The database."""


@command(group, "migrate")
def migrate_database(settings: Settings) -> Output:
    """Bring the database up to date; running it again does nothing."""
    with owner_dsn(settings, make=True) as dsn:
        ran = asyncio.run(migrate.migrate(dsn))
    return Output({"migrated": ran}, ran or ["up to date"])


@command(group, "backup")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def backup_database(settings: Settings, file: Path) -> Output:
    """Write everything in the database to FILE.

    The master key is not in it: keep that apart, without it no sealed secret can be opened.
    """
    with owner_dsn(settings, make=False) as dsn:
        size = asyncio.run(backup.backup(dsn, file))
    key = settings.data.dir / KEY_FILE if settings.data.master_key is None else None
    lines = [f"{file}: {size} bytes"]
    lines.append(f"Keep {key or 'the master key'} too: without it SIP passwords are lost.")
    return Output({"file": str(file), "bytes": size, "master_key": key and str(key)}, lines)


@command(group, "restore")
@click.argument("file", type=click.Path(dir_okay=False, exists=True, path_type=Path))
@click.option("--replace", is_flag=True, help="Replace what is in the database now.")
def restore_database(settings: Settings, file: Path, replace: bool) -> Output:
    """Put the backup FILE into the database and migrate it, all or nothing. SunSim must not run."""
    with owner_dsn(settings, make=True) as dsn:
        ran = asyncio.run(_restore(dsn, file, replace))
    return Output({"restored": str(file), "migrated": ran}, [f"{file} is restored", *ran])


async def _restore(dsn: str, file: Path, replace: bool) -> list[str]:
    if await _in_use(dsn):
        raise Conflict("SunSim uses this database now. Stop it first.")
    return await backup.restore(dsn, file, replace=replace)


async def _in_use(dsn: str) -> bool:
    """Whether processes of SunSim are connected."""
    with lost_connection_is_unavailable():
        connection = await asyncpg.connect(dsn, timeout=10)
    try:
        return await connection.fetchval(
            "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database()"
            " AND pid <> pg_backend_pid() AND application_name LIKE 'sunsim%')"
        )
    finally:
        await connection.close()
