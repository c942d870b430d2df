"""What we say of ourselves in Via and Contact: another address on each way that leads to us."""

from __future__ import annotations

from typing import NamedTuple

from core.sip.flow import Flow, host_port

__all__ = ["Advertised", "Names", "Way"]

_PARAM = {"UDP": "", "TCP": ";transport=tcp", "TLS": ";transport=tls"}
_WEB_SOCKET = ";transport=ws"
"""Of both kinds, secured or not (RFC 7118 §5.2.2)."""


class Way(NamedTuple):
    """One listening socket: its transport as in Via, and the address that others reach it at."""

    transport: str
    host: str
    port: int


class Names(NamedTuple):
    """``via`` is the beginning of the Via of a request that leaves on a flow, ``contact`` the URI by
    which its peer may reach us in a dialog, in angle brackets."""

    via: str
    contact: str


class Advertised:
    """Names our address on each flow. ``ways`` are all our sockets, the first the most usual one."""

    def __init__(self, *ways: Way) -> None:
        self._ways = ways
        self._datagrams: dict[tuple[str, int], Names] = {}
        self._others: dict[tuple[str, tuple[str, int], bool], Names] = {}
        self.usual = host_port(ways[0].host, ways[0].port)

    def of(self, flow: Flow) -> Names:
        """What a peer on this flow is told."""
        if flow[0] == "UDP":  # most messages by far
            names = self._datagrams.get(flow[1])
            if names is None:
                names = self._datagrams[flow[1]] = self._names(flow)
            return names
        # An outgoing connection has no local address; then the peer's tells the family.
        key = flow.transport, flow.local, ":" in flow.remote[0]
        names = self._others.get(key)
        if names is None:
            names = self._others[key] = self._names(flow)
        return names

    def place(self, transport: str) -> str:
        """``host:port`` with parameter of the first socket of a transport, else of the usual one."""
        way = next((way for way in self._ways if way.transport == transport), self._ways[0])
        return f"{host_port(way.host, way.port)}{_PARAM.get(way.transport, _WEB_SOCKET)}"

    def _names(self, flow: Flow) -> Names:
        place, contact = self._place(flow)
        return Names(f"SIP/2.0/{flow.transport} {place};rport;branch=", contact)

    def _place(self, flow: Flow) -> tuple[str, str]:
        """A socket of the same transport and family; else one that a connection can reach, too."""
        six = ":" in flow.remote[0]
        transports = (flow.transport, "TCP", "UDP") if flow.reliable else (flow.transport,)
        family = [way for way in self._ways if (":" in way.host) == six] or list(self._ways)
        for transport in transports:
            for way in family:
                if way.transport == transport:
                    place = host_port(way.host, way.port)
                    return place, f"<sip:{place}{_PARAM.get(way.transport, _WEB_SOCKET)}>"
        return self.usual, f"<sip:{self.usual}>"
