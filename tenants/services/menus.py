"""Voice menus [«Голосовые меню»]: what callers hear, and what each key does (features.md IVR).

A menu is saved as a whole, as it is one thing to its editor. What it names must exist: media, people,
lists, and the menu of the second level before the item that leads there (IVR-17).
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec
from msgspec import UNSET, Struct, UnsetType

from core.errors import Conflict, FieldError, Invalid, NotFound
from core.scenarios import KeyAction, MenuKey
from core.scenarios import Menu as Body
from tenants.checktext import Checked
from tenants.db import Database
from tenants.services import audit, uses
from tenants.services.actor import Actor, require_administrator, require_scope
from tenants.services.forms import given
from tenants.services.scenario_blocks import KEYS, Known, known, reachable, responsible
from tenants.services.uses import Use, UseKind
from tenants.services.voice_fields import fields_wrong, named
from tenants.tables import Menu

__all__ = ["CreateMenu", "MenuView", "UpdateMenu", "create", "delete", "get", "menus", "update"]


class CreateMenu(Struct, frozen=True):
    """A new menu (IVR-01 … IVR-07). ``level`` is 1 or 2; the instruction is repeated every
    ``repeat_seconds`` of silence, after ``idle_seconds`` of it the scenario goes on."""

    name: str
    keys: tuple[MenuKey, ...]
    level: int = 1
    instruction: UUID | None = None
    wrong: UUID | None = None
    repeat_seconds: int | None = None
    idle_seconds: int = 15
    enabled: bool = False


class UpdateMenu(Struct, frozen=True):
    """Changes of a menu; what is left out stays, ``keys`` replace all keys. ``version`` is the one that
    was looked at."""

    id: UUID
    version: int
    name: str | UnsetType = UNSET
    keys: tuple[MenuKey, ...] | UnsetType = UNSET
    level: int | UnsetType = UNSET
    instruction: UUID | UnsetType | None = UNSET
    wrong: UUID | UnsetType | None = UNSET
    repeat_seconds: int | UnsetType | None = UNSET
    idle_seconds: int | UnsetType = UNSET
    enabled: bool | UnsetType = UNSET


class MenuView(Checked, frozen=True):
    """A menu of the company."""

    id: UUID
    name: str
    level: int
    instruction: UUID | None
    wrong: UUID | None
    repeat_seconds: int | None
    idle_seconds: int
    keys: tuple[MenuKey, ...]
    enabled: bool
    version: int


async def menus(db: Database, actor: Actor) -> list[MenuView]:
    """All menus, those of the first level first, then by name."""
    async with db.tenant(require_scope(actor, "scenarios:read")):
        found = [_view(row) for row in await Menu.select()]
    return sorted(found, key=lambda menu: (menu.level, menu.name, menu.id))


async def get(db: Database, actor: Actor, menu_id: UUID) -> MenuView:
    """One menu. Raises NotFound."""
    async with db.tenant(require_scope(actor, "scenarios:read")):
        return _view(await _row(menu_id))


async def create(db: Database, actor: Actor, command: CreateMenu) -> MenuView:
    """A new menu; it is used once a scenario names it (IVR-20). Raises Invalid by field."""
    async with db.tenant(require_administrator(actor, "scenarios:write")) as session:
        await uses.lock_references(session)
        row = Menu(name="", body="{}")
        body = await _verified(Body(row.id, **msgspec.structs.asdict(command)))
        row.name, row.body = body.name, _json(body)
        await Menu.insert(row)
        await audit.record(actor, "menu.create", row.id, after=msgspec.to_builtins(body))
        return _view(await _row(row.id))


async def update(db: Database, actor: Actor, command: UpdateMenu) -> MenuView:
    """Change a menu; calls that come from now on hear it so. Raises Conflict if its version moved on,
    Invalid by field, NotFound."""
    async with db.tenant(require_administrator(actor, "scenarios:write")) as session:
        await uses.lock_references(session)
        row = await _row(command.id)
        if row["version"] != command.version:
            raise Conflict
        before = _body(row)
        body = msgspec.structs.replace(before, **given(command, "id", "version"))
        body = await _verified(body)
        if before.level != body.level and await _leading(body.id):
            raise Invalid(level=FieldError("This menu is led to from another one."))
        changed = {Menu.name: body.name, Menu.body: _json(body), Menu.version: Menu.version + 1}
        await Menu.update(changed).where(Menu.id == command.id)
        was, now = msgspec.to_builtins(before), msgspec.to_builtins(body)
        await audit.record(actor, "menu.update", command.id, *audit.changes(was, now))
        return _view(await _row(command.id))


async def delete(db: Database, actor: Actor, menu_id: UUID) -> None:
    """Delete a menu that no scenario and no other menu names (H-19). Raises InUse, NotFound."""
    async with db.tenant(require_administrator(actor, "scenarios:write")) as session:
        await uses.lock_references(session)
        row = await _row(menu_id)
        if found := [*await uses.scenarios_naming(session, menu_id), *await _leading(menu_id)]:
            raise uses.InUse(found)
        await Menu.delete().where(Menu.id == menu_id)
        await audit.record(actor, "menu.delete", menu_id, before={"name": row["name"]})


async def _leading(menu_id: UUID) -> list[Use]:
    """The menus with an item that leads to this one."""
    bodies = [_body(row) for row in await Menu.select().order_by(Menu.name)]
    return [
        Use(UseKind.MENU, body.id, body.name)
        for body in bodies
        if any(key.action is KeyAction.MENU and key.target == menu_id for key in body.keys)
    ]


async def _row(menu_id: UUID) -> dict[str, Any]:
    row = await Menu.select().where(Menu.id == menu_id).first()
    if row is None:
        raise NotFound
    return row


def _body(row: dict[str, Any]) -> Body:
    body = msgspec.json.decode(row["body"])
    return msgspec.convert({**body, "id": row["id"], "name": row["name"]}, Body)


def _json(body: Body) -> str:
    return msgspec.json.encode(body).decode()


def _view(row: dict[str, Any]) -> MenuView:
    return MenuView(**msgspec.structs.asdict(_body(row)), version=row["version"])


# --- checks -----------------------------------------------------------------------------------


async def _verified(body: Body) -> Body:
    """In stored form. Raises Invalid with everything that is wrong."""
    there = await known()
    errors = fields_wrong(body, there)
    body = named(body, body.name, errors)
    if body.level not in (1, 2):
        errors["level"] = FieldError("A menu has the first or the second level.")
    if body.enabled and body.instruction is None:
        errors["instruction"] = FieldError("Choose what callers hear before you switch the menu on.")
    if problem := _keys_problem(body.keys):
        errors["keys"] = FieldError(problem)
    items = []
    for at, key in enumerate(body.keys):
        try:
            items.append(await _item(body, key, there))
        except FieldError as error:
            errors[f"keys[{at}]"] = error
    if errors:
        raise Invalid(**errors)
    return msgspec.structs.replace(body, keys=tuple(items))


def _keys_problem(keys: tuple[MenuKey, ...]) -> str:
    pressed = [key.key for key in keys]
    if not set(pressed) <= KEYS:
        return "Keys are the digits, the star and the hash."
    if len(set(pressed)) < len(pressed):
        return "A key does one thing."
    if sum(key.action is KeyAction.REPEAT for key in keys) != 1:
        return "One key repeats the instruction."
    return ""


async def _item(body: Body, key: MenuKey, there: Known) -> MenuKey:
    """What a key does, without what has no meaning for it. Raises FieldError."""
    plain = MenuKey(key.key, key.action)
    if key.action is KeyAction.FORWARD:
        if key.addressee is None:
            raise FieldError("Choose who is called.")
        return msgspec.structs.replace(plain, addressee=reachable(key.addressee, there))
    if key.action in (KeyAction.REPEAT, KeyAction.SKIP):
        return plain
    if key.action in (KeyAction.CALLBACK, KeyAction.MESSAGE):
        return _request(key, there)
    if key.action is KeyAction.PLAY:
        fits, problem = key.target in there.media, "There is no such media."
    elif key.action is KeyAction.EXTENSIONS:
        fits, problem = key.target in there.lists, "There is no such extension list."
    else:
        fits = body.level == 1 and await _is_second(key.target)
        problem = "An item of the first level leads to a menu of the second."
    if not fits:
        raise FieldError(problem)
    return msgspec.structs.replace(plain, target=key.target)


def _request(key: MenuKey, there: Known) -> MenuKey:
    """What asks for a task: with who gets it (H-21), and maybe a media. Raises FieldError."""
    if key.executor is None:
        raise FieldError("Choose who gets the task.")
    if key.target is not None and key.target not in there.media:
        raise FieldError("There is no such media.")
    return MenuKey(key.key, key.action, None, key.target, responsible(key.executor, there))


async def _is_second(menu_id: UUID | None) -> bool:
    row = await Menu.select().where(Menu.id == menu_id).first() if menu_id else None
    return row is not None and _body(row).level == 2
