"""Calls: the present ones, what somebody wants of them, and whose a past one was."""

from __future__ import annotations

from uuid import UUID

from tenants.crosstenant import Row
from tenants.db import Database

__all__ = [
    "clear_board",
    "present_calls",
    "purge_commands",
    "tenant_of_call",
    "tenants_with_commands",
]


async def clear_board(database: Database) -> None:
    """Empty the live tables: the process whose present they showed has gone."""
    async with database.directory() as session:
        await session.execute("DELETE FROM live_calls")
        await session.execute("DELETE FROM live_lines")


async def present_calls(database: Database, tenant_id: UUID | None) -> list[Row]:
    """The calls of this moment, of one company or of all, the oldest first.

    A row for each call and employee in it, with the names of both.
    """
    async with database.directory() as session:
        return await session.fetch(
            "SELECT c.*, t.name AS tenant, e.name"
            " FROM live_calls c JOIN tenants t ON t.id = c.tenant_id"
            " LEFT JOIN employees e ON e.tenant_id = c.tenant_id AND e.id = c.employee_id"
            " WHERE $1::uuid IS NULL OR c.tenant_id = $1"
            " ORDER BY c.started_at, c.call_id, e.position",
            tenant_id,
        )


async def tenant_of_call(database: Database, call_id: UUID) -> UUID | None:
    """Whose call it was, for the operator."""
    async with database.directory() as session:
        return await session.fetchval("SELECT tenant_id FROM calls WHERE id = $1", call_id)


async def tenants_with_commands(database: Database) -> list[UUID]:
    """Companies that want something of a call and have no answer yet."""
    async with database.directory() as session:
        rows = await session.fetch(
            "SELECT DISTINCT tenant_id FROM call_commands"
            " WHERE answered_at IS NULL AND expires_at > now()"
        )
    return [row["tenant_id"] for row in rows]


async def purge_commands(database: Database) -> None:
    """Remove commands whose asker went away before the answer."""
    async with database.directory() as session:
        await session.execute(
            "DELETE FROM call_commands WHERE expires_at < now() - interval '1 minute'"
        )
