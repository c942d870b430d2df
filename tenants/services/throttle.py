"""How often somebody may try: sliding windows in memory, one object per process.

Counts failures, not requests: an office behind one address may log in all morning. The narrow window
belongs to the pair of address and account, so typing a colleague's e-mail a few times does not lock
that colleague out; the account's own, wide window is there for guesses from many addresses.
"""

from __future__ import annotations

import time
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable

from core.errors import TooManyRequests

__all__ = ["LoginThrottle", "Window"]

_MAX_KEYS = 50_000


class Window:
    """At most ``limit`` marks per key within ``seconds``. Remembers a bounded number of keys."""

    def __init__(self, limit: int, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit = limit
        self._seconds = seconds
        self._clock = clock
        self._marks: OrderedDict[Hashable, deque[float]] = OrderedDict()

    def check(self, key: Hashable) -> None:
        """Raises TooManyRequests with the seconds until the next try may be made."""
        marks = self._fresh(key)
        if marks is not None and len(marks) >= self._limit:
            wait = marks[0] + self._seconds - self._clock()
            raise TooManyRequests(retry_after=max(1, int(wait + 0.999)))

    def mark(self, key: Hashable) -> None:
        """Count one attempt of this key."""
        marks = self._fresh(key)
        if marks is None:
            marks = self._marks[key] = deque(maxlen=self._limit)
        marks.append(self._clock())
        self._marks.move_to_end(key)
        while len(self._marks) > _MAX_KEYS:
            self._marks.popitem(last=False)

    def give_back(self, key: Hashable) -> None:
        """Take the latest mark away: the attempt turned out to be no failure."""
        marks = self._fresh(key)
        if marks:
            marks.pop()

    def forget(self, key: Hashable) -> None:
        """The key proved itself; its earlier failures do not matter any more."""
        self._marks.pop(key, None)

    def _fresh(self, key: Hashable) -> deque[float] | None:
        marks = self._marks.get(key)
        if marks is None:
            return None
        edge = self._clock() - self._seconds
        while marks and marks[0] <= edge:
            marks.popleft()
        if not marks:
            del self._marks[key]
            return None
        return marks


class LoginThrottle:
    """Failed logins: 5 in 5 minutes for an account from one address, 20 for the address, 50 for the
    account from anywhere (a distributed guess)."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._pair = Window(5, 300, clock)
        self._address = Window(20, 300, clock)
        self._account = Window(50, 300, clock)

    def check(self, address: str, account: str) -> None:
        """Raises TooManyRequests before any password is looked at."""
        self._pair.check((address, account))
        self._address.check(address)
        self._account.check(account)

    def attempt(self, address: str, account: str) -> None:
        """Count an attempt before its outcome is known, so that parallel guesses count too."""
        self._pair.mark((address, account))
        self._address.mark(address)
        self._account.mark(account)

    def succeeded(self, address: str, account: str) -> None:
        """A right password clears the account's windows and gives its mark back to the address."""
        self._pair.forget((address, account))
        self._account.forget(account)
        self._address.give_back(address)
