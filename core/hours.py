"""Working time as a company writes it down: schedules, calendars, extra periods. Data, no rules.

Everything is wall-clock time of some zone: a scenario's filters live in the company's zone, employees
and their terminals in the employee's (EMP-17, SET-02). Intervals and periods are half-open. What the
data mean together, at an instant, is said once, in ``core._slowhours``.
"""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from msgspec import Meta, Struct

__all__ = ["Calendar", "CalendarDay", "ExtraPeriod", "Interval", "Minute", "PeriodKind", "Schedule"]

Minute = Annotated[int, Meta(ge=0, le=2880)]
"""Of a day and the one after it, from its midnight."""


class Interval(Struct, frozen=True, gc=False):
    """Part of a day, in minutes from its midnight: ``start`` inclusive, ``end`` exclusive.

    ``end`` beyond 1440 reaches into the next day (22:00 to 02:00 is 1320 to 1560) and still belongs to
    the day on which it begins. At most 2880.
    """

    start: Minute
    end: Minute


class Schedule(Struct, frozen=True):
    """A week of working time (SCH-04). ``days`` are the seven days from Monday; one without an
    interval is non-working (SCH-06)."""

    id: UUID
    name: str
    days: tuple[tuple[Interval, ...], ...]


class CalendarDay(Struct, frozen=True, gc=False):
    """A date that is not as its weekday says. A working one may follow the schedule of another
    weekday, ``like``: 0 is Monday (CAL-04)."""

    date: date
    working: bool
    like: Annotated[int, Meta(ge=0, le=6)] | None = None


class Calendar(Struct, frozen=True):
    """A company's special dates; each date at most once (CAL-02)."""

    id: UUID
    name: str
    days: tuple[CalendarDay, ...] = ()


class PeriodKind(StrEnum):
    """What an extra period makes of an employee (EMP-19)."""

    UNAVAILABLE = "unavailable"
    AVAILABLE = "available"


class ExtraPeriod(Struct, frozen=True, gc=False):
    """A vacation, or hours made up: from ``start`` to ``end`` by the employee's own clock.

    Both are naive datetimes of whole minutes.
    """

    kind: PeriodKind
    start: Annotated[datetime, Meta(tz=False)]
    end: Annotated[datetime, Meta(tz=False)]
