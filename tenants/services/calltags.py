"""Tags that calls are given in the history (HIS-09, TAG-04), by whoever may see them."""

from __future__ import annotations

from uuid import UUID

from msgspec import Struct

from core.errors import NotFound
from tenants.db import Database
from tenants.services import audit, tagging, visibility
from tenants.services.actor import Actor, require_scope
from tenants.services.constraints import fields_for
from tenants.services.forms import checked
from tenants.tables import TagKind

__all__ = ["TagCall", "put"]


class TagCall(Struct, frozen=True):
    """The tags of a call; they replace those that it has."""

    id: UUID
    tags: tuple[UUID, ...]


async def put(db: Database, actor: Actor, command: TagCall) -> tuple[UUID, ...]:
    """Give a call these tags and no others; they are returned by name.

    Raises Invalid for one that is not for calls, NotFound also for a call that the actor may not see.
    """
    tags = checked({"tags": command.tags}, {"tags": tagging.listed})["tags"]
    visible = visibility.calls(actor, 2)
    its = f"SELECT {tagging.of(TagKind.CALL, 'c.id')} AS tags FROM calls AS c WHERE c.id = $1"
    async with (
        fields_for(call_tags_tag_id_fkey=("tags", "There is no such tag.")),
        db.tenant(require_scope(actor, "calls:write")) as session,
    ):
        row = await session.fetchrow(f"{its} AND {visible.sql}", command.id, *visible.args)
        if row is None:
            raise NotFound
        await tagging.replace(session, TagKind.CALL, command.id, tags)
        after = tuple(await session.fetchval(its, command.id))
        changed = audit.changes({"tags": tuple(row["tags"])}, {"tags": after})
        await audit.record(actor, "call.tags", command.id, *changed)
        return after
