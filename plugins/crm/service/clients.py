"""Whom a task or a deal is about."""

from __future__ import annotations

from uuid import UUID

from plugins.crm.tables import Task
from sunsim import FieldError, Invalid, Office, normalize

__all__ = ["chosen"]


async def chosen(
    office: Office, contact_id: UUID | None, number: str | None
) -> tuple[UUID | None, str | None]:
    """Whom it is about, by contact or by number. Raises Invalid for what the viewer cannot see."""
    plain = normalize(number) if number else None
    if number and plain is None:
        raise Invalid(number=FieldError("This is not a telephone number."))
    if contact_id is None:
        found = await office.client(plain) if plain else None
        return (found.id if found else None), plain
    rows = await Task.raw(
        "SELECT c.id, (SELECT n.e164 FROM contact_numbers n WHERE n.contact_id = c.id"
        f" ORDER BY n.id LIMIT 1) AS e164 FROM contacts c WHERE c.id = {{}}"
        f" AND {office.visible('NULL', 'c.id')}",
        contact_id,
    )
    if not rows:
        raise Invalid(contact_id=FieldError("There is no such contact."))
    return contact_id, plain or rows[0]["e164"]
