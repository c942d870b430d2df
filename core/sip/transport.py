"""The datagram sockets, and addresses: of names, and our own."""

from __future__ import annotations

import asyncio
import fcntl
import logging
import socket
import struct
import time
from collections.abc import Callable, Iterable
from typing import cast

from core.sip.flow import Flow

__all__ = ["UdpTransport", "resolve", "route_address"]

log = logging.getLogger(__name__)

_BUFFER = 8 * 1024 * 1024
"""Bytes asked of the system for datagrams that wait while the loop is busy; it may give less."""

_FLOWS = 4096
"""Sources that are remembered, so that not every datagram makes a flow."""


_RECEIVED_AT = 0x8906
"""SIOCGSTAMP of socket(7): when the datagram that was read last came, a struct timeval."""

_TIMEVAL = struct.Struct("ll")

_MOST_LATE = 2.0
"""Seconds; more is no datagram that waited but a clock that was set."""


class UdpTransport(asyncio.DatagramProtocol):
    """One UDP socket. ``on_datagram`` gets what came, its flow, and that it is no stream.

    A loop that is never late may be far behind all the same: it reads a few datagrams a turn, and
    thousands wait in the socket. So now and then one is asked how old it is.
    """

    def __init__(self, on_datagram: Callable[[bytes, Flow, bool], bool]) -> None:
        self._on_datagram = on_datagram
        self._transport: asyncio.DatagramTransport | None = None
        self._flows: dict[tuple[str, int], Flow] = {}
        self.local = ("", 0)
        self._late = 0.0
        self._ask = True

    @classmethod
    async def listen(
        cls, host: str, port: int, on_datagram: Callable[[bytes, Flow, bool], bool]
    ) -> UdpTransport:
        """Bind; port 0 takes a free one. OSError if the address is taken or not ours."""
        loop = asyncio.get_running_loop()
        protocol = cls(on_datagram)
        sock = await _bound(host or "0.0.0.0", port)
        transport, _ = await loop.create_datagram_endpoint(lambda: protocol, sock=sock)
        protocol._transport = transport
        protocol.local = transport.get_extra_info("sockname")[:2]
        return protocol

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """A datagram; what is too short for SIP is a keep-alive of some phone behind NAT."""
        if self._ask:
            self._ask = False
            self._late = self._age()
        if len(data) > 4:
            flow = self._flows.get(addr)
            if flow is None:
                if len(self._flows) >= _FLOWS:
                    self._flows.clear()
                flow = self._flows[addr] = Flow("UDP", self.local, addr[:2])
            self._on_datagram(data, flow, False)

    def error_received(self, exc: Exception) -> None:
        """An ICMP error of some datagram that we sent; the transaction's timers see to it."""
        log.debug("datagram not delivered: %s", exc)

    def send(self, flow: Flow, data: bytes) -> None:
        """Send a datagram. What the system refuses is lost, like any other on its way."""
        if self._transport is None or self._transport.is_closing():
            return
        try:
            self._transport.sendto(data, flow.remote)
        except (OSError, ValueError, OverflowError) as error:
            log.warning("datagram to %s not sent: %s", flow, error)

    def late(self) -> float:
        """Seconds that the first datagram since the last time of asking had waited for us."""
        late, self._late, self._ask = self._late, 0.0, True
        return late

    def _age(self) -> float:
        """Seconds since the datagram came that was read last."""
        if self._transport is None:
            return 0.0
        try:
            came = fcntl.ioctl(
                self._transport.get_extra_info("socket").fileno(), _RECEIVED_AT, bytes(_TIMEVAL.size)
            )
        except OSError:  # not on this system: what the timers tell must do
            return 0.0
        seconds, microseconds = cast(tuple[int, int], _TIMEVAL.unpack(came))
        return min(max(time.time() - seconds - microseconds / 1e6, 0.0), _MOST_LATE)

    def close(self) -> None:
        """Free the address; what waits to be sent still is."""
        if self._transport is not None:
            self._transport.close()


async def _bound(host: str, port: int) -> socket.socket:
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_DGRAM)
    family, kind, protocol, _, address = found[0]
    sock = socket.socket(family, kind, protocol)
    try:
        if family == socket.AF_INET6:  # IPv4 has sockets of its own, whose addresses look like it
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
            sock.setsockopt(socket.SOL_SOCKET, option, _BUFFER)
        sock.setblocking(False)
        sock.bind(address)
    except OSError:
        sock.close()
        raise
    return sock


def route_address(host: str) -> str:
    """The address that others see us at when we listen on any address: of the default route's
    interface, or loopback without a network. Nothing is sent."""
    if host not in ("", "0.0.0.0", "::"):
        return host
    family, beyond = (socket.AF_INET6, "2001:db8::1") if host == "::" else (socket.AF_INET, "192.0.2.1")
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((beyond, 9))
            address: str = probe.getsockname()[0]
        except OSError:
            return "::1" if host == "::" else "127.0.0.1"
    return address


async def resolve(host: str, port: int, local: Iterable[tuple[str, int]]) -> tuple[str, int]:
    """The address of a host name in the family of the first of ``local`` in whose family it has
    one; OSError if it has none."""
    loop = asyncio.get_running_loop()
    families = dict.fromkeys(socket.AF_INET6 if ":" in each[0] else socket.AF_INET for each in local)
    problem = OSError(f"no address of {host}")
    for family in families:
        try:
            found = await loop.getaddrinfo(host, port, family=family, type=socket.SOCK_DGRAM)
        except OSError as error:
            problem = error
            continue
        return str(found[0][4][0]), int(found[0][4][1])
    raise problem
