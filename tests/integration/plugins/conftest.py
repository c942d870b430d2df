"""A company with the plugin «Deals and tasks», its calls, and its people at work."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from core.contracts import Addressee, AddresseeKind, Direction, Outcome, TaskKind, TaskRequest, Tenant
from core.host import Host
from core.testing import make_cdr, make_facts
from plugins import crm
from tenants import callers
from tenants.callstore import DatabaseCallStore
from tenants.db import Database
from tenants.listener import Listener
from tenants.office import DatabaseOffice
from tenants.outbox import Outbox
from tenants.services import company_settings, groups
from tenants.services.company_settings import UpdateSettings
from tenants.services.groups import CreateGroup
from tests.support.company import Company, activate, cheap_passwords, issuer, person, vault

__all__ = ["CALLER", "Desk", "cheap_passwords", "issuer", "vault"]

CALLER = "+79031112233"
HOST = Host({"crm": crm})


class Desk:
    """The company at work: calls end, people look at what they left."""

    def __init__(self, company: Company, store: DatabaseCallStore) -> None:
        self.company = company
        self.db = company.db
        self.store = store
        self.tenant = Tenant(company.id, "Ромашка", plugins=frozenset({"crm"}))
        self.me = company.activated.employee

    def office(self, who=None) -> DatabaseOffice:
        """Of an employee, else of the administrator."""
        actor = person(who, self.company.id) if who else self.company.admin
        return DatabaseOffice(self.db, self.tenant, actor)

    def call(self, *requests: TaskRequest, **changes: object):
        """The record of a call that nobody answered, and that asks for these tasks."""
        facts = make_facts(self.tenant, caller=changes.get("caller", CALLER))
        return make_cdr(facts, tasks=requests, **changes)

    def failed_out(self, number: str = CALLER):
        """A call of the administrator that did not reach a client."""
        request = asks(self.me, TaskKind.OUTGOING)
        way = {"direction": Direction.OUTGOING, "called": number, "outcome": Outcome.BUSY}
        return self.call(request, caller="+74951110001", caller_employee_id=self.me.id, **way)

    async def ended(self, *cdrs, at_once: int = 1) -> None:
        """These calls are over, and everything that follows from them has happened."""
        for cdr in cdrs:
            await self.store.save(cdr)
        listener = Listener(self.db.listen_connection)
        boxes = [Outbox(self.db, HOST.outbox, listener, callers.CONSUMERS) for _ in range(at_once)]
        await asyncio.gather(*(box.drain() for box in boxes))

    async def set(self, **fields: object) -> None:
        """Change the settings of the company."""
        now = await company_settings.get(self.db, self.company.admin)
        command = UpdateSettings(now.version, **fields)
        await company_settings.update(self.db, self.company.admin, command)

    async def group(self, *members, name: str = "Продажи"):
        """A group of these employees."""
        command = CreateGroup(name, members=tuple(each.id for each in members))
        return await groups.create(self.db, self.company.admin, command)

    async def rows(self, sql: str, *args: object):
        """Anything in the company's tables."""
        async with self.db.tenant(self.company.id) as session:
            return [tuple(row.values()) for row in await session.fetch(sql, *args)]


def whom(who, kind=AddresseeKind.EMPLOYEE) -> Addressee:
    return Addressee(kind, str(who.id))


def asks(who, kind=TaskKind.MISSED, **more: object) -> TaskRequest:
    """A request for a task of an employee."""
    return TaskRequest(kind, whom(who), **more)


def asks_group(group, kind=TaskKind.MISSED) -> TaskRequest:
    """A request for a task of a group."""
    return TaskRequest(kind, whom(group, AddresseeKind.GROUP))


@pytest.fixture
async def desk(database: Database, issuer, cheap_passwords, tmp_path) -> AsyncIterator[Desk]:
    company = await activate(
        database, issuer, numbers=("+74951110001",), extension="101", plugins=frozenset({"crm"})
    )
    store = DatabaseCallStore(database, tmp_path)
    yield Desk(company, store)
    await store.close()
