"""The system's time, for everything that is not a test."""

import time

__all__ = ["SystemClock"]


class SystemClock:
    """Implements ``core.ports.Clock``."""

    # Asked a dozen times a call: the functions themselves cost half of methods that call them.
    now = staticmethod(time.time)
    """Epoch seconds, UTC."""

    monotonic = staticmethod(time.monotonic)
    """Seconds that never go back."""
