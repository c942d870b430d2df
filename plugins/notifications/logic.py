"""What counts as missed; pure."""

from __future__ import annotations

from sunsim import Cdr, Direction, Outcome

__all__ = ["is_missed"]


def is_missed(cdr: Cdr) -> bool:
    """Whether somebody outside tried to reach the company and spoke with nobody.

    A call that was refused on purpose is not missed; one that the caller gave up is.
    """
    return cdr.direction is Direction.INCOMING and cdr.outcome not in (
        Outcome.ANSWERED,
        Outcome.REFUSED,
    )
