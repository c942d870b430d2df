"""Multichannel numbers: the operator's stock, and those of a company (features.md NUM)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import asyncpg
from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import asdict

from core.errors import Conflict, FieldError, Invalid, NotFound
from tenants import crosstenant
from tenants.checktext import Checked
from tenants.db import Database, Session
from tenants.services import audit, phones, tagging, uses
from tenants.services.actor import Actor, require_administrator, require_operator, require_scope
from tenants.services.constraints import fields_for
from tenants.services.forms import checked
from tenants.tables import Number, NumberRoute, NumberStock, Scenario, TagKind

__all__ = [
    "AddNumber",
    "AssignNumber",
    "NumberView",
    "RouteNumber",
    "StockView",
    "UpdateNumber",
    "activate",
    "add",
    "assign",
    "get",
    "numbers",
    "reserve",
    "route",
    "stock",
    "update",
    "views",
]

_LONGEST_LABEL = 60


class NumberView(Checked, frozen=True):
    """A number of the company with the scenario that handles it (NUM-01).

    With ``shows_called`` phones are shown this number in place of who calls (NUM-05, NUM-07);
    ``records`` and ``announces`` are the recording of its calls and the announcement of it (NUM-06).
    """

    id: UUID
    e164: str
    label: str
    scenario_id: UUID | None
    scenario_name: str | None
    version: int
    shows_called: bool
    records: bool
    announces: bool
    tags: tuple[UUID, ...] = ()


class UpdateNumber(Struct, frozen=True):
    """Changes of a number: display name (NUM-03), scenario (NUM-02, NUM-11), «Многоканальный номер в
    качестве АОН» (NUM-05), its tags as a whole (NUM-04)."""

    id: UUID
    version: int
    label: str | UnsetType = UNSET
    scenario_id: UUID | UnsetType = UNSET
    shows_called: bool | UnsetType = UNSET
    records: bool | UnsetType = UNSET
    announces: bool | UnsetType = UNSET
    tags: tuple[UUID, ...] | UnsetType = UNSET


class AddNumber(Struct, frozen=True):
    """A number that the operator got from a carrier; ``trunk`` is the carrier's name.

    ``further`` are names of carriers through which its calls may leave, too, in the order to try.
    """

    e164: str
    trunk: str | None = None
    city: str = ""
    category: str = "standard"
    further: tuple[str, ...] = ()


class RouteNumber(Struct, frozen=True):
    """The further carriers of a number of the stock, in the order to try; they replace all others."""

    e164: str
    further: tuple[str, ...]


class AssignNumber(Struct, frozen=True):
    """A number of the stock becomes a company's."""

    e164: str
    tenant_id: UUID


class StockView(Struct, frozen=True):
    """A number of the stock; without a ``holder`` it is for sale."""

    id: UUID
    e164: str
    trunk: str | None
    city: str
    category: str
    holder_id: UUID | None
    holder: str | None
    further: tuple[str, ...] = ()


# --- the company ------------------------------------------------------------------------------


async def numbers(db: Database, actor: Actor) -> list[NumberView]:
    """All numbers of the contract, in the order in which they came (NUM-01)."""
    async with db.tenant(require_scope(actor, "numbers:read")) as session:
        return await views(session)


async def get(db: Database, actor: Actor, number_id: UUID) -> NumberView:
    """One number. Raises NotFound."""
    async with db.tenant(require_scope(actor, "numbers:read")) as session:
        return await _view(session, number_id)


async def update(db: Database, actor: Actor, command: UpdateNumber) -> NumberView:
    """Change a number. Raises Conflict if its version moved on, Invalid by field, NotFound."""
    tenant_id = require_administrator(actor, "numbers:write")
    given = {
        name: value
        for name, value in asdict(command).items()
        if value is not UNSET and name not in ("id", "version")
    }
    values = checked(given, {"label": _label, "tags": tagging.listed})
    if "label" in values:
        values["label"] = values["label"] or ""
    async with (
        fields_for(numbers_scenario_id_fkey=("scenario_id", "There is no such scenario.")),
        db.tenant(tenant_id) as session,
    ):
        if "tags" in values:  # before the number: who saves a scenario takes them in this order
            await uses.lock_references(session)
        before = await Number.select().where(Number.id == command.id).lock_rows("UPDATE").first()
        if before is None:
            raise NotFound
        if before["version"] != command.version:
            raise Conflict
        its = Number.id == command.id
        own = {name: value for name, value in values.items() if name != "tags"}
        await Number.update({**own, Number.version: Number.version + 1}).where(its)
        if "tags" in values:
            before["tags"] = (await _view(session, command.id)).tags
            await tagging.replace(session, TagKind.NUMBER, command.id, values["tags"])
        await audit.record(actor, "number.update", command.id, *audit.changes(before, values))
        return await _view(session, command.id)


def _label(text: str) -> str:
    label = " ".join(text.split())
    if len(label) > _LONGEST_LABEL or not label.isprintable():
        raise FieldError("A display name has at most 60 characters.")
    return label


async def _view(session: Session, number_id: UUID) -> NumberView:
    found = await views(session, number_id)
    if not found:
        raise NotFound
    return found[0]


async def views(session: Session, number_id: UUID | None = None) -> list[NumberView]:
    """The company's numbers, or one, in an open session, whatever the actor may read."""
    rows = await session.fetch(
        f"SELECT n.*, s.name AS scenario_name, {tagging.of(TagKind.NUMBER, 'n.id')} AS tags"
        " FROM numbers AS n"
        " LEFT JOIN scenarios AS s ON s.tenant_id = n.tenant_id AND s.id = n.scenario_id"
        " WHERE $1::uuid IS NULL OR n.id = $1 ORDER BY n.position, n.id",
        number_id,
    )
    return [
        NumberView(
            id=row["id"],
            e164=row["e164"],
            label=row["label"],
            scenario_id=row["scenario_id"],
            scenario_name=row["scenario_name"],
            version=row["version"],
            shows_called=row["shows_called"],
            records=row["records"],
            announces=row["announces"],
            tags=tuple(row["tags"]),
        )
        for row in rows
    ]


# --- the operator -----------------------------------------------------------------------------


async def add(db: Database, actor: Actor, command: AddNumber) -> StockView:
    """Put a number into the stock. Raises Invalid if it is there already or the trunk is unknown."""
    require_operator(actor, "numbers:write")
    values: dict[str, Any] = checked(asdict(command), {"e164": phones.telephone}, required=("e164",))
    taken = ("e164", "This number is in the stock already.")
    async with (
        fields_for(number_stock_e164_key=taken),
        crosstenant.operator_session(db) as session,
    ):
        trunk_id = await _trunk_id(session, values.pop("trunk"))
        further = values.pop("further")
        number = NumberStock(**{**values, "city": values["city"] or ""}, trunk_id=trunk_id)
        await NumberStock.insert(number)
        await _set_routes(session, number.id, further)
        await audit.operator_change(actor, "stock.add", e164=values["e164"])
        return (await _stock(session, values["e164"]))[0]


async def route(db: Database, actor: Actor, command: RouteNumber) -> StockView:
    """Say through which further carriers calls with a number may leave.

    Raises NotFound for an unknown number, Invalid for an unknown carrier.
    """
    require_operator(actor, "numbers:write")
    e164 = checked({"e164": command.e164}, {"e164": phones.telephone}, ("e164",))["e164"]
    async with crosstenant.operator_session(db) as session:
        stock_id = await session.fetchval(
            "SELECT id FROM number_stock WHERE e164 = $1 FOR UPDATE", e164
        )
        if stock_id is None:
            raise NotFound("The number {number} is not in the stock.", number=e164)
        await _set_routes(session, stock_id, command.further)
        names = ", ".join(command.further)
        await audit.operator_change(actor, "stock.route", e164=e164, trunks=names)
        return (await _stock(session, e164))[0]


async def stock(db: Database, actor: Actor) -> list[StockView]:
    """All numbers of the stock, by number."""
    require_operator(actor, "numbers:read")
    async with crosstenant.operator_session(db) as session:
        return await _stock(session)


async def assign(db: Database, actor: Actor, command: AssignNumber) -> NumberView:
    """Give a number of the stock to a company and activate it there (ACC-08).

    Raises NotFound for an unknown number or company, Conflict if somebody has the number.
    """
    require_operator(actor, "numbers:write")
    e164 = checked({"e164": command.e164}, {"e164": phones.telephone}, ("e164",))["e164"]
    async with crosstenant.operator_session(db):
        number_id = await activate(db, actor, e164, command.tenant_id)
        async with db.tenant(command.tenant_id) as session:
            return await _view(session, number_id)


async def reserve(session: Session, e164s: Sequence[str]) -> None:
    """Let nobody else take these of the stock until the operator's open session ends. Who takes several
    comes here first, before he locks anything else: all lock them in one order."""
    await session.execute(
        "SELECT FROM number_stock WHERE e164 = ANY($1) ORDER BY e164 FOR UPDATE", list(e164s)
    )


async def activate(db: Database, actor: Actor, e164: str, tenant_id: UUID) -> UUID:
    """The same within the operator's open session: the stock's row gets a holder, the company a
    number whose scenario is the default one, «По умолчанию» (ACC-08, NUM-11)."""
    async with crosstenant.operator_session(db) as session:
        row = await session.fetchrow("SELECT * FROM number_stock WHERE e164 = $1 FOR UPDATE", e164)
        if row is None:
            raise NotFound("The number {number} is not in the stock.", number=e164)
        if row["holder_id"] is not None:
            raise Conflict("The number {number} is not for sale.", number=e164)
        try:
            await session.execute(
                "UPDATE number_stock SET holder_id = $2 WHERE id = $1", row["id"], tenant_id
            )
        except asyncpg.ForeignKeyViolationError:
            raise NotFound("There is no such tenant.") from None
        async with db.tenant(tenant_id):
            scenario = await Scenario.select(Scenario.id).where(Scenario.is_default == True).first()  # noqa: E712
            number = Number(
                stock_id=row["id"],
                e164=e164,
                scenario_id=scenario["id"] if scenario else None,
                trunk_id=row["trunk_id"],
                position=await Number.count(),
            )
            await Number.insert(number)
            await audit.record(actor, "number.activate", number.id, after={"e164": e164})
    return number.id


async def _trunk_id(session: Session, name: str | None) -> UUID | None:
    if not name:
        return None
    trunk_id = await session.fetchval("SELECT id FROM trunks WHERE name = $1", name)
    if trunk_id is None:
        raise Invalid(trunk=FieldError("There is no such trunk."))
    return trunk_id


async def _set_routes(session: Session, stock_id: UUID, names: tuple[str, ...]) -> None:
    await session.execute("DELETE FROM number_routes WHERE stock_id = $1", stock_id)
    for position, name in enumerate(dict.fromkeys(names)):
        await NumberRoute.insert(
            NumberRoute(stock_id=stock_id, trunk_id=await _trunk_id(session, name), position=position)
        )


async def _stock(session: Session, e164: str | None = None) -> list[StockView]:
    rows = await session.fetch(
        "SELECT n.id, n.e164, n.city, n.category, n.holder_id, k.name AS trunk, t.name AS holder,"
        " ARRAY(SELECT f.name FROM number_routes AS r JOIN trunks AS f ON f.id = r.trunk_id"
        "   WHERE r.stock_id = n.id ORDER BY r.position) AS further"
        " FROM number_stock AS n LEFT JOIN trunks AS k ON k.id = n.trunk_id"
        " LEFT JOIN tenants AS t ON t.id = n.holder_id"
        " WHERE $1::text IS NULL OR n.e164 = $1 ORDER BY n.e164",
        e164,
    )
    return [StockView(**{**dict(row), "further": tuple(row["further"])}) for row in rows]
