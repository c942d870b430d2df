"""Periods of extra availability and unavailability of an employee (features.md EMP-19).

They are written in the employee's own clock, so instants have no offset: ``2026-12-28T09:00``. The end
is no part of a period. Where two of different kinds overlap, unavailability wins (H-4).
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from core.errors import FieldError
from core.hours import ExtraPeriod, PeriodKind

__all__ = ["Period", "shown", "stored"]

_MOST = 200
_FORM = "%Y-%m-%dT%H:%M"

WallClock = Annotated[str, Meta(pattern=r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}$")]
"""A minute of the employee's clock."""


class Period(Struct, frozen=True, forbid_unknown_fields=True):
    """From ``start`` up to ``end`` by the employee's clock, such as 2026-12-28T09:00."""

    kind: PeriodKind
    start: WallClock
    end: WallClock


def stored(given: tuple[Period, ...]) -> str:
    """As they are stored, in order of time. Raises FieldError."""
    if len(given) > _MOST:
        raise FieldError("An employee has at most 200 periods.")
    found = [ExtraPeriod(each.kind, _minute(each.start), _minute(each.end)) for each in given]
    if any(each.start >= each.end for each in found):
        raise FieldError("A period ends after it has begun.")
    found.sort(key=lambda each: (each.start, each.end, each.kind))
    return msgspec.json.encode(found).decode()


def shown(text: str) -> tuple[Period, ...]:
    """What is stored, for people."""
    found = msgspec.json.decode(text, type=tuple[ExtraPeriod, ...])
    return tuple(
        Period(
            each.kind,
            each.start.isoformat(timespec="minutes"),  # strftime knows no years of three digits
            each.end.isoformat(timespec="minutes"),
        )
        for each in found
    )


def _minute(text: str) -> datetime:
    try:
        return datetime.strptime(text, _FORM)  # noqa: DTZ007  (a wall clock has no zone)
    except ValueError:
        raise FieldError("This is no date and time.") from None
