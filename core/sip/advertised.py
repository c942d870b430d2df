"""What we say of ourselves in Via and Contact: another address on each way that leads to us."""

from __future__ import annotations

from typing import NamedTuple

from core.sip.flow import Flow, host_port

__all__ = ["Advertised", "Way"]

_PARAM = {"UDP": "", "TCP": ";transport=tcp", "TLS": ";transport=tls"}
_WEB_SOCKET = ";transport=ws"
"""Of both kinds, secured or not (RFC 7118 §5.2.2)."""


class Way(NamedTuple):
    """One listening socket: its transport as in Via, and the address that others reach it at."""

    transport: str
    host: str
    port: int


class Advertised:
    """Names our address on each flow. ``ways`` are all our sockets, the first the most usual one."""

    def __init__(self, *ways: Way) -> None:
        self._ways = ways
        self._known: dict[tuple[str, tuple[str, int], bool], tuple[str, str]] = {}
        self.usual = host_port(ways[0].host, ways[0].port)

    def at(self, flow: Flow) -> str:
        """``host:port`` for the Via of a request that leaves on this flow."""
        return self._of(flow)[0]

    def contact(self, flow: Flow) -> str:
        """The URI by which a peer on this flow may reach us in a dialog."""
        return self._of(flow)[1]

    def _of(self, flow: Flow) -> tuple[str, str]:
        # An outgoing connection has no local address; then the peer's tells the family.
        key = flow.transport, flow.local, ":" in flow.remote[0]
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = self._names(flow)
        return known

    def _names(self, flow: Flow) -> tuple[str, str]:
        """A socket of the same transport and family; else one that a connection can reach, too."""
        six = ":" in flow.remote[0]
        transports = (flow.transport, "TCP", "UDP") if flow.reliable else (flow.transport,)
        family = [way for way in self._ways if (":" in way.host) == six] or list(self._ways)
        for transport in transports:
            for way in family:
                if way.transport == transport:
                    place = host_port(way.host, way.port)
                    return place, f"sip:{place}{_PARAM.get(way.transport, _WEB_SOCKET)}"
        return self.usual, f"sip:{self.usual}"
