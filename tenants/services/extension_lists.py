"""Extension dialling lists [«Добавочные номера»]: what callers hear and may dial (features.md EXT).

Who may be dialled at all is said in the card of the extension's owner (EXT-04); a list with ``numbers``
chooses of those. The scenario's block and an item of a voice menu name a list (EXT-05).
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any
from uuid import UUID

import msgspec
from msgspec import UNSET, Struct, UnsetType

from core.errors import Conflict, FieldError, Invalid, NotFound
from core.scenarios import ExtensionList as Body
from tenants.checktext import Checked
from tenants.db import Database, Session
from tenants.services import audit, phones, uses
from tenants.services.actor import Actor, require_administrator, require_scope
from tenants.services.forms import given
from tenants.services.scenario_blocks import known
from tenants.services.voice_fields import fields_wrong, named
from tenants.tables import ExtensionList

__all__ = [
    "CreateExtensionList",
    "ExtensionListView",
    "UpdateExtensionList",
    "create",
    "delete",
    "get",
    "lists",
    "update",
]

_MOST_NUMBERS = 500


class CreateExtensionList(Struct, frozen=True):
    """A new list (EXT-01 … EXT-03). Without ``instruction`` and ``wrong`` callers hear those of the
    ready-made library. The instruction is repeated every ``repeat_seconds`` of silence, after
    ``idle_seconds`` of it the scenario goes on. ``numbers`` are the extensions that may be dialled;
    without them any may that its owner permits."""

    name: str
    instruction: UUID | None = None
    wrong: UUID | None = None
    repeat_seconds: int | None = None
    idle_seconds: int = 15
    numbers: tuple[str, ...] | None = None


class UpdateExtensionList(Struct, frozen=True):
    """Changes of a list; what is left out stays. ``version`` is the one that was looked at."""

    id: UUID
    version: int
    name: str | UnsetType = UNSET
    instruction: UUID | UnsetType | None = UNSET
    wrong: UUID | UnsetType | None = UNSET
    repeat_seconds: int | UnsetType | None = UNSET
    idle_seconds: int | UnsetType = UNSET
    numbers: tuple[str, ...] | UnsetType | None = UNSET


class ExtensionListView(Checked, frozen=True):
    """A list of the company. ``dialable`` are those that callers may dial now: permission is the
    owner's, an employee's or a group's (EXT-04, EXT-06)."""

    id: UUID
    name: str
    instruction: UUID | None
    wrong: UUID | None
    repeat_seconds: int | None
    idle_seconds: int
    numbers: tuple[str, ...] | None
    dialable: tuple[str, ...]
    version: int


async def lists(db: Database, actor: Actor) -> list[ExtensionListView]:
    """All lists by name."""
    async with db.tenant(require_scope(actor, "scenarios:read")) as session:
        permitted = await _permitted(session)
        rows = await ExtensionList.select().order_by(ExtensionList.name).order_by(ExtensionList.id)
        return [_view(row, permitted) for row in rows]


async def get(db: Database, actor: Actor, list_id: UUID) -> ExtensionListView:
    """One list. Raises NotFound."""
    async with db.tenant(require_scope(actor, "scenarios:read")) as session:
        return await _read(session, list_id)


async def create(db: Database, actor: Actor, command: CreateExtensionList) -> ExtensionListView:
    """A new list; it is used once a scenario or a menu names it (EXT-05). Raises Invalid by field."""
    async with db.tenant(require_administrator(actor, "scenarios:write")) as session:
        await uses.lock_references(session)
        row = ExtensionList(name="", body="{}")
        body = Body(row.id, **msgspec.structs.asdict(command))
        body = await _verified(session, body)
        row.name, row.body = body.name, _json(body)
        await ExtensionList.insert(row)
        await audit.record(actor, "extension_list.create", row.id, after=msgspec.to_builtins(body))
        return await _read(session, row.id)


async def update(db: Database, actor: Actor, command: UpdateExtensionList) -> ExtensionListView:
    """Change a list; calls that come from now on hear it so. Raises Conflict if its version moved on,
    Invalid by field, NotFound."""
    async with db.tenant(require_administrator(actor, "scenarios:write")) as session:
        await uses.lock_references(session)
        row = await _row(command.id)
        if row["version"] != command.version:
            raise Conflict
        before = _body(row)
        body = msgspec.structs.replace(before, **given(command, "id", "version"))
        body = await _verified(session, body, before.numbers or ())
        changed = {
            ExtensionList.name: body.name,
            ExtensionList.body: _json(body),
            ExtensionList.version: ExtensionList.version + 1,
        }
        await ExtensionList.update(changed).where(ExtensionList.id == command.id)
        was, now = msgspec.to_builtins(before), msgspec.to_builtins(body)
        await audit.record(actor, "extension_list.update", command.id, *audit.changes(was, now))
        return await _read(session, command.id)


async def delete(db: Database, actor: Actor, list_id: UUID) -> None:
    """Delete a list that no scenario and no menu names (H-19). Raises InUse, NotFound."""
    async with db.tenant(require_administrator(actor, "scenarios:write")) as session:
        await uses.lock_references(session)
        row = await _row(list_id)
        scenarios = await uses.scenarios_naming(session, list_id)
        if found := scenarios + await uses.menus_naming(session, list_id):
            raise uses.InUse(found)
        await ExtensionList.delete().where(ExtensionList.id == list_id)
        await audit.record(actor, "extension_list.delete", list_id, before={"name": row["name"]})


async def _verified(session: Session, body: Body, kept: Collection[str] = ()) -> Body:
    """In stored form. Somebody must have each of the numbers, except those that are merely ``kept``,
    whose owners may be gone by now.

    Raises Invalid with everything that is wrong.
    """
    errors = fields_wrong(body, await known())
    body = named(body, body.name, errors)
    if body.numbers is not None:
        numbers = []
        owned = await _owned(session)
        for at, text in enumerate(body.numbers[:_MOST_NUMBERS]):
            try:
                numbers.append(phones.extension(text))
                if numbers[-1] not in owned and numbers[-1] not in kept:
                    raise FieldError("Nobody has this extension.")
            except FieldError as error:
                errors[f"numbers[{at}]"] = error
        if not 1 <= len(body.numbers) <= _MOST_NUMBERS:
            errors["numbers"] = FieldError("A list has 1 to {most} extensions.", most=_MOST_NUMBERS)
        elif len(set(numbers)) < len(numbers):
            errors["numbers"] = FieldError("An extension stands in a list once.")
        body = msgspec.structs.replace(body, numbers=tuple(numbers))
    if errors:
        raise Invalid(**errors)
    return body


async def _owned(session: Session) -> set[str]:
    rows = await session.fetch(f"SELECT extension FROM ({_OWNERS}) AS owners")
    return {row["extension"] for row in rows}


async def _permitted(session: Session) -> list[str]:
    rows = await session.fetch(
        f"SELECT extension FROM ({_OWNERS}) AS owners WHERE dialled_from_menu ORDER BY extension"
    )
    return [row["extension"] for row in rows]


_OWNERS = (
    "SELECT extension, dialled_from_menu FROM employees WHERE extension IS NOT NULL"
    " UNION ALL SELECT extension, dialled_from_menu FROM groups WHERE extension IS NOT NULL"
)


async def _row(list_id: UUID) -> dict[str, Any]:
    row = await ExtensionList.select().where(ExtensionList.id == list_id).first()
    if row is None:
        raise NotFound
    return row


async def _read(session: Session, list_id: UUID) -> ExtensionListView:
    return _view(await _row(list_id), await _permitted(session))


def _body(row: dict[str, Any]) -> Body:
    body = msgspec.json.decode(row["body"])
    return msgspec.convert({**body, "id": row["id"], "name": row["name"]}, Body)


def _json(body: Body) -> str:
    return msgspec.json.encode(body).decode()


def _view(row: dict[str, Any], permitted: list[str]) -> ExtensionListView:
    body = _body(row)
    dialable = tuple(each for each in permitted if body.numbers is None or each in body.numbers)
    return ExtensionListView(**msgspec.structs.asdict(body), dialable=dialable, version=row["version"])
