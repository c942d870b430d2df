"""Events that somebody has still to act on."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from uuid import UUID

from tenants.crosstenant import Row
from tenants.db import Database

__all__ = ["events_to_do", "forget_events"]

BATCH = 1000


async def events_to_do(
    database: Database,
    consumer: str,
    types: Sequence[str],
    *,
    since: datetime,
    skip: Collection[UUID],
    limit: int,
) -> list[Row]:
    """Events of these types that the consumer has not done, the oldest first.

    ``since`` leaves out what was looked through before, ``skip`` what waits for its next attempt.
    """
    async with database.directory() as session:
        return await session.fetch(
            "SELECT o.id, o.tenant_id, o.type, o.body, o.created_at FROM outbox o"
            " WHERE o.created_at >= $1 AND o.type = ANY($2) AND o.id <> ALL($3) AND NOT EXISTS ("
            "   SELECT FROM outbox_done d"
            "   WHERE d.tenant_id = o.tenant_id AND d.consumer = $4 AND d.event_id = o.id)"
            " ORDER BY o.created_at, o.id LIMIT $5",
            since,
            types,
            list(skip),
            consumer,
            limit,
        )


async def forget_events(
    database: Database, before: datetime, wanted: Sequence[tuple[str, str]]
) -> None:
    """Delete events from before an instant; ``wanted`` are pairs of a consumer and a type.

    An event stays as long as a consumer of its type has not done it.
    """
    seen: tuple[datetime, UUID] | None = (datetime.fromtimestamp(0, UTC), UUID(int=0))
    while seen is not None:
        seen = await _forget(database, before, wanted, seen)


async def _forget(
    database: Database, before: datetime, wanted: Sequence[tuple[str, str]], seen: tuple[datetime, UUID]
) -> tuple[datetime, UUID] | None:
    """Those among the next ``BATCH`` events after ``seen``; which was the last, if more may follow.

    However much has piled up, a statement has as much to do as it can do in its time.
    """
    async with database.directory() as session:
        rows = await session.fetch(
            "WITH next AS MATERIALIZED ("
            "   SELECT id, type, created_at FROM outbox"
            "   WHERE created_at < $1 AND (created_at, id) > ($4, $5) ORDER BY created_at, id LIMIT $6"
            "), gone AS (DELETE FROM outbox o USING next WHERE o.id = next.id AND NOT EXISTS ("
            "   SELECT FROM unnest($2::text[], $3::text[]) AS wanted(consumer, type)"
            "   WHERE wanted.type = next.type AND NOT EXISTS ("
            "       SELECT FROM outbox_done d"
            "       WHERE d.event_id = next.id AND d.consumer = wanted.consumer)))"
            " SELECT created_at, id FROM next ORDER BY created_at, id",
            before,
            [consumer for consumer, _ in wanted],
            [name for _, name in wanted],
            *seen,
            BATCH,
        )
    return (rows[-1]["created_at"], rows[-1]["id"]) if len(rows) == BATCH else None
