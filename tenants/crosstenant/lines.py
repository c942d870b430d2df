"""SIP lines: which wait for their activation, and the phones that are registered with them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from tenants.crosstenant import Row
from tenants.db import Database

__all__ = ["bindings", "renew_lines", "tenants_with_pending_lines", "write_bindings"]


async def tenants_with_pending_lines(database: Database) -> list[UUID]:
    """Companies with SIP lines that wait for their activation (INV-05)."""
    async with database.directory() as session:
        rows = await session.fetch("SELECT DISTINCT tenant_id FROM terminals WHERE state = 'pending'")
    return [row["tenant_id"] for row in rows]


async def renew_lines(database: Database, terminals: Sequence[UUID], until: Sequence[datetime]) -> None:
    """Put off when these lines' registrations run out."""
    async with database.directory() as session:
        await session.execute(
            "UPDATE live_lines l SET expires_at = new.expires_at"
            " FROM unnest($1::uuid[], $2::timestamptz[]) AS new (terminal_id, expires_at)"
            " WHERE l.terminal_id = new.terminal_id",
            terminals,
            until,
        )


async def write_bindings(database: Database, present: str, gone: Sequence[UUID]) -> None:
    """Put the bindings of lines (a JSON list of rows) and delete those of other lines, by terminal.

    Not synced to disk one by one: the last moment before a power cut may be lost.
    """
    async with database.directory() as session:
        await session.execute("SET LOCAL synchronous_commit = off")
        if gone:
            await session.execute("DELETE FROM line_bindings WHERE terminal_id = ANY($1)", gone)
        await session.execute(
            "INSERT INTO line_bindings (tenant_id, terminal_id, login, account, contacts, expires_at)"
            " SELECT tenant_id, terminal_id, login, account, contacts, expires_at"
            " FROM jsonb_populate_recordset(NULL::line_bindings, $1::jsonb)"
            " ON CONFLICT (terminal_id) DO UPDATE"
            " SET (tenant_id, login, account, contacts, expires_at) = (excluded.tenant_id,"
            " excluded.login, excluded.account, excluded.contacts, excluded.expires_at)",
            present,
        )


async def bindings(database: Database) -> list[Row]:
    """The bindings of all lines that have not run out; those that have are deleted."""
    async with database.directory() as session:
        await session.execute("DELETE FROM line_bindings WHERE expires_at < now()")
        return await session.fetch("SELECT * FROM line_bindings")
