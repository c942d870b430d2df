"""Carriers: where calls to them go, who they are known by, our accounts there. The operator's."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
from msgspec import UNSET, Struct, UnsetType, convert
from msgspec.structs import asdict, fields

from core.contracts import IdentityHeader, NumberFormat, TrunkTransport
from core.errors import Conflict, NotFound, Unavailable
from core.ids import new_id
from tenants import crosstenant
from tenants.db import Database
from tenants.secrets import Vault, open_trunk_password, seal_trunk_password
from tenants.services import audit
from tenants.services.actor import Actor, require_operator
from tenants.services.constraints import fields_for
from tenants.services.forms import checked
from tenants.services.trunk_fields import CHECKS
from tenants.services.trunk_probe import TrunkTest, probe
from tenants.tables import LiveTrunk, Trunk

__all__ = [
    "AddTrunk",
    "EditTrunk",
    "TrunkSilent",
    "TrunkTest",
    "TrunkView",
    "add",
    "delete",
    "edit",
    "probe",
    "reseal",
    "set_enabled",
    "test",
    "trunks",
]

_TAKEN = {"trunks_name_key": ("name", "There is a trunk with this name already.")}
_UNCHANGED = "(unchanged)"  # in place of a sealed password that is not to be opened
STATE_SECONDS = 60
"""What was told of a carrier longer ago says nothing of now."""


class AddTrunk(Struct, frozen=True):
    """A carrier. Without ``networks`` its calls come from ``host`` alone, which then is an address.

    ``core.contracts.Trunk`` says what the fields mean; without a ``port`` it is that of the
    transport. ``login`` and ``password`` come together;
    ``registrar`` is ``host`` or ``host:port``.
    """

    name: str
    host: str
    port: int | None = None
    networks: tuple[str, ...] = ()
    max_calls: int | None = None
    login: str | None = None
    password: str | None = None
    realm: str | None = None
    registers: bool = False
    registrar: str | None = None
    check_seconds: int = 0
    number_format: NumberFormat = NumberFormat.E164
    identity_header: IdentityHeader = IdentityHeader.PAI
    trusted: bool = True
    transport: TrunkTransport = TrunkTransport.UDP

    def __repr__(self) -> str:
        """Without the password: commands may end up in logs."""
        return f"AddTrunk({self.name!r}, {self.host!r})"


class TrunkView(Struct, frozen=True):
    """A carrier as the operator sees it. ``state`` is ``up``, ``down`` or, when nobody watches it or
    told of it lately, ``unknown``; ``calls`` and ``problem`` are of the same moment."""

    id: UUID
    name: str
    host: str
    port: int
    networks: tuple[str, ...]
    max_calls: int | None
    enabled: bool
    transport: TrunkTransport = TrunkTransport.UDP
    login: str | None = None
    realm: str | None = None
    registrar: str | None = None
    registers: bool = False
    check_seconds: int = 0
    number_format: NumberFormat = NumberFormat.E164
    identity_header: IdentityHeader = IdentityHeader.PAI
    trusted: bool = True
    state: str = "unknown"
    registered: bool | None = None
    calls: int = 0
    problem: str = ""


class TrunkSilent(Unavailable):
    """The trunk {name} does not answer: {reason}"""

    code = "trunk_silent"


class EditTrunk(Struct, frozen=True):
    """Changes of a carrier; what is left out stays. An empty ``login`` takes the account away."""

    name: str | UnsetType = UNSET
    host: str | UnsetType = UNSET
    port: int | UnsetType = UNSET
    transport: TrunkTransport | UnsetType = UNSET
    networks: tuple[str, ...] | UnsetType = UNSET
    max_calls: int | UnsetType | None = UNSET
    login: str | UnsetType = UNSET
    password: str | UnsetType = UNSET
    realm: str | UnsetType | None = UNSET
    registers: bool | UnsetType = UNSET
    registrar: str | UnsetType | None = UNSET
    check_seconds: int | UnsetType = UNSET
    number_format: NumberFormat | UnsetType = UNSET
    identity_header: IdentityHeader | UnsetType = UNSET
    trusted: bool | UnsetType = UNSET

    def __repr__(self) -> str:
        """Without the password: commands may end up in logs."""
        return f"EditTrunk({', '.join(self.changes)})"

    @property
    def changes(self) -> dict[str, Any]:
        """The fields that are given."""
        return {name: value for name, value in asdict(self).items() if value is not UNSET}


async def add(db: Database, actor: Actor, command: AddTrunk, vault: Vault | None = None) -> TrunkView:
    """Add a carrier; ``vault`` seals its password, if it has one. Raises Invalid by field."""
    require_operator(actor, "trunks:write")
    trunk_id = new_id()
    values = _kept(command, trunk_id, vault)
    async with fields_for(**_TAKEN), crosstenant.operator_session(db):
        await Trunk.insert(Trunk(id=trunk_id, **values))
        await audit.operator_change(actor, "trunk.add", trunk=values["name"], host=values["host"])
        return await _one(values["name"])


async def edit(
    db: Database, actor: Actor, name: str, command: EditTrunk, vault: Vault | None = None
) -> TrunkView:
    """Change a carrier; calls that go on are left alone. Raises NotFound, and Invalid by field."""
    require_operator(actor, "trunks:write")
    changes = command.changes
    async with fields_for(**_TAKEN), crosstenant.operator_session(db):
        row = await _locked(name)
        if changes.get("login") == "":
            changes |= {"login": None, "password": None, "realm": None, "registers": False}
        if "host" in changes and row["networks"] in ([f"{row['host']}/32"], [f"{row['host']}/128"]):
            changes = {"networks": ()} | changes  # its calls came from there, and now from here
        if "transport" in changes and row["port"] == TrunkTransport(row["transport"]).default_port:
            changes = {"port": changes["transport"].default_port} | changes
        known = {field.name: row.get(field.name) for field in fields(AddTrunk)}
        kept = row["password_sealed"] if "password" not in changes else None
        whole = convert(known | {"password": kept and _UNCHANGED} | changes, AddTrunk)
        values = _kept(whole, row["id"], vault)
        if values.get("password_sealed") is None and kept:
            values["password_sealed"] = kept
        await Trunk.update(values).where(Trunk.id == row["id"])
        told = sorted(changes.keys() - {"password"})
        await audit.operator_change(actor, "trunk.edit", trunk=name, changed=told)
        return await _one(values["name"])


async def set_enabled(db: Database, actor: Actor, name: str, enabled: bool) -> TrunkView:
    """Take a carrier out of use, or into use again: no call goes there and none is taken from there.

    Calls that go on are left alone. Raises NotFound.
    """
    require_operator(actor, "trunks:write")
    async with crosstenant.operator_session(db):
        row = await _locked(name)
        await Trunk.update({Trunk.enabled: enabled}).where(Trunk.id == row["id"])
        action = "trunk.enable" if enabled else "trunk.disable"
        await audit.operator_change(actor, action, trunk=name)
        return await _one(name)


async def delete(db: Database, actor: Actor, name: str) -> None:
    """Forget a carrier. Raises NotFound, and Conflict while numbers are delivered by it."""
    require_operator(actor, "trunks:write")
    try:
        async with crosstenant.operator_session(db):
            row = await _locked(name)
            await Trunk.delete().where(Trunk.id == row["id"])
            await audit.operator_change(actor, "trunk.delete", trunk=name, host=row["host"])
    except asyncpg.ForeignKeyViolationError as error:
        raise Conflict("Numbers use this trunk: disable it instead.") from error


async def _locked(name: str) -> dict[str, Any]:
    rows = await Trunk.select().where(Trunk.name == name).lock_rows("UPDATE")
    if not rows:
        raise NotFound("There is no trunk “{name}”.", name=name)
    found: dict[str, Any] = rows[0]
    return found


async def _one(name: str) -> TrunkView:
    """In an open session, whatever the actor may read."""
    found = await _views(name)
    if not found:
        raise NotFound("There is no trunk “{name}”.", name=name)
    return found[0]


def _kept(command: AddTrunk, trunk_id: UUID, vault: Vault | None) -> dict[str, Any]:
    """The columns of a carrier, checked, its password sealed unless it is the one that it had."""
    values = asdict(command)
    values["networks"] = command.networks or (command.host,)
    if command.port is None:
        values["port"] = command.transport.default_port
    values = checked(values, CHECKS, required=("name", "host", *_needed(command)))
    password = values.pop("password")
    values["password_sealed"] = None
    if password is not None and password != _UNCHANGED:
        assert vault is not None, "a password needs a vault"
        values["password_sealed"] = seal_trunk_password(vault, trunk_id, password)
    return values


def _needed(command: AddTrunk) -> tuple[str, ...]:
    """An account has a login and a password, and who registers has an account."""
    wanted = command.registers or command.login or command.password
    return ("login", "password") if wanted else ()


async def trunks(db: Database, actor: Actor, name: str | None = None) -> list[TrunkView]:
    """All carriers by name, or the one with this name."""
    require_operator(actor, "trunks:read")
    async with crosstenant.operator_session(db):
        return await _views(name)


async def _views(name: str | None) -> list[TrunkView]:
    query = Trunk.select().order_by(Trunk.name)
    rows = await (query if name is None else query.where(Trunk.name == name))
    lately = datetime.now(UTC) - timedelta(seconds=STATE_SECONDS)
    states = await LiveTrunk.select().where(LiveTrunk.seen_at > lately)
    live = {state["id"]: state for state in states}
    return [_view(row, live.get(row["id"])) for row in rows]


def _view(row: dict[str, Any], live: dict[str, Any] | None) -> TrunkView:
    now: dict[str, Any] = {}
    if live is not None and (row["check_seconds"] or row["registers"]):
        now["state"] = "up" if live["up"] else "down"
    if live is not None:
        now |= {name: live[name] for name in ("registered", "calls", "problem")}
    return TrunkView(
        id=row["id"],
        name=row["name"],
        host=row["host"],
        port=row["port"],
        networks=tuple(row["networks"]),
        max_calls=row["max_calls"],
        enabled=row["enabled"],
        transport=TrunkTransport(row["transport"]),
        realm=row["realm"],
        registrar=row["registrar"],
        login=row["login"],
        registers=row["registers"],
        check_seconds=row["check_seconds"],
        number_format=NumberFormat(row["number_format"]),
        identity_header=IdentityHeader(row["identity_header"]),
        trusted=row["trusted"],
        **now,
    )


async def reseal(db: Database, vault: Vault) -> int:
    """Seal the passwords of accounts again that an older master key sealed; returns how many."""
    count = 0
    async with crosstenant.operator_session(db):
        sealed = Trunk.password_sealed
        rows = await Trunk.select(Trunk.id, sealed).where(sealed.is_not_null()).lock_rows("UPDATE")
        for row in rows:
            if vault.is_stale(row["password_sealed"]):
                password = open_trunk_password(vault, row["id"], row["password_sealed"])
                again = seal_trunk_password(vault, row["id"], password)
                await Trunk.update({sealed: again}).where(Trunk.id == row["id"])
                count += 1
    return count


async def test(db: Database, actor: Actor, name: str) -> TrunkTest:
    """Ask the carrier whether it is there. Raises NotFound for an unknown one."""
    require_operator(actor, "trunks:read")
    async with crosstenant.operator_session(db):
        found = await _one(name)
    return await probe(found.host, found.port, transport=found.transport)
