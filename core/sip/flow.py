"""Where bytes go: a flow names a transport with the address of either end (RFC 5626 §3).

Whatever is known of a peer hangs on its flow: an answer leaves on the flow that the request came
from, a request to a registered phone on the flow that it registered from. For UDP a flow is only a
pair of addresses; for TCP, TLS and WebSocket it is one connection.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from ipaddress import ip_address
from typing import NamedTuple

__all__ = ["OUTGOING", "Flow", "Target", "Transmit", "address", "host_port", "towards"]

OUTGOING = ("", 0)
"""Local address of a connection that we open ourselves; the system chooses the real one."""


class Flow(NamedTuple):
    """``transport`` as in Via (``UDP``), ``local`` and ``remote`` as (host, port)."""

    transport: str
    local: tuple[str, int]
    remote: tuple[str, int]

    @property
    def reliable(self) -> bool:
        """Whether the transport retransmits by itself, so that we must not."""
        return self.transport != "UDP"

    def __str__(self) -> str:
        return f"{self.transport.lower()}:{host_port(*self.remote)}"


Transmit = Callable[[Flow, bytes], None]
"""Sends one message on a flow. Never blocks, never raises: a lost datagram is a lost datagram."""


class Target(NamedTuple):
    """Where a request outside a dialog goes.

    ``uri`` is its request URI. With ``flow`` it leaves on that flow, else to ``host`` and ``port`` by
    ``transport`` (UDP, TCP or TLS); without one by UDP, or by TCP if it is too large for that
    (RFC 3261 §18.1.1). ``path`` is the Path of a registered contact, copied to Route (RFC 3327);
    ``login`` is the line that it is registered with.
    """

    uri: str
    flow: Flow | None = None
    host: str = ""
    port: int = 5060
    path: tuple[str, ...] = ()
    transport: str = ""
    login: str = ""


def towards(transport: str, local: tuple[str, int], remote: tuple[str, int]) -> Flow:
    """The flow to an address by a transport as in Via; ``local`` is that of our UDP socket."""
    return Flow(transport, local if transport == "UDP" else OUTGOING, remote)


def host_port(host: str, port: int) -> str:
    """``host:port`` as a URI or Via writes it, IPv6 in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


@lru_cache(maxsize=4096)
def address(host: str) -> str | None:
    """The host as a normalised IP address, or ``None`` if it is a name."""
    try:
        return str(ip_address(host))
    except ValueError:
        return None
