"""What is known of each carrier at this moment: whether it works, and how many calls it carries."""

from __future__ import annotations

from collections import Counter
from uuid import UUID

from msgspec import Struct

from core.contracts import Trunk

__all__ = ["TrunkBoard", "TrunkState"]


class TrunkState(Struct, frozen=True):
    """One carrier now. ``registered`` is ``None`` where we do not register; ``problem`` is in
    English, for operators."""

    trunk_id: UUID
    name: str
    up: bool = True
    registered: bool | None = None
    calls: int = 0
    problem: str = ""


class TrunkBoard:
    """The channels and the state of all carriers, for the calls that ask which one to take."""

    def __init__(self) -> None:
        self._calls: Counter[UUID] = Counter()
        self._down: set[UUID] = set()

    def up(self, trunk: Trunk) -> bool:
        """Whether calls may be sent there; true for a carrier that nobody watches."""
        return trunk.id not in self._down

    def set_up(self, trunk: Trunk, up: bool) -> bool:
        """Note whether it works; whether that is news."""
        if self.up(trunk) is up:
            return False
        (self._down.discard if up else self._down.add)(trunk.id)
        return True

    def full(self, trunk: Trunk) -> bool:
        """Whether all ``max_calls`` channels are taken."""
        return trunk.max_calls is not None and self._calls[trunk.id] >= trunk.max_calls

    def take(self, trunk: Trunk) -> bool:
        """Occupy a channel, in whichever direction; False if there is none."""
        if self.full(trunk):
            return False
        self._calls[trunk.id] += 1
        return True

    def release(self, trunk: Trunk) -> None:
        """Free a channel that was taken."""
        self._calls[trunk.id] -= 1
        if self._calls[trunk.id] <= 0:
            del self._calls[trunk.id]

    def calls(self, trunk_id: UUID) -> int:
        """Channels taken now."""
        return self._calls.get(trunk_id, 0)
