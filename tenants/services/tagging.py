"""Tags given to what may have them: contacts, calls and numbers (TAG-03...06).

Each keeps its own table of pairs; what is allowed, and that they are replaced as a whole, is here.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from core.errors import FieldError, Invalid
from tenants.db import Session
from tenants.services import uses
from tenants.tables import CallTag, ContactTag, NumberTag, TagKind

__all__ = ["give", "listed", "of", "replace"]

_MOST = 50
_PAIRS = {
    TagKind.CONTACT: (ContactTag, "contact_id"),
    TagKind.CALL: (CallTag, "call_id"),
    TagKind.NUMBER: (NumberTag, "number_id"),
}


def listed(tags: tuple[UUID, ...]) -> tuple[UUID, ...]:
    """Each tag once. Raises FieldError if there are too many."""
    once = tuple(dict.fromkeys(tags))
    if len(once) > _MOST:
        raise FieldError("At most 50 tags can be given.")
    return once


async def give(session: Session, kind: TagKind, owner_id: UUID, tags: Sequence[UUID]) -> None:
    """The owner has these tags besides those that it has. Raises Invalid if one is not for its like."""
    if not tags:
        return
    await uses.lock_references(session)  # a tag that is deleted just now
    known = await session.fetchval(
        "SELECT count(*) FROM tags WHERE id = ANY($1) AND kind = $2", list(tags), kind
    )
    if known < len(tags):
        raise Invalid(tags=FieldError("There is no such tag."))
    table, owner = _PAIRS[kind]
    await table.insert(*(table(**{owner: owner_id, "tag_id": tag_id}) for tag_id in tags))


async def replace(session: Session, kind: TagKind, owner_id: UUID, tags: Sequence[UUID]) -> None:
    """The owner has these tags and no others. Raises Invalid."""
    await uses.lock_references(session)  # somebody who replaces them at the same time
    table, owner = _PAIRS[kind]
    await table.delete().where(getattr(table, owner) == owner_id)
    await give(session, kind, owner_id, tags)


def of(kind: TagKind, owner: str) -> str:
    """An expression in SQL: the tags of the row that ``owner`` names, by name."""
    table, column = _PAIRS[kind]
    return (
        f"ARRAY(SELECT pair.tag_id FROM {table._meta.tablename} pair JOIN tags ON tags.id = pair.tag_id"
        f" WHERE pair.{column} = {owner} ORDER BY tags.name, tags.id)"
    )
