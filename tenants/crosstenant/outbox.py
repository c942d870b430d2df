"""Events that somebody has still to act on."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from tenants.crosstenant import Row
from tenants.db import Database

__all__ = ["events_to_do", "forget_events"]


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
    async with database.directory() as session:
        await session.execute(
            "DELETE FROM outbox o WHERE o.created_at < $1 AND NOT EXISTS ("
            "   SELECT FROM unnest($2::text[], $3::text[]) AS wanted(consumer, type)"
            "   WHERE wanted.type = o.type AND NOT EXISTS ("
            "       SELECT FROM outbox_done d"
            "       WHERE d.event_id = o.id AND d.consumer = wanted.consumer))",
            before,
            [consumer for consumer, _ in wanted],
            [name for _, name in wanted],
        )
