"""A company in the hands of a plugin (``core.office.Office``): the same rules as everywhere."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from core.contracts import ContactKind, Tenant
from core.office import Client, Consequences, Viewer
from tenants.callers import contact_of
from tenants.db import Database
from tenants.engine import current_session
from tenants.services import audit, callcontrol, calls, visibility
from tenants.services.actor import Actor
from tenants.services.constraints import fields_for

__all__ = ["DatabaseOffice", "viewer_of"]


def viewer_of(actor: Actor, locale: str = "ru") -> Viewer:
    """The actor as plugins see whoever it is."""
    return Viewer(actor.user_id, actor.employee_id, actor.is_administrator, locale)


class DatabaseOffice:
    """Implements ``Office`` for one actor of one company."""

    def __init__(self, database: Database, tenant: Tenant, actor: Actor) -> None:
        self._database = database
        self._actor = actor
        self.tenant = tenant
        self.viewer = viewer_of(actor)

    @asynccontextmanager
    async def transaction(self, **refusals: tuple[str, str]) -> AsyncIterator[None]:
        """A session of the company, with the errors of its constraints named by field."""
        async with fields_for(**refusals), self._database.tenant(self.tenant.id):
            yield

    def today(self) -> tuple[datetime, datetime]:
        """The current day by the company's clock."""
        query = calls.day(datetime.now(UTC), self.tenant.timezone)
        return query.start, query.end

    async def groups(self, employee_id: UUID) -> frozenset[UUID]:
        """The groups in which an employee is now."""
        rows = await current_session().fetch(
            "SELECT group_id FROM group_members WHERE employee_id = $1", employee_id
        )
        return frozenset(row["group_id"] for row in rows)

    async def client(self, number: str, *, make: bool = False) -> Client | None:
        """The contact with this number, held until the transaction ends; ``None`` too for a personal
        one of which the viewer may not know."""
        session = current_session()
        contact = await contact_of(session, number, make=make)
        if contact is None:
            return None
        row = await session.fetchrow(
            "SELECT id, kind, name, manager_id FROM contacts c"
            f" WHERE id = $1 AND {self.visible('NULL', 'c.id')}",
            contact,
        )
        return row and Client(row["id"], ContactKind(row["kind"]), row["name"], row["manager_id"])

    def visible(self, number: str, contact: str) -> str:
        """The one predicate on clients."""
        return visibility.clients(self._actor, number, contact)

    async def visible_calls(self, calls: Collection[UUID]) -> frozenset[UUID]:
        """Those that the one predicate on calls leaves."""
        seen = visibility.calls(self._actor, 2)
        rows = await current_session().fetch(
            f"SELECT c.id FROM calls c WHERE c.id = ANY($1) AND {seen.sql}", list(calls), *seen.args
        )
        return frozenset(row["id"] for row in rows)

    async def consequences(self) -> Consequences:
        """As the company's settings say."""
        row = await current_session().fetchrow("SELECT auto_deals, check_duplicates FROM contracts")
        return Consequences(row["auto_deals"], row["check_duplicates"]) if row else Consequences()

    async def call(self, number: str, employee_id: UUID | None = None) -> UUID:
        """Click-to-call."""
        wanted = callcontrol.ConnectCall(number, employee_id)
        return (await callcontrol.connect(self._database, self._actor, wanted)).call_id

    async def note(
        self,
        action: str,
        object_id: UUID,
        before: Mapping[str, Any] | None = None,
        after: Mapping[str, Any] | None = None,
    ) -> None:
        """An entry of the journal."""
        await audit.record(self._actor, action, object_id, before, after)
