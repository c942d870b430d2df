"""How much one source may ask of us, and who has guessed too many passwords.

Both are kept in memory and bounded, whatever the number of sources. Addresses can be forged by UDP, so
a bucket only delays what comes from one, and a failure counts only for a nonce that its source had.
"""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import IPv6Address, ip_address, ip_network
from typing import TypeVar

__all__ = ["Buckets", "Failures", "network_of"]


_Key = TypeVar("_Key")


class Buckets:
    """A token bucket per source address: ``rate`` requests a second, ``burst`` at once.

    ``exempt`` says of an address whose bucket is empty whether it may go on (a carrier); asking it
    only then keeps it off the way of every request.
    """

    __slots__ = ("_burst", "_capacity", "_exempt", "_levels", "_rate")

    def __init__(
        self,
        rate: float,
        burst: float,
        exempt: Callable[[str], bool],
        capacity: int = 50_000,
    ) -> None:
        self._rate = rate
        self._burst = burst
        self._exempt = exempt
        self._capacity = capacity
        self._levels: dict[str, tuple[float, float]] = {}  # address → level, when

    def admit(self, host: str, now: float) -> bool:
        """Take one token; False if there is none and the request is to be dropped."""
        known = self._levels.get(host)
        if known is None:
            if len(self._levels) >= self._capacity:
                self._forget_full(now)
            level = self._burst
        else:
            level = min(self._burst, known[0] + (now - known[1]) * self._rate)
        if level < 1:
            if not self._exempt(host):
                return False
            level = self._burst
        self._levels[host] = level - 1, now
        return True

    def _forget_full(self, now: float) -> None:
        """Drop the buckets that are full again; if none is, the oldest half."""
        needed = self._burst / self._rate
        kept = {host: level for host, level in self._levels.items() if now - level[1] < needed}
        if len(kept) >= self._capacity:
            kept = dict(list(kept.items())[self._capacity // 2 :])
        self._levels = kept


class Failures:
    """Wrong passwords by source, over a sliding window; who has too many is banned for a while.

    Counted for a pair of account and network (/24, IPv6 /64), which stops guessing one password
    without locking out an office behind the same address, and for the address alone, with a higher
    limit, which stops trying one password on many accounts. A challenge is no failure.
    """

    __slots__ = ("_by_account", "_by_source", "_capacity", "_limits", "_window")

    def __init__(
        self,
        per_account: int = 10,
        per_source: int = 100,
        window: float = 600.0,
        capacity: int = 20_000,
    ) -> None:
        self._limits = per_account, per_source
        self._window = window
        self._capacity = capacity
        self._by_account: dict[tuple[str, str], list[float]] = {}
        self._by_source: dict[str, list[float]] = {}

    def record(self, host: str, account: str, now: float) -> bool:
        """Count a wrong password; whether that brought a ban."""
        account_count = self._add(self._by_account, (account, network_of(host)), now)
        source_count = self._add(self._by_source, host, now)
        return account_count == self._limits[0] or source_count == self._limits[1]

    def banned(self, host: str, account: str, now: float) -> bool:
        """Whether nothing from this source for this account is listened to now."""
        if not self._by_source:
            return False
        per_account, per_source = self._limits
        return (
            self._count(self._by_account, (account, network_of(host)), now) >= per_account
            or self._count(self._by_source, host, now) >= per_source
        )

    def forgive(self, host: str, account: str) -> None:
        """The right password came: forget the wrong ones of this account from there."""
        if self._by_account:
            self._by_account.pop((account, network_of(host)), None)

    def _add(self, table: dict[_Key, list[float]], key: _Key, now: float) -> int:
        times = [t for t in table.pop(key, ()) if now - t < self._window]
        times.append(now)
        table[key] = times[-max(self._limits) :]  # last in order of insertion: the freshest
        if len(table) > self._capacity:
            del table[next(iter(table))]
        return len(times)

    def _count(self, table: dict[_Key, list[float]], key: _Key, now: float) -> int:
        return sum(now - t < self._window for t in table.get(key, ()))


def network_of(host: str) -> str:
    """The neighbourhood of an address: its /24, or /64 for IPv6; the text itself if it is none."""
    try:
        address = ip_address(host)
    except ValueError:
        return host
    length = 64 if isinstance(address, IPv6Address) else 24
    return str(ip_network((address, length), strict=False))
