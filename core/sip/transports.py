"""All sockets of the endpoint: a flow goes in with a message, messages come out with theirs."""

from __future__ import annotations

import resource
from collections.abc import Callable, Set
from functools import lru_cache

from core.settings import Address
from core.sip.advertised import Advertised, Way
from core.sip.flow import OUTGOING, Flow, Target, address, towards
from core.sip.listen import CannotListen, Listen
from core.sip.stats import Stats
from core.sip.timers import Wheel
from core.sip.transport import UdpTransport, resolve, route_address
from core.sip.transport_stream import Streams

__all__ = ["Transports"]

_TRIES = 20
"""Ports tried until one is free for UDP and TCP alike."""


class Transports:
    """Sockets for datagrams and connections."""

    def __init__(
        self,
        listen: Listen,
        *,
        wheel: Wheel,
        stats: Stats,
        on_message: Callable[[bytes, Flow, bool], bool],
        on_closed: Callable[[Flow], None],
        admit: Callable[[str], bool],
        in_use: Callable[[], Set[Flow]],
    ) -> None:
        self._listen = listen
        self._on_message = on_message
        self._udp: dict[tuple[str, int], UdpTransport] = {}
        self.addresses: dict[str, list[Address]] = {}
        self.streams = Streams(
            wheel=wheel,
            stats=stats,
            on_message=on_message,
            on_closed=on_closed,
            admit=admit,
            in_use=in_use,
            limits=listen.limits,
            certificate=listen.certificate,
            client=listen.client,
        )

    async def start(self) -> None:
        """Listen everywhere; ``addresses`` tells where, by transport. Raises CannotListen."""
        _allow_files(self._listen.limits.total)
        for transport, wanted in self._listen:
            try:
                if transport == "UDP":
                    bound = await self._both(wanted)
                    self.addresses.setdefault("TCP", []).append(bound)
                else:
                    bound = await self.streams.listen(transport, wanted)
            except OSError as error:
                await self.close()
                raise CannotListen(transport, wanted, error) from error
            self.addresses.setdefault(transport, []).append(bound)

    async def _both(self, wanted: Address) -> Address:
        """UDP and TCP on the same port: a phone that probes one after the other has one to know."""
        for last in (*[False] * (_TRIES - 1), True):
            udp = await UdpTransport.listen(wanted.host, wanted.port, self._on_message)
            bound = Address(*udp.local)
            try:
                await self.streams.listen("TCP", bound)
            except OSError:
                udp.close()
                if wanted.port or last:
                    raise
                continue
            self._udp[udp.local] = udp
            return bound
        raise AssertionError  # pragma: no cover - the last try returns or raises

    async def close(self) -> None:
        """Close everything; what waits to be sent still is."""
        for udp in self._udp.values():
            udp.close()
        await self.streams.close()

    def send(self, flow: Flow, data: bytes) -> None:
        """Send one message. Never blocks, never raises."""
        if flow[0] != "UDP":
            self.streams.send(flow, data)
            return
        udp = self._udp.get(flow[1])
        if udp is None:
            udp = self._udp[self.local(":" in flow.remote[0])]
        udp.send(flow, data)

    def late(self) -> float:
        """Seconds that datagrams waited for us since the last time of asking, at the worst socket."""
        return max((udp.late() for udp in self._udp.values()), default=0.0)

    def local(self, six: bool) -> tuple[str, int]:
        """Our UDP address of a family; of the other one if it has none."""
        return next((local for local in self._udp if (":" in local[0]) == six), next(iter(self._udp)))

    def local_of(self, flow: Flow) -> tuple[str, int]:
        """Where a flow really begins on this machine, for those who want to read of it."""
        host, port = flow.local
        if flow.local == OUTGOING:
            host, port = self.streams.sockname(flow) or self.local(":" in flow.remote[0])
        return _route(host), port

    def flow(self, target: Target) -> Flow | None:
        """Where a request to ``target`` leaves; None if its name must be resolved first."""
        if target.flow is not None:
            return target.flow
        host = address(target.host)
        return None if host is None else self._towards(target, (host, target.port))

    async def resolve(self, target: Target) -> Flow:
        """The flow to a target that is known by name; OSError if the name has no address."""
        remote = await resolve(target.host, target.port, self._udp)
        return self._towards(target, remote)

    def _towards(self, target: Target, remote: tuple[str, int]) -> Flow:
        flow = towards(target.transport.upper() or "UDP", self.local(":" in remote[0]), remote)
        if flow.transport == "TLS":
            self.streams.connect(flow, target.host)  # only here the name to be proved is known
        return flow

    def advertised(self, external: str | None) -> Advertised:
        """What others are told; ``external`` (``host`` or ``host:port``) is of the usual port."""
        ways = []
        families = {":" in bound.host for bound in self.addresses["UDP"]}
        for transport, addresses in self.addresses.items():
            for bound in addresses:
                mixed = (
                    len(families) > 1 and external and address(external.partition("]")[0].strip("["))
                )
                fits = not mixed or (":" in mixed) == (":" in bound.host)
                host = route_address(bound.host)
                host, port = _advertised(external if fits else None, host, bound.port)
                if transport not in ("UDP", "TCP"):
                    port = bound.port
                ways.append(Way(transport, host, port))
        return Advertised(*ways)


_route = lru_cache(maxsize=64)(route_address)


def _allow_files(connections: int) -> None:
    """Let the process have as many descriptors as connections may be, if the system permits."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + 1024
    if soft != resource.RLIM_INFINITY and soft < wanted:
        limit = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))


def _advertised(external: str | None, host: str, port: int) -> tuple[str, int]:
    if not external:
        return host, port
    if address(external) is not None:
        return external, port
    name, colon, given = external.rpartition(":")
    if not colon:
        return external, port
    return name.strip("[]"), int(given)
