"""How a carrier is reached."""

from __future__ import annotations

from core.contracts import Trunk, TrunkTransport
from core.sip.flow import Target

__all__ = ["way_to"]


def way_to(trunk: Trunk, uri: str, host: str = "", port: int = 0) -> Target:
    """Where a request with this URI goes: to the carrier, or to another host of it (a registrar)."""
    transport = "" if trunk.transport is TrunkTransport.UDP else trunk.transport.upper()
    return Target(uri, host=host or trunk.host, port=port or trunk.port, transport=transport)
