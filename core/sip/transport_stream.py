"""TCP, TLS and WebSocket: who may connect, which connection a flow is, and when one has to go."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections import Counter
from collections.abc import Callable, Set
from functools import partial

from msgspec import Struct

from core.settings import Address
from core.sip.connection import Connection
from core.sip.flow import OUTGOING, Flow
from core.sip.guard import network_of
from core.sip.stats import Stats
from core.sip.stream import Codec, SipStream
from core.sip.timers import Wheel
from core.sip.tls import Certificate, Tls, client_context
from core.sip.websocket import WebSocket

__all__ = ["Limits", "Streams"]

log = logging.getLogger(__name__)

_SWEEP = 2.0


class Limits(Struct, frozen=True):
    """How many connections, and how long; seconds. ``address`` counts an IPv6 /64 as one.

    ``begun`` is for a handshake, a first message or the rest of one, ``idle`` for a connection that
    nothing uses, no line, no dialog, no request; ``ping`` after which silence we send a keep-alive.
    """

    total: int = 10_000
    address: int = 256
    begun: float = 10.0
    idle: float = 180.0
    ping: float = 45.0
    connect: float = 4.0


class Streams:
    """All connections. ``on_message`` gets a message, its flow and whether it must tell its length,
    and says whether it was SIP; ``on_closed`` hears of flows that are gone; ``admit`` may refuse an
    address; ``in_use`` names the flows that something hangs on."""

    def __init__(
        self,
        *,
        wheel: Wheel,
        stats: Stats,
        on_message: Callable[[bytes, Flow, bool], bool],
        on_closed: Callable[[Flow], None],
        admit: Callable[[str], bool],
        in_use: Callable[[], Set[Flow]],
        limits: Limits | None = None,
        certificate: Certificate | None = None,
        client: ssl.SSLContext | None = None,
    ) -> None:
        self.wheel = wheel
        self.stats = stats
        self.on_message = on_message
        self._on_closed = on_closed
        self._admit = admit
        self._in_use = in_use
        self._limits = limits or Limits()
        self._certificate = certificate
        self._client = client
        self._listeners: list[asyncio.Server] = []
        self._connections: dict[Flow, Connection] = {}
        self._by_remote: dict[tuple[str, tuple[str, int]], Connection] = {}
        self._sources: Counter[str] = Counter()
        self._tasks: set[asyncio.Task[None]] = set()
        self._sweeping = False

    async def listen(self, transport: str, address: Address) -> Address:
        """Accept connections of a transport as in Via; port 0 takes a free one. OSError if taken."""
        loop = asyncio.get_running_loop()
        local = address.host, address.port

        def accept() -> Connection:
            return Connection(self, self._codec(transport), Flow(transport, local, ("", 0)))

        server = await loop.create_server(accept, address.host, address.port, backlog=1024)
        local = server.sockets[0].getsockname()[:2]
        self._listeners.append(server)
        self._begin()
        return Address(*local)

    def _begin(self) -> None:
        if not self._sweeping:
            self._sweeping = True
            self.wheel.after(_SWEEP, self._sweep)

    def _codec(self, transport: str, name: str | None = None) -> Codec:
        inner = WebSocket() if transport in ("WS", "WSS") else SipStream()
        if transport not in ("TLS", "WSS"):
            return inner
        if name is not None:
            if self._client is None:
                self._client = client_context()
            return Tls(self._client, inner, name)
        assert self._certificate is not None, "TLS needs a certificate"
        return Tls(self._certificate.context(), inner)

    async def close(self) -> None:
        """End all connections and listen no more."""
        for server in self._listeners:
            server.close()
        for task in self._tasks:
            task.cancel()
        for connection in list(self._connections.values()):
            connection.close()
        await asyncio.sleep(0)  # the loop closes sockets in its next turn

    @property
    def counts(self) -> dict[str, int]:
        """Connections by transport now."""
        return Counter(flow.transport for flow in self._connections)

    # --- sending ------------------------------------------------------------------------------

    def send(self, flow: Flow, data: bytes) -> None:
        """Send a message. An outgoing flow is connected if need be; of one that is gone
        ``on_closed`` hears in the loop's next turn."""
        connection = self._find(flow)
        if connection is None:
            if flow.local != OUTGOING:
                self._tell(flow)
                return
            connection = self.connect(flow)
        connection.send(data)

    def connect(self, flow: Flow, name: str = "") -> Connection:
        """The connection of an outgoing flow. ``name`` is whom TLS must meet there."""
        connection = self._find(flow)
        if connection is None:
            codec = self._codec(flow.transport, name or flow.remote[0])
            connection = Connection(self, codec, flow)
            self._enter(connection)
            self._begin()
            task = asyncio.ensure_future(self._connect(connection))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return connection

    def sockname(self, flow: Flow) -> tuple[str, int] | None:
        """The local address of a flow's connection, if it stands."""
        connection = self._find(flow)
        return None if connection is None else connection.sockname

    async def _connect(self, connection: Connection) -> None:
        host, port = connection.flow.remote
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._limits.connect):
                await loop.create_connection(lambda: connection, host, port)
        except (OSError, TimeoutError) as error:
            log.info("no connection to %s: %s", connection.flow, error or "timeout")
            self.stats.dropped["unreachable"] += 1
            connection.close()

    def _find(self, flow: Flow) -> Connection | None:
        found = self._connections.get(flow)
        if found is None and flow.local == OUTGOING:
            found = self._by_remote.get((flow.transport, flow.remote))
        return found

    # --- what connections tell ----------------------------------------------------------------

    def accepted(self, connection: Connection, peer: tuple[str, int]) -> bool:
        """Whether one more may come from there."""
        limits, host = self._limits, peer[0]
        source = network_of(host) if ":" in host else host
        if (
            len(self._connections) >= limits.total
            or self._sources[source] >= limits.address
            or not self._admit(host)
        ):
            self.stats.dropped["connections"] += 1
            return False
        connection.flow = connection.flow._replace(remote=peer)
        connection.counted = True
        self._sources[source] += 1
        self._enter(connection)
        return True

    def _enter(self, connection: Connection) -> None:
        flow = connection.flow
        self._connections[flow] = connection
        self._by_remote[flow.transport, flow.remote] = connection

    def ending(self, connection: Connection) -> None:
        """No more messages on it; whoever hangs on it hears so."""
        flow = connection.flow
        if self._connections.get(flow) is not connection:
            return
        del self._connections[flow]
        remote = flow.transport, flow.remote
        if self._by_remote.get(remote) is connection:
            del self._by_remote[remote]
        self._tell(flow)
        if not connection.outgoing:
            self._tell(Flow(flow.transport, OUTGOING, flow.remote))

    def lost(self, connection: Connection) -> None:
        """Its socket is closed."""
        self.ending(connection)
        if connection.counted:
            connection.counted = False
            host = connection.flow.remote[0]
            source = network_of(host) if ":" in host else host
            self._sources[source] -= 1
            if not self._sources[source]:
                del self._sources[source]

    def _tell(self, flow: Flow) -> None:
        asyncio.get_running_loop().call_soon(partial(self._on_closed, flow))

    # --- time ---------------------------------------------------------------------------------

    def _sweep(self) -> None:
        """End what never begins, never goes on or is of no use; keep alive the rest."""
        self.wheel.after(_SWEEP, self._sweep)
        now, limits = self.wheel.clock(), self._limits
        idle: list[Connection] = []
        for connection in list(self._connections.values()):
            if connection.waiting is not None and now - connection.waiting > limits.begun:
                self.stats.dropped["slow"] += 1
                connection.close()
            elif now - connection.heard > limits.idle:
                idle.append(connection)
            if now - connection.spoke > limits.ping and self._keeps(connection):
                connection.ping()
        if idle:
            used = self._in_use()
            for connection in idle:
                flow = connection.flow
                if flow not in used and flow._replace(local=OUTGOING) not in used:
                    connection.close()

    @staticmethod
    def _keeps(connection: Connection) -> bool:
        """Whether it is for us to keep it alive: we opened it, or proxies of the web are between."""
        return connection.outgoing or connection.flow.transport in ("WS", "WSS")
