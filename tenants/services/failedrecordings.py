"""Recordings that were given up, for the operator: once the cause is gone they are tried anew."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from msgspec import Struct

from core.errors import NotFound
from tenants.crosstenant.recordings import recordings_failed
from tenants.db import Database
from tenants.services import audit
from tenants.services.actor import Actor, operator, require_operator

__all__ = ["FailedRecording", "failed", "retry"]


class FailedRecording(Struct, frozen=True):
    """Whose it is, when it was begun, and why no sound could be made of it."""

    id: UUID
    tenant_id: UUID
    started_at: datetime
    reason: str


async def failed(
    db: Database, actor: Actor, tenant_id: UUID | None = None
) -> tuple[FailedRecording, ...]:
    """Those of all companies, or of one; the latest first."""
    require_operator(actor, "recordings:read")
    rows = await recordings_failed(db, tenant_id)
    return tuple(
        FailedRecording(row["id"], row["tenant_id"], row["started_at"], row["reason"]) for row in rows
    )


async def retry(
    db: Database, actor: Actor, tenant_id: UUID | None = None, recording_id: UUID | None = None
) -> tuple[FailedRecording, ...]:
    """Have the worker try them anew, with all attempts; returns those. Raises NotFound for a single
    one that has not failed."""
    require_operator(actor, "recordings:write")
    chosen = await failed(db, actor, tenant_id)
    if recording_id is not None:
        chosen = tuple(one for one in chosen if one.id == recording_id)
        if not chosen:
            raise NotFound("No such recording has failed.")
    for one in chosen:
        async with db.tenant(one.tenant_id) as session:
            if await session.fetchval(_RETRY, one.id):
                await audit.record(operator(actor.name, one.tenant_id), "recording.retry", one.id)
    return chosen


_RETRY = """
UPDATE recordings SET state = 'waiting', attempts = 0, retry_at = now(), ready_at = NULL
WHERE id = $1 AND state = 'failed' RETURNING true
"""
