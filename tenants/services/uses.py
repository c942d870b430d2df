"""Where something is used: what is used cannot be deleted, and the refusal names the places (H-19).

Employees, telephones and numbers refer to others by foreign keys, scenarios by ids in their JSON. Who
deletes something, and who saves a scenario, holds ``lock_references`` meanwhile, so that neither can
miss the other.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from enum import StrEnum
from typing import Any
from uuid import UUID

import asyncpg
from msgspec import Struct

from core.errors import Conflict
from tenants.db import Session

__all__ = [
    "InUse",
    "Use",
    "UseKind",
    "deletion",
    "lock_references",
    "media_users",
    "menus_naming",
    "named",
    "scenarios_naming",
]


class UseKind(StrEnum):
    """What uses something."""

    EMPLOYEE = "employee"
    TERMINAL = "terminal"
    GROUP = "group"
    NUMBER = "number"
    SCENARIO = "scenario"
    CONTACT = "contact"
    MEDIA = "media"
    MENU = "menu"
    EXTENSION_LIST = "extension_list"
    CONTRACT = "contract"


class Use(Struct, frozen=True):
    """One place: an object with its name; of a telephone, the name of its employee."""

    kind: UseKind
    id: UUID
    name: str


class InUse(Conflict):
    """This is still used: {names}. Change that first."""

    code = "in_use"

    def __init__(self, uses: Iterable[Use]) -> None:
        self.uses = tuple(uses)
        names = ", ".join(dict.fromkeys(f"«{use.name}»" for use in self.uses))
        super().__init__(names=names)


async def lock_references(session: Session) -> None:
    """Wait until nobody else of the company deletes something or saves a scenario."""
    await session.execute("SELECT FROM contracts FOR UPDATE")


async def scenarios_naming(session: Session, thing: UUID, extension: str | None = None) -> list[Use]:
    """The scenarios whose present version names this id, or the extension in a forwarding list."""
    rows = await session.fetch(
        "SELECT s.id, s.name FROM scenarios s JOIN scenario_versions v"
        " ON v.tenant_id = s.tenant_id AND v.scenario_id = s.id AND v.version = s.version"
        " WHERE v.body::text LIKE '%' || $1::text || '%' OR ($2::text IS NOT NULL"
        "  AND jsonb_path_exists(v.body, '$.** ? (@.kind == \"extension\" && @.ref == $ref)',"
        "   jsonb_build_object('ref', $2::text)))"
        " ORDER BY s.name, s.id",
        str(thing),
        extension,
    )
    return named(UseKind.SCENARIO, rows)


async def menus_naming(session: Session, thing: UUID) -> list[Use]:
    """The voice menus that name this id."""
    return await _bodies_naming(session, UseKind.MENU, "menus", thing)


async def media_users(session: Session, media: UUID) -> list[Use]:
    """What plays this media: scenarios, menus, extension lists, the contract (named as its company)."""
    uses = await scenarios_naming(session, media)
    uses += await menus_naming(session, media)
    uses += await _bodies_naming(session, UseKind.EXTENSION_LIST, "extension_lists", media)
    contract = await session.fetch(
        "SELECT c.id, t.name FROM contracts c JOIN tenants t ON t.id = c.tenant_id"
        " WHERE $1 IN (c.announcement, c.off_hours_media)",
        media,
    )
    return uses + named(UseKind.CONTRACT, contract)


async def _bodies_naming(session: Session, kind: UseKind, table: str, thing: UUID) -> list[Use]:
    rows = await session.fetch(
        f"SELECT id, name FROM {table} WHERE body::text LIKE '%' || $1::text || '%' ORDER BY name, id",
        str(thing),
    )
    return named(kind, rows)


def named(kind: UseKind, rows: Sequence[Any]) -> list[Use]:
    """Rows with ``id`` and ``name`` as uses."""
    return [Use(kind, row["id"], row["name"]) for row in rows]


@asynccontextmanager
async def deletion() -> AsyncIterator[None]:
    """Put around the transaction of a deletion: who began to use the thing meanwhile wins."""
    try:
        yield
    except asyncpg.ForeignKeyViolationError:
        raise Conflict from None
