"""The database of one process: pools for its two roles, and sessions on them.

    async with database.tenant(tenant_id):
        employees = await Employee.select().order_by(Employee.position)

The session is a transaction of the role ``sunsim_app`` in which ``app.tenant_id`` is set for this
transaction only; row-level security shows and accepts that tenant's rows and no others. It commits
at the end of the block and rolls back if the block raises. Within a session, opening one for the same
tenant again is a savepoint; opening one for another tenant is refused, except from a session of the
directory role, which may step into a tenant (an operator's work stays one transaction).

A lost database raises ``core.errors.Unavailable``; the pools reconnect by themselves.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any
from uuid import UUID

import asyncpg

from core.errors import SettingError, SunSimError, Unavailable
from core.settings import DataSettings
from tenants.embedded import endpoint
from tenants.engine import (
    BROKEN,
    Session,
    current_session,
    lost_connection_is_unavailable,
    own_session,
    transaction,
    use_session,
)
from tenants.rls import APP_ROLE, DIRECTORY_ROLE

__all__ = ["APP_ROLE", "DIRECTORY_ROLE", "Database", "Session", "current_session", "violated"]

ACQUIRE_SECONDS = 5.0
STATEMENT_SECONDS = 30.0


class Database:
    """Pools of one process and one event loop. Open with ``await Database.open(settings.data)``."""

    def __init__(self, app: asyncpg.Pool, directory: asyncpg.Pool, connect: Mapping[str, Any]) -> None:
        self._app = app
        self._directory = directory
        self._connect = connect

    @classmethod
    async def open(cls, settings: DataSettings) -> Database:
        """Connect. Without a DSN the embedded server of the data folder, which must be running.

        Raises Unavailable if there is no server, SettingError if the server does not know us.
        """
        app = _connection(settings, settings.dsn_app, APP_ROLE)
        directory = _connection(settings, settings.dsn_directory, DIRECTORY_ROLE)
        async with AsyncExitStack() as pools:
            app_pool = await _pool(app, settings.pool)
            pools.push_async_callback(app_pool.close)
            # Logins, the snapshot loader and the outbox: few at a time.
            directory_pool = await _pool(directory, max(2, settings.pool // 2))
            pools.pop_all()
        return cls(app_pool, directory_pool, directory)

    async def close(self) -> None:
        """Give all connections back; sessions still open are ended after a short wait."""
        for pool in (self._app, self._directory):
            try:
                async with asyncio.timeout(ACQUIRE_SECONDS):
                    await pool.close()
            except BROKEN:
                pool.terminate()

    @asynccontextmanager
    async def tenant(self, tenant_id: UUID) -> AsyncIterator[Session]:
        """A transaction that sees and writes this tenant's rows only."""
        outer = own_session()
        if outer is None:
            async with self._transaction(self._app, tenant_id) as session:
                yield session
        elif outer.tenant_id == tenant_id:
            async with transaction(outer.connection):
                yield outer
        elif outer.tenant_id is None:
            async with _step_into(outer, tenant_id) as session:
                yield session
        else:
            raise RuntimeError("a session of one tenant cannot open another tenant's")

    async def each_tenant(self, function: str, batches: Mapping[UUID, str]) -> None:
        """Call a function of the schema that writes a batch (JSON) for each of many tenants.

        All of it is one transaction and one round trip. The function gets ``uuid[]`` and ``jsonb[]``
        and sets the tenant before it touches its rows; until then the role sees none.
        """
        connection: Any = None
        with lost_connection_is_unavailable():
            connection = await self._app.acquire(timeout=ACQUIRE_SECONDS)
        try:
            with lost_connection_is_unavailable(connection):
                await connection.execute(
                    f"SELECT {function}($1, $2)", list(batches), list(batches.values())
                )
        finally:
            await _release(self._app, connection)

    @asynccontextmanager
    async def directory(self) -> AsyncIterator[Session]:
        """A transaction of the role that reads across tenants.

        For ``tenants.crosstenant`` only; a test enforces it.
        """
        outer = own_session()
        if outer is None:
            async with self._transaction(self._directory, None) as session:
                yield session
        elif outer.tenant_id is None:
            async with transaction(outer.connection):
                yield outer
        else:
            raise RuntimeError("a tenant's session cannot widen itself to all tenants")

    async def listen_connection(self) -> asyncpg.Connection:
        """A connection of the directory role outside the pools, for LISTEN; the caller closes it."""
        with lost_connection_is_unavailable():
            return await asyncpg.connect(**self._connect, timeout=ACQUIRE_SECONDS)

    async def healthy(self) -> bool:
        """Whether the database answers now."""
        try:
            async with asyncio.timeout(ACQUIRE_SECONDS), self._transaction(self._app, None) as session:
                return await session.fetchval("SELECT 1") == 1
        except (Unavailable, TimeoutError):
            return False

    @asynccontextmanager
    async def _transaction(self, pool: asyncpg.Pool, tenant_id: UUID | None) -> AsyncIterator[Session]:
        async with AsyncExitStack() as stack:
            connection: Any = None
            with lost_connection_is_unavailable():
                connection = await pool.acquire(timeout=ACQUIRE_SECONDS)
            stack.push_async_callback(_release, pool, connection)
            async with transaction(connection):
                if tenant_id is not None:
                    await _set_tenant(connection, tenant_id)
                with use_session(Session(connection, tenant_id, asyncio.current_task())) as session:
                    yield session
                    await _refuse_half_done(session)


def violated(error: asyncpg.IntegrityConstraintViolationError) -> str:
    """Name of the constraint that a write broke, to be turned into an error of a field."""
    return error.constraint_name or ""


@asynccontextmanager
async def _step_into(outer: Session, tenant_id: UUID) -> AsyncIterator[Session]:
    """Become the app's role within the directory role's transaction, for one tenant."""
    connection = outer.connection
    async with transaction(connection):
        await outer.execute(f"SET LOCAL ROLE {APP_ROLE}")
        await _set_tenant(connection, tenant_id)
        with use_session(Session(connection, tenant_id, asyncio.current_task())) as session:
            yield session
            await _refuse_half_done(session)
        # SET LOCAL outlives a released savepoint, so step out by hand; a rollback does it itself.
        await outer.execute(f"SET LOCAL ROLE {DIRECTORY_ROLE}")
        await outer.execute("SELECT set_config('app.tenant_id', '', true)")


async def _refuse_half_done(session: Session) -> None:
    # After a failed statement PostgreSQL answers COMMIT by rolling back, without an error. Whoever
    # caught that failure must not believe that the rest was stored.
    if session.failed:
        await session.execute("SELECT 1")


async def _set_tenant(connection: Any, tenant_id: UUID) -> None:
    with lost_connection_is_unavailable(connection):
        await connection.execute("SELECT set_config('app.tenant_id', $1, true)", str(tenant_id))


async def _release(pool: asyncpg.Pool, connection: Any) -> None:
    try:
        await pool.release(connection)
    except BROKEN:
        # It could not be reset, so nobody may have it again; the pool makes a new one.
        with suppress(asyncpg.InterfaceError):  # the pool has seen it already
            connection.terminate()


class _Connection(asyncpg.Connection):
    """Goes back to the pool as it came: RESET ALL alone would leave a role that was taken on."""

    def get_reset_query(self) -> str:
        """What a released connection is cleaned with."""
        return f"{super().get_reset_query()}\nRESET ROLE;"


def _connection(settings: DataSettings, own_dsn: str | None, role: str) -> dict[str, Any]:
    """Arguments of asyncpg for one role: its own DSN, or the owner's with the role taken on."""
    dsn = own_dsn or settings.dsn or endpoint(settings.dir)
    server_settings = {
        "application_name": "sunsim",
        "timezone": "UTC",
        "jit": "off",  # costs more than it gains on queries of a few rows
        "statement_timeout": f"{int(STATEMENT_SECONDS * 1000)}",
    }
    if own_dsn is None:
        server_settings["role"] = role
    return {"dsn": dsn, "server_settings": server_settings, "command_timeout": STATEMENT_SECONDS}


async def _pool(connection: Mapping[str, Any], size: int) -> asyncpg.Pool:
    try:
        with lost_connection_is_unavailable():
            return await asyncpg.create_pool(
                **connection,
                min_size=1,
                max_size=size,
                timeout=ACQUIRE_SECONDS,
                connection_class=_Connection,
            )
    except (asyncpg.InvalidAuthorizationSpecificationError, asyncpg.InvalidCatalogNameError) as error:
        raise SettingError(name="SUNSIM_DATA_DSN", problem=str(error)) from error
    except asyncpg.InvalidParameterValueError as error:
        # role=… names a role that does not exist yet
        raise SunSimError("The database is not set up yet: run `sunsim db migrate`.") from error
