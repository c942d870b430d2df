"""The numbering plan, which is no company's own."""

from __future__ import annotations

from uuid import UUID

from tenants.crosstenant import Row
from tenants.db import Database

__all__ = ["has_numbering_plan", "numbering_plan"]


async def numbering_plan(database: Database, known: UUID | None) -> Row | None:
    """``id``, ``edges`` and ``subjects`` of the plan in force, unless it is the one known."""
    async with database.directory() as session:
        rows = await session.fetch(
            "SELECT id, edges, subjects FROM numbering_plans"
            " WHERE id = (SELECT id FROM numbering_plans ORDER BY created_at DESC, id DESC LIMIT 1)"
            " AND id IS DISTINCT FROM $1",
            known,
        )
    return rows[0] if rows else None


async def has_numbering_plan(database: Database) -> bool:
    """Whether one was ever imported."""
    async with database.directory() as session:
        return bool(await session.fetchval("SELECT EXISTS (SELECT FROM numbering_plans)"))
