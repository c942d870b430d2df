"""Tags [«Теги»]: for contacts, calls and numbers (features.md TAG).

Here they are made and named; they are given to things where those are. Everybody may read them,
administrators change them (H-8).
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from msgspec import UNSET, Struct, UnsetType

from core.errors import Conflict, NotFound
from tenants.db import Database, Session
from tenants.services import audit, uses
from tenants.services.actor import Actor, require_administrator, require_scope
from tenants.services.constraints import fields_for
from tenants.services.forms import checked, given, proper_name
from tenants.services.uses import Use, UseKind
from tenants.tables import Tag, TagKind

__all__ = ["CreateTag", "TagKind", "TagView", "UpdateTag", "create", "delete", "get", "tags", "update"]

_MOST_NAMED = 20
"""So many of those who have a tag are named when it is to be deleted."""


class TagView(Struct, frozen=True):
    """A tag; those for contacts can be looked at by filters of scenarios (TAG-07)."""

    id: UUID
    kind: TagKind
    name: str
    version: int


class CreateTag(Struct, frozen=True):
    """A new tag (TAG-02)."""

    name: str
    kind: TagKind = TagKind.CONTACT


class UpdateTag(Struct, frozen=True):
    """Changes of a tag; what it is for stays."""

    id: UUID
    version: int
    name: str | UnsetType = UNSET


async def tags(db: Database, actor: Actor, kind: TagKind | None = None) -> list[TagView]:
    """All tags, or those of one kind, by name (TAG-01)."""
    async with db.tenant(require_scope(actor, "tags:read")):
        query = Tag.select().order_by(Tag.name, Tag.id)
        return [_view(row) for row in await (query.where(Tag.kind == kind) if kind else query)]


async def get(db: Database, actor: Actor, tag_id: UUID) -> TagView:
    """One tag. Raises NotFound."""
    async with db.tenant(require_scope(actor, "tags:read")):
        return _view(await _row(tag_id))


async def create(db: Database, actor: Actor, command: CreateTag) -> TagView:
    """A new tag. Raises Invalid by field."""
    tenant_id = require_administrator(actor, "tags:write")
    values = _checked(given(command))
    async with fields_for(tags_name_unique=_TAKEN), db.tenant(tenant_id):
        tag = Tag(**values)
        await Tag.insert(tag)
        await audit.record(actor, "tag.create", tag.id, after=values)
        return _view(await _row(tag.id))


async def update(db: Database, actor: Actor, command: UpdateTag) -> TagView:
    """Change a tag. Raises Conflict if its version moved on, Invalid by field, NotFound."""
    tenant_id = require_administrator(actor, "tags:write")
    values = _checked(given(command, "id", "version"))
    async with fields_for(tags_name_unique=_TAKEN), db.tenant(tenant_id):
        before = await _row(command.id, lock=True)
        if before["version"] != command.version:
            raise Conflict
        await Tag.update({**values, Tag.version: Tag.version + 1}).where(Tag.id == command.id)
        await audit.record(actor, "tag.update", command.id, *audit.changes(before, values))
        return _view(await _row(command.id))


async def delete(db: Database, actor: Actor, tag_id: UUID) -> None:
    """Delete a tag that no contact and no number has and no scenario looks at; calls lose it. Raises
    InUse naming them, NotFound."""
    tenant_id = require_administrator(actor, "tags:write")
    async with uses.deletion(), db.tenant(tenant_id) as session:
        await uses.lock_references(session)
        row = await _row(tag_id, lock=True)
        if found := await _uses(session, tag_id):
            raise uses.InUse(found)
        await Tag.delete().where(Tag.id == tag_id)
        await audit.record(actor, "tag.delete", tag_id, before={"name": row["name"]})


_TAKEN = ("name", "There is a tag of this name already.")


def _checked(values: dict[str, Any]) -> dict[str, Any]:
    return checked(values, {"name": proper_name}, required=("name",))


async def _row(tag_id: UUID, lock: bool = False) -> dict[str, Any]:
    query = Tag.select().where(Tag.id == tag_id)
    row = await (query.lock_rows("UPDATE") if lock else query).first()
    if row is None:
        raise NotFound
    return row


async def _uses(session: Session, tag_id: UUID) -> list[Use]:
    people = await session.fetch(
        "SELECT c.id, coalesce(nullif(c.name, ''), min(n.e164), '') AS name FROM contact_tags t"
        " JOIN contacts c ON c.tenant_id = t.tenant_id AND c.id = t.contact_id"
        " LEFT JOIN contact_numbers n ON n.tenant_id = c.tenant_id AND n.contact_id = c.id"
        " WHERE t.tag_id = $1 GROUP BY c.id, c.name ORDER BY 2, c.id LIMIT $2",
        tag_id,
        _MOST_NAMED,
    )
    numbers = await session.fetch(
        "SELECT n.id, coalesce(nullif(n.label, ''), n.e164) AS name FROM number_tags t"
        " JOIN numbers n ON n.tenant_id = t.tenant_id AND n.id = t.number_id"
        " WHERE t.tag_id = $1 ORDER BY n.position, n.id LIMIT $2",
        tag_id,
        _MOST_NAMED,
    )
    return [
        *await uses.scenarios_naming(session, tag_id),
        *uses.named(UseKind.CONTACT, people),
        *uses.named(UseKind.NUMBER, numbers),
    ]


def _view(row: dict[str, Any]) -> TagView:
    return TagView(row["id"], TagKind(row["kind"]), row["name"], row["version"])
