"""The production calendar of Russia: public holidays and moved days off, year by year.

Holidays and how one on a weekend is moved: Labour Code, article 112. Each autumn the government decides
for the next year which days off are moved to where; ``MOVED`` has what was published. Of a year after
that only the holidays themselves are known, and it is said so.

    a holiday                                    day off, whatever its weekday
    where a day off was moved to                 day off
    where it was moved from, if no holiday       working, like the weekday it stands in for
    the next working day after a holiday on a    day off, unless that day off was moved elsewhere or
    weekend, outside the January holidays        the holiday is one of January
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

from core.hours import CalendarDay

__all__ = ["FIRST_YEAR", "MOVED", "official_days", "published"]

_JANUARY = tuple((1, day) for day in range(1, 9))
_HOLIDAYS = (*_JANUARY, (2, 23), (3, 8), (5, 1), (5, 9), (6, 12), (11, 4))
"""Month and day (article 112)."""

FIRST_YEAR = 2024

# Year: where a day off was moved from and to, as month and day.
MOVED: dict[int, tuple[tuple[tuple[int, int], tuple[int, int]], ...]] = {
    2024: (
        ((1, 6), (5, 10)),
        ((1, 7), (12, 31)),
        ((4, 27), (4, 29)),
        ((11, 2), (4, 30)),
        ((12, 28), (12, 30)),
    ),
    2025: (
        ((1, 4), (5, 2)),
        ((1, 5), (12, 31)),
        ((2, 23), (5, 8)),
        ((3, 8), (6, 13)),
        ((11, 1), (11, 3)),
    ),
    2026: (((1, 3), (1, 9)), ((1, 4), (12, 31))),
    2027: (((1, 2), (11, 5)), ((1, 3), (12, 31)), ((2, 20), (2, 22))),
}
"""The government's decisions as far as they are published."""


def published(year: int) -> bool:
    """Whether it is known which days off of this year are moved."""
    return year in MOVED


def official_days(year: int) -> tuple[CalendarDay, ...]:
    """The dates of a year that are not as their weekday says, in order."""
    holidays = {date(year, month, day) for month, day in _HOLIDAYS}
    moved = [(date(year, *start), date(year, *end)) for start, end in MOVED.get(year, ())]
    off = holidays | {end for _, end in moved}
    if published(year):
        off |= set(_after_weekends(holidays, off, {start for start, _ in moved}))
    working = {start: end.weekday() for start, end in moved if start not in holidays}
    return tuple(
        CalendarDay(day, day in working, working.get(day)) for day in sorted(off | working.keys())
    )


def _after_weekends(holidays: set[date], off: set[date], moved: set[date]) -> Iterator[date]:
    """The working days that become days off because a holiday falls on a weekend."""
    for holiday in sorted(holidays):
        if holiday.weekday() < 5 or (holiday.month, holiday.day) in _JANUARY or holiday in moved:
            continue
        day = holiday
        while day.weekday() >= 5 or day in off:
            day += timedelta(days=1)
        yield day
