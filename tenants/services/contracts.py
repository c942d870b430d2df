"""Companies and their contracts: what the operator sees and changes, and which plugins there are."""

from __future__ import annotations

from datetime import datetime
from functools import cache
from types import MappingProxyType
from typing import Any
from uuid import UUID

from msgspec import Struct

from core.contracts import Manifest
from core.errors import FieldError, Forbidden, Invalid, NotFound
from core.host import Host
from tenants import crosstenant
from tenants.db import Database, Session
from tenants.services import audit, uses
from tenants.services.actor import Actor, Role, require_operator
from tenants.tables import Contract, LoginSession, TenantStatus

__all__ = [
    "PluginView",
    "TenantStatus",
    "TenantView",
    "default_plugins",
    "find",
    "get",
    "plugins",
    "set_plugin",
    "set_status",
    "step_configs",
    "step_names",
    "tenants",
    "view",
]


class TenantView(Struct, frozen=True):
    """A company with its contract."""

    id: UUID
    name: str
    status: TenantStatus
    timezone: str
    created_at: datetime
    plugins: tuple[str, ...]
    tariff: str
    channels: int


class PluginView(Struct, frozen=True):
    """An installed plugin; ``enabled`` is ``None`` where no company was asked about."""

    name: str
    version: str
    title: str
    summary: str
    default_on: bool
    enabled: bool | None = None


@cache
def _host() -> Host:
    return Host.load()


def default_plugins() -> frozenset[str]:
    """The plugins that a new contract has without asking."""
    return _host().default_plugins


def step_names() -> frozenset[str]:
    """The steps that the installed plugins execute; calls pass all others over."""
    return frozenset(step_configs())


def step_configs() -> dict[str, type[Struct]]:
    """What the settings of each of these steps must fit."""
    return {owned.item.name: owned.item.config for owned in _host().step_types}


async def tenants(db: Database, actor: Actor) -> list[TenantView]:
    """All companies, by name. For the operator."""
    require_operator(actor, "tenants:read")
    async with crosstenant.operator_session(db) as session:
        rows = await session.fetch(f"{_TENANTS} ORDER BY lower(t.name), t.id")
    return [_view(dict(row)) for row in rows]


async def get(db: Database, actor: Actor, tenant_id: UUID | None = None) -> TenantView:
    """One company: the operator's choice, or the actor's own. Raises NotFound."""
    if actor.role is not Role.OPERATOR and tenant_id not in (None, actor.tenant_id):
        raise NotFound
    if not actor.allows("tenants:read") and actor.role is Role.OPERATOR:
        raise Forbidden
    tenant_id = tenant_id or actor.tenant
    async with db.tenant(tenant_id) as session:
        return await view(session, tenant_id)


async def find(db: Database, actor: Actor, text: str) -> TenantView:
    """The company with this id or exactly this name, for commands. Raises NotFound, Invalid."""
    matching = [t for t in await tenants(db, actor) if text in (str(t.id), t.name)]
    if not matching:
        raise NotFound("There is no tenant “{text}”.", text=text)
    if len(matching) > 1:
        raise Invalid(tenant=FieldError("Several companies have this name; give the id."))
    return matching[0]


async def set_status(db: Database, actor: Actor, tenant_id: UUID, status: TenantStatus) -> TenantView:
    """Suspend a company or let it work again. Suspending ends all its cabinet sessions."""
    require_operator(actor, "tenants:write")
    async with crosstenant.operator_session(db) as session:
        async with db.tenant(tenant_id) as own:
            await uses.lock_references(own)
            row = await own.fetchrow("SELECT status FROM tenants WHERE id = $1", tenant_id)
            if row is None:
                raise NotFound
            if status is TenantStatus.SUSPENDED:
                await LoginSession.delete(force=True)
            before, after = audit.changes({"status": row["status"]}, {"status": status})
            await audit.record(actor, "tenant.status", tenant_id, before, after)
        # The company's row comes last with all who change the configuration.
        await session.execute("UPDATE tenants SET status = $2 WHERE id = $1", tenant_id, status)
        return await view(session, tenant_id)


async def plugins(db: Database, actor: Actor, tenant_id: UUID | None = None) -> list[PluginView]:
    """The installed plugins; with a company, which of them its contract has."""
    enabled: tuple[str, ...] | None = None
    if tenant_id is not None or actor.tenant_id is not None:
        enabled = (await get(db, actor, tenant_id)).plugins
    return [
        PluginView(
            name=manifest.name,
            version=manifest.version,
            title=manifest.title,
            summary=manifest.summary,
            default_on=manifest.default_on,
            enabled=None if enabled is None else manifest.name in enabled,
        )
        for manifest in _manifests().values()
    ]


async def set_plugin(
    db: Database, actor: Actor, tenant_id: UUID, name: str, enabled: bool
) -> TenantView:
    """Put a plugin into a contract or take it out; its data stay. Raises NotFound for unknown ones."""
    require_operator(actor, "tenants:write")
    if enabled and name not in _manifests():
        raise NotFound("There is no plugin “{name}”.", name=name)
    async with db.tenant(tenant_id) as session:
        row = await session.fetchrow("SELECT id, plugins FROM contracts FOR UPDATE")
        if row is None:
            raise NotFound
        before = set(row["plugins"])
        after = before | {name} if enabled else before - {name}
        if after != before:
            await Contract.update({Contract.plugins: sorted(after)}).where(Contract.id == row["id"])
            await audit.record(
                actor,
                "contract.plugins",
                row["id"],
                {"plugins": sorted(before)},
                {"plugins": sorted(after)},
            )
        return await view(session, tenant_id)


def check_plugins(names: frozenset[str]) -> frozenset[str]:
    """The names if all are installed. Raises FieldError."""
    if names - _manifests().keys():
        raise FieldError("There is no such plugin.")
    return names


def _manifests() -> MappingProxyType[str, Manifest]:
    return _host().manifests


_TENANTS = """
SELECT t.*, c.plugins, c.tariff, c.channels
FROM tenants AS t JOIN contracts AS c ON c.tenant_id = t.id
"""


async def view(session: Session, tenant_id: UUID) -> TenantView:
    """One company in an open session, whatever the actor may read. Raises NotFound."""
    row = await session.fetchrow(f"{_TENANTS} WHERE t.id = $1", tenant_id)
    if row is None:
        raise NotFound
    return _view(dict(row))


def _view(row: dict[str, Any]) -> TenantView:
    return TenantView(
        id=row["id"],
        name=row["name"],
        status=TenantStatus(row["status"]),
        timezone=row["timezone"],
        created_at=row["created_at"],
        plugins=tuple(row["plugins"]),
        tariff=row["tariff"],
        channels=row["channels"],
    )
