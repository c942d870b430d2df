"""Who did what (security.md: audit): every write of a service leaves an entry in its transaction.

Entries hold what people may read later; never a password, a token or their hashes.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from msgspec import Struct

from tenants.db import Database
from tenants.services.actor import Actor, require_administrator
from tenants.tables import AuditEntry, OperatorEntry

__all__ = ["Entry", "changes", "entries", "operator_change", "record"]

_PAGE = 100


class Entry(Struct, frozen=True):
    """One entry for people. ``seq`` grows by one; ``before`` and ``after`` hold changed fields."""

    seq: int
    at: datetime
    actor: str
    source: str
    action: str
    object_id: UUID | None
    before: dict[str, Any] | None
    after: dict[str, Any] | None


async def record(
    actor: Actor,
    action: str,
    object_id: UUID | None = None,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> None:
    """Add an entry to the open session of the tenant; ``action`` is ``<thing>.<verb>``."""
    await AuditEntry.insert(
        AuditEntry(
            actor=actor.name or actor.role.value,
            user_id=actor.user_id,
            source=actor.source,
            action=action,
            object_id=object_id,
            before=_json(before),
            after=_json(after),
        )
    )


async def operator_change(actor: Actor, action: str, **details: object) -> None:
    """Add an entry about what belongs to no tenant (carriers, the stock) to the operator's session."""
    await OperatorEntry.insert(
        OperatorEntry(actor=actor.name, source=actor.source, action=action, details=_json(details))
    )


def changes(
    before: Mapping[str, Any], after: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The fields that differ, as they were and as they are."""
    names = [name for name in after if before.get(name) != after[name]]
    return {name: before.get(name) for name in names}, {name: after[name] for name in names}


async def entries(db: Database, actor: Actor, before_seq: int | None = None) -> list[Entry]:
    """The latest hundred entries, newest first; older ones by the last ``seq`` seen."""
    async with db.tenant(require_administrator(actor, "audit:read")):
        query = AuditEntry.select().order_by(AuditEntry.seq, ascending=False).limit(_PAGE)
        if before_seq is not None:
            query = query.where(AuditEntry.seq < before_seq)
        return [
            Entry(
                seq=row["seq"],
                at=row["at"],
                actor=row["actor"],
                source=row["source"],
                action=row["action"],
                object_id=row["object_id"],
                before=_value(row["before"]),
                after=_value(row["after"]),
            )
            for row in await query
        ]


def _json(value: Mapping[str, Any] | None) -> str | None:
    return None if value is None else msgspec.json.encode(dict(value)).decode()


def _value(text: str | None) -> dict[str, Any] | None:
    return None if text is None else msgspec.json.decode(text)
