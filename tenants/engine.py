"""How Piccolo reaches PostgreSQL here: through the open session of the present task, or not at all.

There is one engine for all tables and it owns no connections. ``tenants.db.Database`` opens a
*session* (a transaction on a connection of the right role, with the tenant set) and makes it current;
every query of the task goes there. A query without a session is a mistake in the program and raises
at once, so that nothing can read past the tenant by forgetting to say whose rows it wants.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from contextvars import ContextVar
from typing import Any
from uuid import UUID

import asyncpg
from piccolo.engine.postgres import PostgresEngine
from piccolo.querystring import QueryString

from core.errors import Unavailable

__all__ = ["ENGINE", "NoSession", "Session", "current_session", "lost_connection_is_unavailable"]

UNREACHABLE = "The database is not reachable now. Nothing was lost; try again in a minute."

_LOST = (
    OSError,  # refused, no socket, reset; TimeoutError is one of these
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,  # starting up or shutting down
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
    asyncpg.InternalClientError,  # a query between the server's farewell and the end of the stream
)

BROKEN = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)
"""All that may go wrong while tidying up a connection that is perhaps lost."""


class NoSession(RuntimeError):
    """A query outside of any database session: open one with ``Database.tenant`` first."""


class Session:
    """One transaction on one connection, and whose rows it sees.

    ``tenant_id`` is ``None`` in a session of the directory role. The methods take SQL with ``$1``
    parameters and raise Unavailable when the connection is lost; any other error is asyncpg's.
    """

    __slots__ = ("closed", "connection", "failed", "owner", "tenant_id")

    def __init__(self, connection: Any, tenant_id: UUID | None, owner: object) -> None:
        self.connection = connection
        self.tenant_id = tenant_id
        self.owner = owner
        self.closed = False
        self.failed = False
        """Whether a statement failed; unless a savepoint was undone, the transaction is lost."""

    async def fetch(self, sql: str, *args: object) -> list[asyncpg.Record]:
        """All rows of a query."""
        with self._guard():
            return await self.connection.fetch(sql, *args)

    async def fetchrow(self, sql: str, *args: object) -> asyncpg.Record | None:
        """The first row of a query, or ``None``."""
        with self._guard():
            return await self.connection.fetchrow(sql, *args)

    async def fetchval(self, sql: str, *args: object) -> Any:
        """The first value of the first row, or ``None``."""
        with self._guard():
            return await self.connection.fetchval(sql, *args)

    async def execute(self, sql: str, *args: object) -> str:
        """Run a command; returns its tag, for example ``UPDATE 1``."""
        with self._guard():
            return await self.connection.execute(sql, *args)

    async def executemany(self, sql: str, rows: Sequence[Sequence[object]]) -> None:
        """Run one command for many rows of arguments, in one round trip."""
        with self._guard():
            await self.connection.executemany(sql, rows)

    @contextmanager
    def _guard(self) -> Iterator[None]:
        if self.closed:
            raise NoSession("this database session is over")
        with lost_connection_is_unavailable(self.connection):
            try:
                yield
            except asyncpg.PostgresError:
                self.failed = True
                raise


_session: ContextVar[Session | None] = ContextVar("sunsim_database_session", default=None)


def current_session() -> Session:
    """The session that queries of this task use. Raises NoSession."""
    session = _session.get()
    if session is None or session.closed:
        raise NoSession("open a database session first: `async with database.tenant(tenant_id)`")
    return session


def own_session() -> Session | None:
    """The open session of this very task; one inherited from the task that started it is none."""
    session = _session.get()
    if session is None or session.closed or session.owner is not asyncio.current_task():
        return None
    return session


@contextmanager
def use_session(session: Session) -> Iterator[Session]:
    """Make ``session`` the current one; it is closed for everybody when the block ends."""
    token = _session.set(session)
    try:
        yield session
    finally:
        session.closed = True
        _session.reset(token)


@contextmanager
def lost_connection_is_unavailable(connection: Any = None) -> Iterator[None]:
    """Translate what asyncpg raises when the server went away into Unavailable."""
    try:
        yield
    except _LOST as error:
        raise Unavailable(UNREACHABLE) from error
    except asyncpg.InterfaceError as error:
        # Also raised for misuse of a healthy connection, which must stay visible as what it is.
        if connection is not None and not _is_dead(connection):
            raise
        raise Unavailable(UNREACHABLE) from error


def _is_dead(connection: Any) -> bool:
    try:
        return bool(connection.is_closed())
    except asyncpg.InterfaceError:
        return True  # the pool took a dead connection back by itself


@asynccontextmanager
async def transaction(connection: Any) -> AsyncIterator[None]:
    """A transaction, or a savepoint within one; a lost connection raises Unavailable.

    What the block raises passes as it is, even if there is no connection left to roll back on.
    """
    with lost_connection_is_unavailable(connection):
        opened = connection.transaction()
        await opened.start()
    try:
        yield
    except BaseException:
        with suppress(*BROKEN):
            await opened.rollback()
        raise
    with lost_connection_is_unavailable(connection):
        await opened.commit()


class SessionEngine(PostgresEngine):
    """Piccolo's engine without connections of its own."""

    def __init__(self) -> None:
        super().__init__(config={}, extensions=())

    async def get_version(self) -> float:
        """Unknown until there is a session; ``tenants.migrate`` checks the server's version."""
        return 0.0

    async def prep_database(self) -> None:
        """Nothing: extensions are the business of migrations."""

    async def run_querystring(self, querystring: QueryString, in_pool: bool = True) -> Any:
        """Run a query of Piccolo's in the current session."""
        sql, args = querystring.compile_string(engine_type=self.engine_type)
        return await current_session().fetch(sql, *args)

    async def run_ddl(self, ddl: str, in_pool: bool = True) -> Any:
        """Run a definition in the current session."""
        return await current_session().fetch(ddl)

    def transaction(self, allow_nested: bool = True) -> Any:
        """A savepoint in the current session, which is a transaction already."""
        return _savepoint()

    async def get_new_connection(self) -> Any:
        """Refused: a fresh connection would know no tenant."""
        raise NoSession("tables have no connection of their own")


@asynccontextmanager
async def _savepoint() -> AsyncIterator[Session]:
    session = current_session()
    async with transaction(session.connection):
        yield session


ENGINE = SessionEngine()
"""The engine of every table, ours and the plugins' (``piccolo_conf.DB``)."""
