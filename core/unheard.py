"""Who listens where nobody does."""

from __future__ import annotations

__all__ = ["unheard"]


def unheard(*_: object) -> None:
    """Hears whatever is said, and nothing follows.

    What is over tells this one instead of whom it told before, so that they let go of each other.
    """
