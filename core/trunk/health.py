"""Whether a carrier is there, asked by OPTIONS (RFC 3261 §11), as a machine without a clock.

One lost datagram must not send a company's calls elsewhere, nor one answer bring them back, hence the
hysteresis: down after three failures in a row, up after two answers.
"""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["DOWN_AFTER", "UP_AFTER", "Health"]

DOWN_AFTER = 3
"""Failures in a row that make a carrier down."""

UP_AFTER = 2
"""Answers in a row that make it up again."""

_HURRY = 10.0  # seconds between questions while it is not clear
_UNWELL = frozenset({408, 500, 502, 503, 504})


class Health:
    """What the answers say. It counts as up until it was found down; ``random`` is from 0 to 1."""

    def __init__(self, seconds: float, random: Callable[[], float]) -> None:
        """``seconds`` is the time between two questions."""
        self.up = True
        self.problem = ""
        self.next_at = 0.0
        self._seconds = seconds
        self._random = random
        self._row = 0  # how many in a row speak against the present state

    def due(self, now: float) -> bool:
        """Whether to ask now. Nothing further until the answer."""
        if now < self.next_at:
            return False
        self.next_at = float("inf")
        return True

    def heard(self, now: float, status: int) -> None:
        """Any answer shows that it is there, also 405, unless it says that it cannot work."""
        if status in _UNWELL:
            self._note(now, well=False, problem=str(status))
        else:
            self._note(now, well=True)

    def silent(self, now: float, problem: str = "no answer") -> None:
        """No answer came."""
        self._note(now, well=False, problem=problem)

    def _note(self, now: float, *, well: bool, problem: str = "") -> None:
        self._row = 0 if well is self.up else self._row + 1
        if self._row >= (DOWN_AFTER if self.up else UP_AFTER):
            self.up, self._row = not self.up, 0
        if problem or self.up:
            self.problem = problem
        calm = self.up and not self._row
        wait = self._seconds if calm else min(self._seconds, _HURRY)
        self.next_at = now + wait * (0.9 + 0.2 * self._random())
