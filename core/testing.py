"""Public fakes and fixtures, for our own tests and for authors of plugins.

Shipped as the pytest plugin ``sunsim``: the fixtures are there as soon as SunSim is installed. The
fakes are real implementations of ``core.ports`` that keep everything in memory.
"""

from __future__ import annotations

import pytest

__all__ = ["FakeClock", "clock"]


class FakeClock:
    """Time that passes only when told to (``ports.Clock``)."""

    def __init__(self, start: float = 1_800_000_000.0) -> None:
        self._start = start
        self._passed = 0.0

    def now(self) -> float:
        """Epoch seconds, UTC."""
        return self._start + self._passed

    def monotonic(self) -> float:
        """Seconds since the clock was made."""
        return self._passed

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self._passed += seconds


@pytest.fixture
def clock() -> FakeClock:
    """A clock that stands still until ``advance``."""
    return FakeClock()
