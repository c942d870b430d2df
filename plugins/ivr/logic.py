"""What keys mean; pure."""

from __future__ import annotations

from collections.abc import Collection
from enum import Enum

from sunsim import Menu, MenuKey

__all__ = ["END", "Entry", "Patience", "action", "entered"]

END = "#"
"""The key after which nothing more is dialled."""


class Entry(Enum):
    """What digits are that were dialled so far."""

    WRONG = "wrong"  # no extension begins so
    PARTIAL = "partial"  # some extension goes on from here
    MAYBE = "maybe"  # an extension, and the beginning of another one
    WHOLE = "whole"  # an extension, and nothing else


def entered(digits: str, extensions: Collection[str]) -> Entry:
    """As-you-dial matching: an extension that can be nothing else needs no end key."""
    longer = any(each != digits and each.startswith(digits) for each in extensions)
    if digits in extensions:
        return Entry.MAYBE if longer else Entry.WHOLE
    return Entry.PARTIAL if longer else Entry.WRONG


def action(menu: Menu, key: str) -> MenuKey | None:
    """What a key of the menu does; ``None`` for one that does nothing (IVR-06)."""
    return next((each for each in menu.keys if each.key == key), None)


class Patience:
    """How long silence is waited out: until the instruction is said again, and in all (IVR-04, IVR-05).

    Only silence counts, not the time in which something is played; a key begins everything anew.
    """

    def __init__(self, repeat_seconds: int | None, idle_seconds: int) -> None:
        self._repeat = None if repeat_seconds is None else max(1, repeat_seconds)
        self._idle = idle_seconds
        self._left = float(idle_seconds)

    @property
    def seconds(self) -> float:
        """How long to wait now."""
        return self._left if self._repeat is None else min(self._left, self._repeat)

    @property
    def over(self) -> bool:
        """Whether nothing was pressed for too long."""
        return self._left <= 0

    def waited(self) -> None:
        """Nothing was pressed all that time."""
        self._left -= self.seconds

    def renew(self) -> None:
        """A key was pressed."""
        self._left = float(self._idle)
