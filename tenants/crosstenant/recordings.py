"""Recordings: of which sound is to be made, and how that went."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from uuid import UUID

from tenants.crosstenant import Row
from tenants.db import Database

__all__ = [
    "recorded_calls",
    "recordings_due",
    "recordings_failed",
    "recordings_in_state",
    "tenants_with_recordings",
]


_DUE = """
SELECT tenant_id, id FROM (
    SELECT tenant_id, id, attempts, retry_at,
        row_number() OVER (PARTITION BY tenant_id ORDER BY attempts, retry_at)
            + cardinality(array_positions($1::uuid[], tenant_id)) AS turn
    FROM recordings WHERE state = 'waiting' AND retry_at <= now() AND id <> ALL($2::uuid[])
) AS due WHERE turn <= $3 ORDER BY turn, attempts, retry_at LIMIT $4
"""


async def recordings_due(
    database: Database, making: Mapping[UUID, UUID], most: int, limit: int
) -> list[Row]:
    """``tenant_id`` and ``id`` of recordings of which sound is to be made now, while that of others is
    made already (tenants by id): ``most`` of a tenant at a time, those first of whose tenant the fewest
    are made, that failed least, then the oldest; so nobody is kept waiting by another one's many, or by
    what fails again and again."""
    async with database.directory() as session:
        return await session.fetch(_DUE, list(making.values()), list(making), most, limit)


async def recordings_failed(database: Database, tenant_id: UUID | None) -> list[Row]:
    """``id``, ``tenant_id``, ``started_at``, ``reason`` of those that were given up, of all or of one
    tenant; the latest first."""
    async with database.directory() as session:
        return await session.fetch(
            "SELECT id, tenant_id, started_at, reason FROM recordings WHERE state = 'failed'"
            " AND ($1::uuid IS NULL OR tenant_id = $1) ORDER BY started_at DESC, id DESC",
            tenant_id,
        )


async def recordings_in_state(database: Database) -> dict[str, int]:
    """How many recordings wait for their sound, and how many got none."""
    async with database.directory() as session:
        rows = await session.fetch(
            "SELECT state, count(*) AS recordings FROM recordings"
            " WHERE state IN ('waiting', 'failed') GROUP BY state"
        )
    return {row["state"]: row["recordings"] for row in rows}


async def recorded_calls(database: Database, calls: Collection[UUID]) -> dict[UUID, set[str]]:
    """In which states the recordings of these calls are; calls without any are left out."""
    async with database.directory() as session:
        rows = await session.fetch(
            "SELECT call_id, array_agg(DISTINCT state) AS states FROM recordings"
            " WHERE call_id = ANY($1) GROUP BY call_id",
            calls,
        )
    return {row["call_id"]: set(row["states"]) for row in rows}


async def tenants_with_recordings(database: Database) -> list[UUID]:
    """Companies of which some are kept."""
    async with database.directory() as session:
        rows = await session.fetch("SELECT DISTINCT tenant_id FROM recordings WHERE state = 'ready'")
    return [row["tenant_id"] for row in rows]
