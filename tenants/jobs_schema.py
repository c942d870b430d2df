"""The tables of the job queue: procrastinate's, in a schema of their own, kept up with its releases.

They hold ids of tenants and names of jobs, never a tenant's data, so they have no row-level security;
only the application's role may use them.
"""

from __future__ import annotations

from pathlib import Path

from procrastinate.schema import SchemaManager

from tenants.engine import Session
from tenants.rls import APP_ROLE

__all__ = ["SCHEMA", "install"]

SCHEMA = "sunsim_jobs"


async def install(session: Session) -> None:
    """Make or update the queue's tables, within the caller's transaction, as the owner."""
    await session.execute(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}")
    await session.execute(f"SET LOCAL search_path TO {SCHEMA}")
    await session.execute("CREATE TABLE IF NOT EXISTS applied (name text PRIMARY KEY)")
    applied = {row["name"] for row in await session.fetch("SELECT name FROM applied")}
    missing = [update for update in _updates() if update.name not in applied]
    if not missing:
        return
    if not applied:
        await session.execute(SchemaManager.get_schema())
    else:
        for update in missing:
            await session.execute(update.read_text("utf-8"))
    await session.executemany("INSERT INTO applied VALUES ($1)", [(update.name,) for update in missing])
    await session.execute(f"GRANT USAGE ON SCHEMA {SCHEMA} TO {APP_ROLE}")
    for kind in ("TABLES", "SEQUENCES"):
        await session.execute(f"GRANT ALL ON ALL {kind} IN SCHEMA {SCHEMA} TO {APP_ROLE}")
    await session.execute(f"REVOKE ALL ON {SCHEMA}.applied FROM {APP_ROLE}")


def _updates() -> list[Path]:
    """The steps from older releases to this one, in their order."""
    return sorted(Path(SchemaManager.get_migrations_path()).glob("*.sql"))
