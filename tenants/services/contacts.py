"""Contacts [«Контакты»]: who calls, with numbers, tags, a personal manager (features.md CON, TAG-05).

Tags and manager decide how a contact's calls are handled, so administrators change them (H-8).
Everybody reads them, except personal contacts, which are administrators' on every door (CON-05).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from msgspec import UNSET, Struct, UnsetType

from core.contracts import ContactKind
from core.errors import Conflict, FieldError, Invalid, NotFound
from tenants.db import Database, Session
from tenants.services import audit, phones, tagging, uses
from tenants.services.actor import Actor, require_administrator, require_scope
from tenants.services.company_settings import default_manager
from tenants.services.constraints import fields_for
from tenants.services.forms import checked, given, proper_name
from tenants.services.merging import merge
from tenants.tables import Contact, ContactNumber, TagKind

__all__ = [
    "LONGEST_PAGE",
    "ContactQuery",
    "ContactView",
    "CreateContact",
    "UpdateContact",
    "contacts",
    "create",
    "delete",
    "get",
    "update",
]

LONGEST_PAGE = 200
_MOST_NUMBERS = 20


class ContactView(Struct, frozen=True):
    """A contact; ``tags`` are those for contacts, ``manager_id`` is the personal manager."""

    id: UUID
    kind: ContactKind
    name: str
    company: str | None
    manager_id: UUID | None
    numbers: tuple[str, ...]
    tags: tuple[UUID, ...]
    version: int


class ContactQuery(Struct, frozen=True):
    """Which contacts: with this number, with this tag, in the order of the list after this one."""

    number: str | None = None
    tag_id: UUID | None = None
    after: UUID | None = None
    limit: int = 50


class CreateContact(Struct, frozen=True):
    """A new contact (CON-03). Company and personal manager are a business contact's (CON-04).

    Without a word of the manager it is the one of every new contact (PMA-02)."""

    name: str
    kind: ContactKind = ContactKind.BUSINESS
    numbers: tuple[str, ...] = ()
    tags: tuple[UUID, ...] = ()
    company: str | None = None
    manager_id: UUID | UnsetType | None = UNSET


class UpdateContact(Struct, frozen=True):
    """Changes of a contact; what is left out stays, numbers and tags are replaced as a whole.

    A caller who is saved as a business contact gets the manager whom missed calls have chosen, else
    the one of every new contact, unless a manager is sent (CON-12, H-23)."""

    id: UUID
    version: int
    name: str | UnsetType = UNSET
    kind: ContactKind | UnsetType = UNSET
    numbers: tuple[str, ...] | UnsetType = UNSET
    tags: tuple[UUID, ...] | UnsetType = UNSET
    company: str | UnsetType | None = UNSET
    manager_id: UUID | UnsetType | None = UNSET


# --- reading ----------------------------------------------------------------------------------


async def contacts(db: Database, actor: Actor, query: ContactQuery) -> list[ContactView]:
    """A page of the contacts that the actor may see, in the order in which they came."""
    number = phones.telephone(query.number) if query.number else None
    async with db.tenant(require_scope(actor, "contacts:read")) as session:
        found = {"number": number, "tag": query.tag_id, "after": query.after}
        return await _views(session, actor, limit=min(query.limit, LONGEST_PAGE), **found)


async def get(db: Database, actor: Actor, contact_id: UUID) -> ContactView:
    """One contact. Raises NotFound, also for what the actor may not see."""
    async with db.tenant(require_scope(actor, "contacts:read")) as session:
        return await _view(session, actor, contact_id)


# --- writing ----------------------------------------------------------------------------------


async def create(db: Database, actor: Actor, command: CreateContact) -> ContactView:
    """A new contact; calls know it at once. A caller «Не сохранен» with one of its numbers is saved so.

    Raises Invalid by field."""
    tenant_id = require_administrator(actor, "contacts:write")
    values = _checked(given(command))
    _business_only({"manager_id": None} | values)
    numbers, tags = values.pop("numbers"), values.pop("tags")
    async with _constraints(), db.tenant(tenant_id) as session:
        if tags:
            await uses.lock_references(session)
        caller = await _caller(session, numbers)
        values = await _with_manager(session, caller, values)
        contact = Contact(**values, **({"id": caller["id"]} if "id" in caller else {}))
        if "id" in caller:
            saved = values | {"version": caller["version"] + 1}
            await Contact.update(saved).where(Contact.id == contact.id)
            await ContactNumber.delete().where(ContactNumber.contact_id == contact.id)
        else:
            await Contact.insert(contact)
        await _set_numbers(session, contact.id, numbers)
        new = [tag for tag in tags if tag not in caller["tags"]]
        await tagging.give(session, TagKind.CONTACT, contact.id, new)
        after = {**values, "numbers": numbers, "tags": tags}
        await audit.record(actor, "contact.create", contact.id, after=after)
        return await _view(session, actor, contact.id)


async def update(db: Database, actor: Actor, command: UpdateContact) -> ContactView:
    """Change a contact. Raises Conflict if its version moved on, Invalid by field, NotFound."""
    tenant_id = require_administrator(actor, "contacts:write")
    values = _checked(given(command, "id", "version"))
    async with _constraints(), db.tenant(tenant_id) as session:
        if "tags" in values:  # first, as others do who give or delete tags
            await uses.lock_references(session)
        before = await _lock(command.id)
        if before["version"] != command.version:
            raise Conflict
        values = await _with_manager(session, before, values)
        _business_only(before | values)
        view = await _view(session, actor, command.id)
        before |= {"numbers": view.numbers, "tags": view.tags}
        own = {name: value for name, value in values.items() if name not in ("numbers", "tags")}
        its = Contact.id == command.id
        await Contact.update({**own, Contact.version: Contact.version + 1}).where(its)
        if "numbers" in values:
            await ContactNumber.delete().where(ContactNumber.contact_id == command.id)
            await _set_numbers(session, command.id, values["numbers"])
        if "tags" in values:
            await tagging.replace(session, TagKind.CONTACT, command.id, values["tags"])
        await audit.record(actor, "contact.update", command.id, *audit.changes(before, values))
        return await _view(session, actor, command.id)


async def delete(db: Database, actor: Actor, contact_id: UUID) -> None:
    """Forget a contact; its calls stay in the history. Raises NotFound."""
    async with db.tenant(require_administrator(actor, "contacts:write")):
        row = await _lock(contact_id)
        await Contact.delete().where(Contact.id == contact_id)
        await audit.record(actor, "contact.delete", contact_id, before={"name": row["name"]})


def _constraints() -> Any:
    return fields_for(
        contact_numbers_unique=("numbers", "Another contact has this number."),
        contact_tags_tag_id_fkey=("tags", "There is no such tag."),
        contacts_manager_id_fkey=("manager_id", "There is no such employee."),
    )


async def _lock(contact_id: UUID) -> dict[str, Any]:
    row = await Contact.select().where(Contact.id == contact_id).lock_rows("UPDATE").first()
    if row is None:
        raise NotFound
    return row


async def _caller(session: Session, numbers: Sequence[str]) -> dict[str, Any]:
    """The first of those «Не сохранен» who called with one of these numbers, with the tags; somebody
    who is not there yet if there is none."""
    row = await session.fetchrow(
        "SELECT c.*, ARRAY(SELECT tag_id FROM contact_tags t WHERE t.contact_id = c.id) AS tags"
        " FROM contacts c WHERE c.kind = $2 AND EXISTS (SELECT FROM contact_numbers n"
        " WHERE n.contact_id = c.id AND n.e164 = ANY($1)) ORDER BY c.id LIMIT 1 FOR UPDATE OF c",
        *(list(numbers), ContactKind.UNSAVED),
    )
    return dict(row) if row else {"kind": ContactKind.UNSAVED, "tags": ()}


async def _set_numbers(session: Session, contact_id: UUID, numbers: Sequence[str]) -> None:
    """Whoever merely called with one of them is this contact now."""
    if numbers:
        callers = await session.fetch(
            "SELECT c.id FROM contacts c WHERE c.kind = $2 AND c.id <> $3 AND EXISTS (SELECT FROM"
            " contact_numbers n WHERE n.contact_id = c.id AND n.e164 = ANY($1))"
            " ORDER BY c.id FOR UPDATE OF c",
            *(list(numbers), ContactKind.UNSAVED, contact_id),
        )
        for caller in callers:
            await merge(session, caller["id"], contact_id)
        rows = (ContactNumber(contact_id=contact_id, e164=e164) for e164 in numbers)
        await ContactNumber.insert(*rows)


# --- checks and views -------------------------------------------------------------------------


def _checked(values: dict[str, Any]) -> dict[str, Any]:
    checks = {"name": proper_name, "company": proper_name, "numbers": _numbers, "tags": tagging.listed}
    return checked(values, checks, required=("name",))


def _numbers(texts: tuple[str, ...]) -> tuple[str, ...]:
    if len(texts) > _MOST_NUMBERS:
        raise FieldError("A contact has at most 20 numbers.")
    return tuple(dict.fromkeys(phones.telephone(text) for text in texts))


async def _with_manager(
    session: Session, before: dict[str, Any], values: dict[str, Any]
) -> dict[str, Any]:
    """The values with the manager that somebody gets who is saved only now (CON-12)."""
    kind = values.get("kind", before["kind"])
    saved = before["kind"] == ContactKind.UNSAVED and kind == ContactKind.BUSINESS
    if not saved or "manager_id" in values or before.get("manager_id"):
        return values
    manager = before.get("pending_manager") or await default_manager(session)
    return values | {"manager_id": manager}


def _business_only(values: dict[str, Any]) -> None:
    if values["kind"] == ContactKind.BUSINESS:
        return
    problem = "Only a business contact has a company and a personal manager."
    wrong = {name: FieldError(problem) for name in ("company", "manager_id") if values[name]}
    if wrong:
        raise Invalid(**wrong)


async def _view(session: Session, actor: Actor, contact_id: UUID) -> ContactView:
    found = await _views(session, actor, contact=contact_id)
    if not found:
        raise NotFound
    return found[0]


async def _views(
    session: Session,
    actor: Actor,
    contact: UUID | None = None,
    number: str | None = None,
    tag: UUID | None = None,
    after: UUID | None = None,
    limit: int = 1,
) -> list[ContactView]:
    rows = await session.fetch(
        "SELECT c.id, c.kind, c.name, c.company, c.manager_id, c.version,"
        " ARRAY(SELECT n.e164 FROM contact_numbers n"
        "   WHERE n.contact_id = c.id ORDER BY n.id) AS numbers,"
        f" {tagging.of(TagKind.CONTACT, 'c.id')} AS tags"
        " FROM contacts c WHERE ($1 OR c.kind <> 'personal') AND ($2::uuid IS NULL OR c.id = $2)"
        " AND ($3::text IS NULL OR EXISTS (SELECT FROM contact_numbers n"
        "   WHERE n.contact_id = c.id AND n.e164 = $3))"
        " AND ($4::uuid IS NULL OR EXISTS (SELECT FROM contact_tags t"
        "   WHERE t.contact_id = c.id AND t.tag_id = $4))"
        " AND ($5::uuid IS NULL OR c.id > $5) ORDER BY c.id LIMIT $6",
        *(actor.is_administrator, contact, number, tag, after, limit),
    )
    return [
        ContactView(
            id=row["id"],
            kind=ContactKind(row["kind"]),
            name=row["name"],
            company=row["company"],
            manager_id=row["manager_id"],
            numbers=tuple(row["numbers"]),
            tags=tuple(row["tags"]),
            version=row["version"],
        )
        for row in rows
    ]
