"""Runs the consumers of the outbox: what must happen after an event, at least once each.

For every consumer and event there is one transaction of the event's tenant: the note ``(consumer,
event id)`` first, so that of several workers one goes on, then the consumer's handler. If the handler
raises or the process dies, neither remains and the event is tried again later, at growing intervals;
other events and other consumers go on meanwhile. Hence consumers must not count on the order.

Consumers are plugins', each for the companies whose contract has the plugin, and the house's own, for
all of them (``house``; their names begin with ``sunsim:``, as no plugin's can).

A consumer looks through the outbox from a moment that moves with it: once it has caught up, only events
younger than ``LAG_SECONDS`` are looked at again (a transaction may commit later than its events say).
After a start everything that is still kept is looked through.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from inspect import signature
from uuid import UUID

import msgspec
import structlog
from msgspec import Struct

from core.contracts import Tenant
from core.contributions import OutboxConsumer, Owned
from core.errors import Unavailable
from core.events import Event
from tenants.crosstenant import Row
from tenants.crosstenant.outbox import events_to_do, forget_events
from tenants.db import Database, Session
from tenants.failures import DATABASE_AWAY, told
from tenants.listener import CALLS, LIVE, RESYNC, Listener, Subscription
from tenants.office import DatabaseOffice
from tenants.services.actor import operator

__all__ = ["Outbox", "tenant_of"]

log = structlog.get_logger(__name__)

POLL_SECONDS = 1.0
LAG_SECONDS = 600
HANDLE_SECONDS = 60.0
BATCH = 100
FAILURES_IN_A_ROW = 10
"""After so many the consumer itself is taken to be broken, and rests."""
REST_SECONDS = 30.0
LONGEST_DELAY = 600
KEPT_DAYS = 1
PURGE_SECONDS = 3600

_BEGINNING = datetime.fromtimestamp(0, UTC)


class _Failed(Struct):
    """An event that a consumer could not handle."""

    created_at: datetime
    attempts: int = 0
    retry_at: float = 0.0


class _Consumer:
    """One consumer and how far it is."""

    def __init__(self, database: Database, item: OutboxConsumer, plugin: str | None) -> None:
        """Of a plugin, or with ``None`` of the house."""
        self.name = item.name
        self.types = {event.__name__: event for base in item.events for event in _with_subclasses(base)}
        self._database = database
        self._plugin = plugin
        self._handle = item.handle
        self._wants_office = "office" in signature(item.handle).parameters
        self._since = _BEGINNING
        self._failed: dict[UUID, _Failed] = {}

    async def work(self) -> bool:
        """Handle a batch of events; whether more may wait. Raises what the database raises."""
        loop = asyncio.get_running_loop()
        started = datetime.now(UTC)
        skipped = [key for key, failed in self._failed.items() if failed.retry_at > loop.time()]
        rows = await events_to_do(
            self._database,
            self.name,
            list(self.types),
            since=self._since,
            skip=skipped,
            limit=BATCH,
        )
        in_a_row = 0
        for row in rows:
            in_a_row = 0 if await self._attempt(row) else in_a_row + 1
            if in_a_row >= FAILURES_IN_A_ROW:
                log.error("outbox_consumer_rests", consumer=self.name, seconds=REST_SECONDS)
                await asyncio.sleep(REST_SECONDS)
                return True
        if len(rows) == BATCH:
            return True
        # What was asked for and did not come was done by another worker: it holds us up no more.
        open_still = {*skipped, *(row["id"] for row in rows)}
        self._failed = {key: failed for key, failed in self._failed.items() if key in open_still}
        caught_up = started - timedelta(seconds=LAG_SECONDS)
        self._since = min([caught_up, *(failed.created_at for failed in self._failed.values())])
        return False

    async def _attempt(self, row: Row) -> bool:
        try:
            async with asyncio.timeout(HANDLE_SECONDS):
                await self._do(row)
        except Unavailable:
            raise
        except Exception as error:  # a consumer's; it must stop neither this event's nor other tenants'
            failed = self._failed.setdefault(row["id"], _Failed(row["created_at"]))
            failed.attempts += 1
            delay = min(2 ** min(failed.attempts, 20) / 2, LONGEST_DELAY)
            failed.retry_at = asyncio.get_running_loop().time() + delay
            log.warning(
                "outbox_event_failed",
                consumer=self.name,
                event_id=str(row["id"]),
                tenant=str(row["tenant_id"]),
                attempts=failed.attempts,
                seconds=delay,
                error=type(error).__name__,
            )
            return False
        self._failed.pop(row["id"], None)
        return True

    async def _do(self, row: Row) -> None:
        async with self._database.tenant(row["tenant_id"]) as session:
            noted = await session.fetchval(
                "INSERT INTO outbox_done (tenant_id, consumer, event_id) VALUES ($1, $2, $3)"
                " ON CONFLICT (event_id, consumer) DO NOTHING RETURNING true",
                row["tenant_id"],
                self.name,
                row["id"],
            )
            if not noted:
                return
            tenant = await tenant_of(session)
            if self._plugin is None or self._plugin in tenant.plugins:
                event = msgspec.json.decode(row["body"], type=self.types[row["type"]])
                await self._handle(tenant, event, **self._office(tenant))

    def _office(self, tenant: Tenant) -> dict[str, DatabaseOffice]:
        """For a handler that asks for it."""
        if not self._wants_office:
            return {}
        nobody = operator(self.name, tenant.id)
        return {"office": DatabaseOffice(self._database, tenant, nobody)}


class Outbox:
    """All consumers of this installation; runs in the ``worker`` role, in as many as there are."""

    def __init__(
        self,
        database: Database,
        consumers: Iterable[Owned[OutboxConsumer]],
        listener: Listener,
        house: Iterable[OutboxConsumer] = (),
    ) -> None:
        """``consumers`` are ``Host.outbox``, ``house`` our own; notices of the listener shorten the
        wait for a poll."""
        self._database = database
        self._consumers = [
            *(_Consumer(database, item, None) for item in house),
            *(_Consumer(database, owned.item, owned.plugin) for owned in consumers),
        ]
        self._listener = listener

    async def run(self) -> None:
        """Serve all consumers, each for itself, until cancelled."""
        async with asyncio.TaskGroup() as group:
            for consumer in self._consumers:
                group.create_task(self._serve(consumer), name=f"outbox {consumer.name}")
            group.create_task(self._purge_always(), name="outbox purge")

    async def drain(self) -> None:
        """Handle what is due now, once; for tests and for orderly ends."""
        for consumer in self._consumers:
            while await consumer.work():
                pass

    async def purge(self) -> None:
        """Forget events older than ``KEPT_DAYS`` that every consumer of theirs has done."""
        wanted = [(consumer.name, name) for consumer in self._consumers for name in consumer.types]
        await forget_events(self._database, datetime.now(UTC) - timedelta(days=KEPT_DAYS), wanted)

    async def _serve(self, consumer: _Consumer) -> None:
        with self._listener.subscribe(LIVE) as subscription:
            while True:
                busy = False
                try:
                    busy = await consumer.work()
                except DATABASE_AWAY as error:
                    log.warning("outbox_waits", consumer=consumer.name, error=type(error).__name__)
                if not busy:
                    await _news(subscription)

    async def _purge_always(self) -> None:
        while True:
            with told("outbox_not_purged"):
                await self.purge()
            await asyncio.sleep(PURGE_SECONDS)


async def _news(subscription: Subscription) -> None:
    """Wait until calls were stored, or for the next poll: other events come without a notice."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(POLL_SECONDS):
            while not any(notice.kind in (CALLS, RESYNC) for notice in await subscription.take()):
                pass


_TENANT = """
SELECT t.id, t.name, t.timezone, coalesce(c.plugins, '{}') AS plugins
FROM tenants t LEFT JOIN contracts c ON c.tenant_id = t.id WHERE t.id = $1
"""


async def tenant_of(session: Session) -> Tenant:
    """The session's tenant as plugins see it."""
    row = await session.fetchrow(_TENANT, session.tenant_id)
    assert row is not None, "rows of tenants are never deleted"
    return Tenant(row["id"], row["name"], row["timezone"], frozenset(row["plugins"]))


def _with_subclasses(event: type[Event]) -> Iterator[type[Event]]:
    """A consumer of a base class gets its kinds too."""
    yield event
    for kind in event.__subclasses__():
        yield from _with_subclasses(kind)
