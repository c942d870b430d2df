"""How much one source may ask of us, and who has guessed too many passwords.

Both are kept in memory and bounded, whatever the number of sources. Addresses can be forged by UDP, so
a bucket only delays what comes from one, and a failure counts only for a nonce that its source had.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterable, Sequence
from functools import lru_cache
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Generic, TypeVar

from msgspec import Struct

from core.sip.uri import REMEMBERED

__all__ = ["Ban", "Buckets", "Failures", "Lift", "is_scanner", "network_of"]


_Key = TypeVar("_Key", bound=Hashable)

_SCANNER = re.compile(
    r"friendly-scanner|sipvicious|sundayddr|sip-?scan|sipcli|pplsip|vaxsipuseragent|iwar\b|smap\b",
    re.IGNORECASE,
)


class Buckets(Generic[_Key]):
    """A token bucket per key, an address or a company: ``rate`` requests a second, ``burst`` at once.

    ``exempt`` says of a key whose bucket is empty whether it may go on (a carrier); asking it only
    then keeps it off the way of every request.
    """

    __slots__ = ("_burst", "_capacity", "_exempt", "_levels", "_rate")

    def __init__(
        self,
        rate: float,
        burst: float,
        exempt: Callable[[_Key], bool] = lambda key: False,
        capacity: int = 50_000,
    ) -> None:
        self._rate = rate
        self._burst = burst
        self._exempt = exempt
        self._capacity = capacity
        self._levels: dict[_Key, tuple[float, float]] = {}  # key → level, when

    def admit(self, key: _Key, now: float) -> bool:
        """Take one token; False if there is none and the request is to be dropped."""
        known = self._levels.get(key)
        if known is None:
            if len(self._levels) >= self._capacity:
                self._forget_full(now)
            level = self._burst
        else:
            level = min(self._burst, known[0] + (now - known[1]) * self._rate)
        if level < 1:
            if not self._exempt(key):
                return False
            level = self._burst
        self._levels[key] = level - 1, now
        return True

    def _forget_full(self, now: float) -> None:
        """Drop the buckets that are full again; if none is, the oldest half."""
        needed = self._burst / self._rate
        kept = {key: level for key, level in self._levels.items() if now - level[1] < needed}
        if len(kept) >= self._capacity:
            kept = dict(list(kept.items())[self._capacity // 2 :])
        self._levels = kept


class Ban(Struct, frozen=True):
    """Who is not listened to: an account from a network, or without an account a whole address."""

    source: str
    account: str | None
    seconds: float


class Lift(Struct, frozen=True):
    """The wish to listen to an address or a network again; without one nothing is lifted."""

    source: str = ""


class Failures:
    """Wrong passwords by source, over a sliding window; who has too many is banned for a while.

    Counted for a pair of account and network (/24, IPv6 /64), which stops guessing one password
    without locking out an office behind the same address, and for the address alone, with a higher
    limit, which stops trying one password on many accounts. That ban does not concern accounts that
    signed in from there within the last day: however many phones of an office have a wrong password,
    the others go on. A challenge is no failure.
    """

    __slots__ = ("_by_account", "_by_source", "_capacity", "_good", "_limits", "_window")

    _GOOD_SECONDS = 86_400.0

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
        self._good: dict[tuple[str, str], float] = {}  # (account, address) → when it signed in

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
        if self._count(self._by_account.get((account, network_of(host)), ()), now) >= per_account:
            return True
        return (
            self._count(self._by_source.get(host, ()), now) >= per_source
            and now - self._good.get((account, host), -self._GOOD_SECONDS) >= self._GOOD_SECONDS
        )

    def forgive(self, host: str, account: str, now: float) -> None:
        """The right password came: forget the wrong ones of this account from there."""
        self._good.pop((account, host), None)  # last in order of insertion: the freshest
        self._good[account, host] = now
        if len(self._good) > 10 * self._capacity:
            del self._good[next(iter(self._good))]
        if self._by_account:
            self._by_account.pop((account, network_of(host)), None)

    def bans(self, now: float) -> list[Ban]:
        """All bans of this moment, with the seconds that each still lasts if nothing more comes."""
        found = []
        for (account, network), times in self._by_account.items():
            if seconds := self._left(times, self._limits[0], now):
                found.append(Ban(network, account, seconds))
        for host, times in self._by_source.items():
            if seconds := self._left(times, self._limits[1], now):
                found.append(Ban(host, None, seconds))
        return found

    def lift(self, source: str, now: float) -> list[Ban]:
        """Forget wrong passwords from an address and its network; returns the bans that this ends."""
        networks = {source, network_of(source)}
        ended = [ban for ban in self.bans(now) if {ban.source, network_of(ban.source)} & networks]
        for key in [key for key in self._by_account if key[1] in networks]:
            del self._by_account[key]
        for host in [host for host in self._by_source if {host, network_of(host)} & networks]:
            del self._by_source[host]
        return ended

    def _left(self, times: Sequence[float], limit: int, now: float) -> float:
        recent = [t for t in times if now - t < self._window]
        return recent[-limit] + self._window - now if len(recent) >= limit else 0.0

    def _add(self, table: dict[_Key, list[float]], key: _Key, now: float) -> int:
        times = [t for t in table.pop(key, ()) if now - t < self._window]
        times.append(now)
        table[key] = times[-max(self._limits) :]  # last in order of insertion: the freshest
        if len(table) > self._capacity:
            del table[next(iter(table))]
        return len(times)

    def _count(self, times: Iterable[float], now: float) -> int:
        return sum(now - t < self._window for t in times)


def is_scanner(agent: str) -> bool:
    """Whether a User-Agent is that of a tool that looks for victims. It saves noise, nothing more:
    whoever wants to can call himself otherwise."""
    return _scans(agent) if len(agent) <= REMEMBERED else _SCANNER.search(agent) is not None


@lru_cache(maxsize=2_000)
def _scans(agent: str) -> bool:
    """There are few kinds of phones, and each says its name in every request."""
    return _SCANNER.search(agent) is not None


@lru_cache(maxsize=10_000)
def network_of(host: str) -> str:
    """The neighbourhood of an address: its /24, or /64 for IPv6; the text itself if it is none."""
    try:
        address = ip_address(host)
    except ValueError:
        return host
    length = 64 if isinstance(address, IPv6Address) else 24
    return str(ip_network((address, length), strict=False))
