"""What a leg says, for one reader: a coroutine that takes one event after another, or a callback.

A queue of asyncio does more (bounds, many readers, joining) and costs several times as much, for the
few events that a leg has.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

__all__ = ["Inbox"]

T = TypeVar("T")


class Inbox(Generic[T]):
    """Items in the order in which they came."""

    __slots__ = ("_items", "_reader", "_waiting")

    def __init__(self) -> None:
        self._items: deque[T] = deque()
        self._waiting: asyncio.Future[None] | None = None
        self._reader: Callable[[T], None] | None = None

    def put(self, item: T) -> None:
        """For whoever reads, now or later."""
        if self._reader is not None:
            self._reader(item)
            return
        self._items.append(item)
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    async def get(self) -> T:
        """The next one; waits for it. Cancelling loses none."""
        while not self._items:
            self._waiting = asyncio.get_running_loop().create_future()
            try:
                await self._waiting
            finally:
                self._waiting = None
        return self._items.popleft()

    def keep(self) -> None:
        """From now on items wait again."""
        self._reader = None

    def pour(self, reader: Callable[[T], None]) -> None:
        """From now on ``reader`` gets every item as it comes, those first that wait already."""
        self._reader = reader
        while self._items:
            reader(self._items.popleft())
