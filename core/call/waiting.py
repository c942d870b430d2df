"""Telling those who wait that somebody may be free now.

What makes people free is known in several places: a conversation ends, a phone registers, the
configuration changes (a mode, say), a schedule opens. Whoever learns of it tells here which company it
concerns. Companies in which nobody waits cost a look-up; clocks run for the others only.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from uuid import UUID

import structlog

from core.contracts import Line
from core.ports import Clock

__all__ = ["Arrivals", "Watchers"]

log = structlog.get_logger(__name__)

_MINUTE = 60.0


class Watchers:
    """Who wants to know, by company. Schedules open and close at full minutes, so all are told then."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._of: dict[UUID, dict[object, Callable[[], None]]] = {}
        self._minute: asyncio.TimerHandle | None = None

    def watch(self, tenant_id: UUID, changed: Callable[[], None]) -> Callable[[], None]:
        """Call ``changed`` whenever somebody may have become free there; returns what ends it."""
        key = object()
        self._of.setdefault(tenant_id, {})[key] = changed
        if self._minute is None:
            self._wait()

        def end() -> None:
            watching = self._of.get(tenant_id, {})
            watching.pop(key, None)
            if not watching:
                self._of.pop(tenant_id, None)
            if not self._of and self._minute is not None:
                self._minute.cancel()
                self._minute = None

        return end

    def tell(self, tenant_id: UUID) -> None:
        """Something is different in this company. What a watcher does wrong is its own affair."""
        watching = self._of.get(tenant_id)
        for changed in list(watching.values()) if watching else ():
            try:
                changed()
            except Exception:  # a plugin's: the others must hear of it, and the teller go on
                log.exception("waiting.watcher_failed")

    def __len__(self) -> int:
        return sum(map(len, self._of.values()))

    def _wait(self) -> None:
        left = _MINUTE - self._clock.now() % _MINUTE
        self._minute = asyncio.get_running_loop().call_later(left, self._on_the_minute)

    def _on_the_minute(self) -> None:
        self._wait()
        for tenant_id in list(self._of):
            self.tell(tenant_id)


class Arrivals:
    """Who wants to know when a line has a phone, by terminal: a dialling that passed it over."""

    def __init__(self) -> None:
        self._of: dict[UUID, dict[object, Callable[[Line], None]]] = {}

    def expect(self, terminals: Collection[UUID], came: Callable[[Line], None]) -> Callable[[], None]:
        """Call ``came`` with each of these lines that has a phone from now on; what ends it."""
        key = object()
        for terminal in terminals:
            self._of.setdefault(terminal, {})[key] = came

        def end() -> None:
            for terminal in terminals:
                self._of[terminal].pop(key)
                if not self._of[terminal]:
                    del self._of[terminal]

        return end

    def tell(self, line: Line) -> None:
        """A phone registered, for the first time or again; its answer goes before any call."""
        for came in self._of.get(line.terminal_id, {}).values():
            asyncio.get_running_loop().call_soon(came, line)

    def __len__(self) -> int:
        return len(self._of)
