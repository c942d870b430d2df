"""One connection that listens to PostgreSQL's notifications and tells whoever subscribed.

Channels: ``sunsim_config`` (routing configuration), ``sunsim_live`` (present calls and lines) and
``sunsim_commands`` (what somebody wants of a call). A payload is JSON of a tenant, a kind and a
version, nothing else: what has changed is read from the tables, under row-level security. Hence
notices of one tenant and kind that nobody has taken yet are merged, and a slow subscriber costs no
memory.

The connection is made again whenever it is lost; since notices may have been missed, every subscriber
then gets one of kind ``resync``, as it does at the first connection.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator, Sequence
from uuid import UUID

import asyncpg
import msgspec
import structlog
from msgspec import Struct

from core.background import end
from tenants.failures import DATABASE_AWAY

__all__ = [
    "CALLS",
    "COMMANDS",
    "CONFIG",
    "CONTACTS",
    "LIVE",
    "MODES",
    "NOBODY",
    "RESYNC",
    "Listener",
    "Notice",
    "Subscription",
]

log = structlog.get_logger(__name__)

CONFIG = "sunsim_config"
LIVE = "sunsim_live"
COMMANDS = "sunsim_commands"
CHANNELS = (CONFIG, LIVE, COMMANDS)
CALLS = "calls"
"""On ``sunsim_live``: the history has a new call."""
CONTACTS = "contacts"
"""On ``sunsim_config``, with a version of its own: who is known as whom has changed."""
MODES = "modes"
"""On ``sunsim_config``, with a version of its own: somebody's availability mode was switched."""
RESYNC = "resync"
NOBODY = UUID(int=0)
"""No tenant: who subscribes for it hears of lost connections only."""

PING_SECONDS = 5.0
FIRST_DELAY, LONGEST_DELAY = 0.1, 5.0

Connect = Callable[[], Awaitable[asyncpg.Connection]]


class Notice(Struct, frozen=True):
    """Something of a tenant changed (of nobody in particular: ``None``); ``version`` if it has one."""

    tenant_id: UUID | None = None
    kind: str = RESYNC
    version: int = 0


class Subscription:
    """Notices of one channel, of one tenant or of all, merged while nobody takes them."""

    def __init__(self) -> None:
        self._notices: dict[tuple[UUID | None, str], Notice] = {}
        self._some = asyncio.Event()

    async def take(self) -> list[Notice]:
        """Wait until there is something, then give all of it; the latest of each tenant and kind."""
        await self._some.wait()
        self._some.clear()
        notices, self._notices = list(self._notices.values()), {}
        return notices

    def put(self, notice: Notice) -> None:
        """Called by the listener."""
        self._notices[notice.tenant_id, notice.kind] = notice
        self._some.set()


class Listener:
    """Keeps the connection and the subscribers; one per process."""

    def __init__(self, connect: Connect, channels: Sequence[str] = CHANNELS) -> None:
        """``connect`` opens a connection of any role; listening needs no privilege. Of a channel that
        is not among ``channels`` subscribers hear of lost connections only."""
        self._connect = connect
        self._channels = channels
        self._subscribers: dict[tuple[str, UUID | None], set[Subscription]] = defaultdict(set)
        self._task: asyncio.Task[None] | None = None
        self._lost = asyncio.Event()
        self._connected = asyncio.Event()

    @property
    def connected(self) -> bool:
        """Whether notices arrive now; for readiness."""
        return self._connected.is_set()

    def start(self) -> None:
        """Begin to connect, in the background."""
        self._task = asyncio.create_task(self._run(), name="listener")

    async def stop(self) -> None:
        """Close the connection."""
        await end(self._task)
        self._task = None

    async def wait_connected(self) -> None:
        """Return as soon as notices arrive."""
        await self._connected.wait()

    @contextlib.contextmanager
    def subscribe(self, channel: str, tenant_id: UUID | None = None) -> Iterator[Subscription]:
        """Notices of a channel about one tenant (and about nobody), or with ``None`` about all."""
        key, subscription = (channel, tenant_id), Subscription()
        self._subscribers[key].add(subscription)
        try:
            yield subscription
        finally:
            self._subscribers[key].discard(subscription)
            if not self._subscribers[key]:
                del self._subscribers[key]

    # --- the connection ---------------------------------------------------------------------

    async def _run(self) -> None:
        delay = FIRST_DELAY
        while True:
            try:
                async with asyncio.timeout(10):
                    connection = await self._connect()
            except DATABASE_AWAY as error:
                log.warning("listener_not_connected", error=type(error).__name__)
            else:
                if await self._listen(connection):
                    delay = FIRST_DELAY
            await asyncio.sleep(delay)
            delay = min(delay * 2, LONGEST_DELAY)

    async def _listen(self, connection: asyncpg.Connection) -> bool:
        """Listen until the connection is lost; whether it had worked at all."""
        self._lost.clear()
        connection.add_termination_listener(lambda _: self._lost.set())
        try:
            for channel in self._channels:
                await connection.add_listener(channel, self._heard)
            self._connected.set()
            self._tell_everybody()
            await self._until_lost(connection)
        except DATABASE_AWAY as error:
            log.warning("listener_lost", error=type(error).__name__)
        finally:
            worked = self.connected
            self._connected.clear()
            connection.terminate()
        return worked

    async def _until_lost(self, connection: asyncpg.Connection) -> None:
        """A peer that vanished without a word is found by asking it from time to time."""
        while not self._lost.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(PING_SECONDS):
                    await self._lost.wait()
                    return
            await connection.execute("SELECT 1", timeout=PING_SECONDS)

    def _heard(self, _connection: object, _pid: int, channel: str, payload: object) -> None:
        try:
            notice = msgspec.json.decode(str(payload), type=Notice)
        except msgspec.MsgspecError:
            log.warning("listener_bad_payload", channel=channel)
            return
        for subscription in self._interested(channel, notice.tenant_id):
            subscription.put(notice)

    def _interested(self, channel: str, tenant_id: UUID | None) -> Iterator[Subscription]:
        if tenant_id is None:  # about nobody in particular: everybody hears it
            for (name, _), subscribers in self._subscribers.items():
                if name == channel:
                    yield from subscribers
            return
        for key in ((channel, tenant_id), (channel, None)):
            yield from self._subscribers.get(key, ())

    def _tell_everybody(self) -> None:
        for channel in CHANNELS:
            for subscription in self._interested(channel, None):
                subscription.put(Notice())
