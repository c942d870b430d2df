"""A real PostgreSQL for tests: one server a session, one database a test, cloned from a template.

``database`` is an open ``tenants.db.Database`` on a migrated, empty database of the test's own;
``data_settings`` are the settings that lead to it, for tests that open it themselves or start a whole
instance. ``owner_dsn`` connects as the schema's owner, who sees everything.
"""

from __future__ import annotations

import asyncio
import itertools
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import UUID

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from core.ids import new_id
from core.settings import DataSettings
from tenants.apps import app_modules
from tenants.db import Database
from tenants.embedded import EmbeddedPostgres
from tenants.migrate import migrate
from tenants.tables import NumberStock, Tenant

__all__ = ["Server", "add_stock", "add_tenant", "data_settings", "database", "owner_dsn", "postgres"]

TEMPLATE = "template_sunsim"


class Server:
    """The session's server: makes, clones and drops databases."""

    def __init__(self, embedded: EmbeddedPostgres) -> None:
        self.embedded = embedded
        self._names = (f"test_{number}" for number in itertools.count(1))

    def dsn(self, name: str) -> str:
        """The owner's DSN of a database."""
        return self.embedded.dsn.replace("/sunsim?", f"/{name}?")

    def create(self, template: str = "template1") -> str:
        """Make a database like ``template`` that belongs to the owner; returns its name."""
        name = next(self._names)
        self.run("CREATE DATABASE {} TEMPLATE {} OWNER sunsim STRATEGY FILE_COPY", name, template)
        return name

    def drop(self, name: str) -> None:
        """Drop a database, ending its connections."""
        self.run("DROP DATABASE IF EXISTS {} WITH (FORCE)", name)

    def rename(self, old: str, new: str) -> None:
        """Give a database another name."""
        self.run("ALTER DATABASE {} RENAME TO {}", old, new)

    def run(self, statement: str, *names: str) -> None:
        """Run a statement as the superuser outside of a transaction."""
        with psycopg.connect(self.embedded.superuser_dsn, autocommit=True) as connection:
            connection.execute(SQL(statement).format(*map(Identifier, names)))


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """The server with a migrated template. In /tmp: the server's user must reach its folder."""
    folder = Path(tempfile.mkdtemp(prefix="sunsim-test-"))
    embedded = EmbeddedPostgres(folder, durable=False)
    try:
        embedded.start()
        server = Server(embedded)
        name = server.create()
        # Of plugins those that are built in; a stranger's under test migrates its own.
        asyncio.run(migrate(server.dsn(name), app_modules()))
        server.rename(name, TEMPLATE)
        yield server
    finally:
        embedded.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def owner_dsn(postgres: Server) -> Iterator[str]:
    """The owner's DSN of this test's own migrated, empty database."""
    name = postgres.create(TEMPLATE)
    yield postgres.dsn(name)
    postgres.drop(name)


@pytest.fixture
def data_settings(owner_dsn: str, tmp_path: Path) -> DataSettings:
    """Settings of an instance on the test's database, with a data folder of its own."""
    return DataSettings(dir=tmp_path, dsn=owner_dsn, pool=4)


@pytest.fixture
async def database(data_settings: DataSettings) -> AsyncIterator[Database]:
    """The test's database, open in the test's loop."""
    opened = await Database.open(data_settings)
    yield opened
    await opened.close()


async def add_tenant(database: Database, name: str = "Ромашка", **contract: object) -> UUID:
    """A bare company with its contract; services make whole ones."""
    tenant_id = new_id()
    async with database.directory():
        await Tenant.insert(Tenant(id=tenant_id, name=name))
        async with database.tenant(tenant_id) as session:
            # What is named only, so that a database of an earlier migration takes it too.
            row = {"tenant_id": tenant_id, **contract}
            places = ", ".join(f"${at}" for at in range(1, len(row) + 1))
            await session.execute(
                f"INSERT INTO contracts ({', '.join(row)}) VALUES ({places})", *row.values()
            )
    return tenant_id


async def add_stock(database: Database, e164: str, holder: UUID | None = None) -> UUID:
    """A number in the operator's stock, held by a company if one is given."""
    stock_id = new_id()
    async with database.directory():
        await NumberStock.insert(NumberStock(id=stock_id, e164=e164, holder_id=holder))
    return stock_id
