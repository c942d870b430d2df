"""The channels of companies: how many calls each has with the outside, for the limits of its contract.

A call with the outside takes a channel when it is admitted, and so does everybody outside who is called
beyond it: whoever is passed on, and an employee who wants a call and is called on his mobile. It is
free once the call is over and no carrier's leg of it is left: one that was taken into another call
lives longer than its own. Telephones outside at which a call of the scenario rings take no more.
"""

from __future__ import annotations

from collections import Counter
from uuid import UUID

from core.contracts import Direction

__all__ = ["Channel", "Channels"]

Key = tuple[UUID, Direction]


class Channel:
    """One that is taken, until everybody who holds it has freed it."""

    __slots__ = ("_holders", "_key", "_taken")

    def __init__(self, taken: Counter[Key], key: Key) -> None:
        self._taken = taken
        self._key = key
        self._holders = 1
        taken[key] += 1

    def hold(self) -> Channel:
        """One more needs it, and will free it."""
        self._holders += 1
        return self

    def free(self) -> None:
        """One of them needs it no more."""
        self._holders -= 1
        if not self._holders:
            self._taken[self._key] -= 1
            if not self._taken[self._key]:
                del self._taken[self._key]


class Channels:
    """Of all companies."""

    def __init__(self) -> None:
        self._taken: Counter[Key] = Counter()

    def outgoing(self, tenant_id: UUID) -> int:
        """How many go outside now."""
        return self._taken[tenant_id, Direction.OUTGOING]

    def external(self, tenant_id: UUID) -> int:
        """How many go outside or came from there."""
        taken = self._taken
        return taken[tenant_id, Direction.OUTGOING] + taken[tenant_id, Direction.INCOMING]

    def take(self, tenant_id: UUID, direction: Direction) -> Channel:
        """One more, held by whoever asks; whether there is one he has asked before."""
        return Channel(self._taken, (tenant_id, direction))

    def __len__(self) -> int:
        return sum(self._taken.values())
