"""Time for the protocol layers: RFC 3261's timer values and one wheel for all timers.

A loop timer per transaction would cost a heap operation each to start and to stop, and a call starts
a dozen. Here a timer is put into the slot of its 50 ms tick and stopped by forgetting its callback;
the endpoint turns the wheel 20 times a second. The clock is injected, so tests own time.
"""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["T1", "T2", "T4", "TICK", "TIMEOUT", "Timer", "Wheel"]

TICK = 0.05
"""Seconds between two turns of the wheel; no timer is more exact than this."""

T1 = 0.5
"""Estimate of the round trip in seconds (RFC 3261 §17.1.1.1)."""

T2 = 4.0
"""Longest interval between retransmissions of a non-INVITE request or a 2xx, in seconds."""

T4 = 5.0
"""How long a message may stay in the network, in seconds."""

TIMEOUT = 64 * T1
"""Timers B, D, F, H, J, L and M: when a transaction gives up or is forgotten, in seconds."""

_PER_SECOND = 20
_ROUND_UP = 1 - 1e-6  # a deadline never falls into a tick before it; float noise is not a tick


class Timer:
    """One pending callback. It runs once, unless cancelled."""

    __slots__ = ("callback",)

    def __init__(self, callback: Callable[[], None]) -> None:
        self.callback: Callable[[], None] | None = callback

    def cancel(self) -> None:
        """Never run; safe at any time. What the callback held is freed at once."""
        self.callback = None


class Wheel:
    """All timers, by the tick in which they fall due.

    ``clock`` gives seconds that never go back. Timers of one tick run in the order of their start.
    """

    __slots__ = ("_slots", "_tick", "clock")

    def __init__(self, clock: Callable[[], float]) -> None:
        self.clock = clock
        self._slots: dict[int, list[Timer]] = {}
        self._tick = int(clock() * _PER_SECOND)

    def after(self, seconds: float, callback: Callable[[], None]) -> Timer:
        """Run ``callback`` once, ``seconds`` from now, at most one tick late and never early."""
        timer = Timer(callback)
        tick = int((self.clock() + seconds) * _PER_SECOND + _ROUND_UP)
        if tick <= self._tick:
            tick = self._tick + 1
        slot = self._slots.get(tick)
        if slot is None:
            self._slots[tick] = [timer]
        else:
            slot.append(timer)
        return timer

    def advance(self) -> None:
        """Run everything due by now. After a callback that raises, the rest runs next turn."""
        due = int(self.clock() * _PER_SECOND + 1e-6)
        while self._tick < due:
            self._tick += 1
            slot = self._slots.pop(self._tick, None)
            if slot is not None:
                self._run(slot)

    def _run(self, slot: list[Timer]) -> None:
        slot.reverse()
        try:
            while slot:
                callback = slot.pop().callback
                if callback is not None:
                    callback()
        finally:
            if slot:
                slot.reverse()
                self._slots[self._tick + 1] = slot + self._slots.get(self._tick + 1, [])

    def __len__(self) -> int:
        """Timers that would still run."""
        return sum(timer.callback is not None for slot in self._slots.values() for timer in slot)
