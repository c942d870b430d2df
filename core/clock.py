"""The system's time, for everything that is not a test."""

import time

__all__ = ["SystemClock"]


class SystemClock:
    """Implements ``core.ports.Clock``."""

    def now(self) -> float:
        """Epoch seconds, UTC."""
        return time.time()

    def monotonic(self) -> float:
        """Seconds that never go back."""
        return time.monotonic()
