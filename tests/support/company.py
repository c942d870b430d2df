"""A whole company for tests of services, pages and API: activated as the product activates one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

import pytest
from argon2 import PasswordHasher
from msgspec import Struct

from tenants import secrets
from tenants.db import Database
from tenants.directory import MemoryDirectory
from tenants.listener import Listener
from tenants.secrets import Vault
from tenants.services import activation, employees, numbers, trunks
from tenants.services.activation import ActivateContract, Activated
from tenants.services.actor import Actor, Role, operator
from tenants.services.employees import CreateEmployee, EmployeeView
from tenants.services.lines import LineIssuer
from tenants.services.throttle import LoginThrottle

__all__ = ["DOMAIN", "PASSWORD", "Company", "activate", "directory_of", "issuer", "person", "vault"]

DOMAIN = "sip.test"
PASSWORD = "ladoga-4711"
OPERATOR = operator()


class Company(Struct):
    """An activated contract and its administrator as the actor of commands."""

    db: Database
    issuer: LineIssuer
    activated: Activated
    admin: Actor

    @property
    def id(self) -> UUID:
        return self.activated.tenant.id

    async def hire(self, name: str = "Анна Смирнова", **card: object) -> EmployeeView:
        """A further employee, made by the administrator."""
        return await employees.create(self.db, self.issuer, self.admin, CreateEmployee(name, **card))


def person(employee: EmployeeView, tenant_id: UUID, user_id: UUID | None = None) -> Actor:
    """The actor that an employee of this card is."""
    return Actor(tenant_id, Role(employee.role), user_id, employee.id, employee.name)


async def activate(
    db: Database, issuer: LineIssuer, email: str = "olga@romashka.example", **more: object
) -> Company:
    """Activate a contract; ``numbers`` are put into the stock first."""
    wanted = more.pop("numbers", ())
    if not await trunks.trunks(db, OPERATOR, "carrier"):
        await trunks.add(db, OPERATOR, trunks.AddTrunk("carrier", "127.0.0.9", 5080))
    for e164 in wanted:
        await numbers.add(db, OPERATOR, numbers.AddNumber(e164, "carrier"))
    values = {
        "company": "ООО «Ромашка»",
        "name": "Ольга Иванова",
        "email": email,
        "phone": "+79161234567",
        "password": PASSWORD,
        **more,
    }
    done = await activation.activate(
        db, issuer, OPERATOR, ActivateContract(numbers=tuple(wanted), **values)
    )
    return Company(db, issuer, done, person(done.employee, done.tenant.id))


@pytest.fixture
def cheap_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hashes that cost nothing, for tests that are about something else."""
    monkeypatch.setattr(secrets, "_hasher", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))


@pytest.fixture
def vault() -> Vault:
    return Vault({"test": b"k" * 32})


@pytest.fixture
def issuer(vault: Vault) -> LineIssuer:
    return LineIssuer(vault, DOMAIN)


@pytest.fixture
def throttle() -> LoginThrottle:
    return LoginThrottle()


@pytest.fixture
async def company(database: Database, issuer: LineIssuer) -> Company:
    """«Ромашка» with two numbers and an administrator, extension 101."""
    return await activate(database, issuer, numbers=("+74951110001", "+74951110002"), extension="101")


@asynccontextmanager
async def directory_of(db: Database, vault: Vault) -> AsyncIterator[MemoryDirectory]:
    """What the SIP process would know now."""
    listener = Listener(db.listen_connection)
    directory = MemoryDirectory(db, listener, vault)
    await directory.start()
    try:
        yield directory
    finally:
        await directory.close()
