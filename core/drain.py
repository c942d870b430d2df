"""Leaving without hurting anybody: nothing new is taken, what goes on may go on for a while."""

from __future__ import annotations

from collections.abc import Callable

import structlog

__all__ = ["Drain"]

log = structlog.get_logger(__name__)


class Drain:
    """Begins with the first question whether it is over."""

    def __init__(self, begin: Callable[[], None], left: Callable[[], int], seconds: float) -> None:
        """``begin`` refuses what is new from then on, ``left`` counts what still goes on; after so many
        ``seconds`` nobody is waited for."""
        self._begin = begin
        self._left = left
        self._seconds = seconds
        self._until: float | None = None

    def over(self, now: float) -> bool:
        """Whether there is nothing left to wait for; ``now`` is in seconds that never go back."""
        if self._until is None:
            self._begin()
            self._until = now + self._seconds
            if self._left():
                log.info("drain.begun", calls=self._left(), seconds=self._seconds)
        left = self._left()
        if left and now >= self._until:
            log.warning("drain.given_up", calls=left)
            return True
        return not left
