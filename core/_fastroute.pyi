"""The routing core, compiled. ``_slowroute`` says what it does; both have the same answers."""

from collections.abc import Sequence
from typing import Final, final

ALL_CODES: Final[dict[str, int]]

def digits(e164: str | None) -> int:
    """The digits of ``+E.164`` text as a number; 0 if it is none (an anonymous caller)."""

@final
class Table:
    """One company. Immutable: a changed configuration is a new table."""

    def __init__(
        self,
        numbers: Sequence[Sequence[int]],
        scenarios: Sequence[Sequence[int]],
        employees: Sequence[Sequence[int]],
        terminals: Sequence[Sequence[int]],
        groups: Sequence[Sequence[int]],
        members: Sequence[int],
    ) -> None:
        """Copies the rows; IndexError for one that refers to nothing, OverflowError for too large."""

    def route(self, called: int, caller: int, instant: float) -> int:
        """The branch for a call to the number ``called``, or a ``RouteResult`` below zero."""

    def plan(
        self, step: bytes, registered: bytes, calls: bytes, caller: int, seed: int
    ) -> tuple[bytes, bytes]:
        """Who rings and who does not; ValueError for live state of another configuration."""

    @property
    def size(self) -> int:
        """Bytes of the tables."""
