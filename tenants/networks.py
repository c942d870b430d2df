"""Which of many CIDR blocks contains an address: the longest prefix wins.

One dictionary per prefix length, so a look-up costs a handful of hash probes however many carriers
there are. IPv4 addresses mapped into IPv6 count as IPv4.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Generic, TypeVar

__all__ = ["NetworkMap"]

T = TypeVar("T")
REMEMBERED = 1024


class NetworkMap(Generic[T]):
    """An immutable map from CIDR blocks to values; of equal blocks the first one stands."""

    def __init__(self, entries: Iterable[tuple[str, T]]) -> None:
        """``entries`` are pairs of a block (host bits may be set) and its value; ValueError if bad."""
        self._tables: dict[int, dict[int, dict[int, T]]] = {4: {}, 6: {}}
        for text, value in entries:
            network = ip_network(text, strict=False)
            shift = network.max_prefixlen - network.prefixlen
            table = self._tables[network.version].setdefault(shift, {})
            table.setdefault(int(network.network_address) >> shift, value)
        for version, tables in self._tables.items():
            self._tables[version] = dict(sorted(tables.items()))  # longest prefix first
        # Reading an address costs more than finding it, and carriers call from a few.
        self._remembered = lru_cache(REMEMBERED)(self._look_up)

    def find(self, host: str) -> T | None:
        """The value of the smallest block around ``host``; ``None`` for names and strangers."""
        return self._remembered(host)

    def _look_up(self, host: str) -> T | None:
        try:
            address: IPv4Address | IPv6Address = ip_address(host)
        except ValueError:
            return None
        if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        number = int(address)
        for shift, table in self._tables[address.version].items():
            found = table.get(number >> shift)
            if found is not None:
                return found
        return None
