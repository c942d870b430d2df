"""When schedules, calendars and extra periods hold, as edges on the clock of the world.

The rules are those of ``core._slowhours``, by intervals in place of questions: the week is laid out day
by day on the wall clock, then carried over piece by piece between two changes of the zone. A clock set
back passes the same wall time twice and both count; what it skips never comes.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

from core.hours import Calendar, ExtraPeriod, PeriodKind, Schedule
from core.routing.check.moments import Edges
from core.routing.tables import calendar_rows, period_row, schedule_rows
from core.routing.zones import transitions

__all__ = ["Working"]

_DAY = 86400
_FOREVER = 2**62
_EPOCH_WEEKDAY = 3  # 1 January 1970 was a Thursday


class Piece(NamedTuple):
    """From ``start`` to ``end`` the wall clock is ``offset`` seconds ahead of UTC."""

    start: int
    end: int
    offset: int


Wall = Sequence[tuple[int, int]]
"""Half-open intervals of wall-clock seconds since 1 January 1970, rising, apart from each other."""


class Working:
    """Working time between two instants; ``schedules`` and ``calendars`` are known by index."""

    def __init__(
        self, start: int, end: int, schedules: Sequence[Schedule], calendars: Sequence[Calendar]
    ) -> None:
        self.start, self.end = start, end
        self._weeks = [_week(schedule_rows(schedule)) for schedule in schedules]
        self._calendars = [dict(calendar_rows(calendar)) for calendar in calendars]
        self._walls: dict[tuple[int, int], Wall] = {}
        self._pieces: dict[str, list[Piece]] = {}

    def hours(self, zone: str, schedule: int, calendar: int) -> Edges:
        """When a schedule with its calendar is open; -1 is none."""
        wall = self._walls.get((schedule, calendar))
        if wall is None:
            wall = self._walls[schedule, calendar] = _merged(self._laid_out(schedule, calendar))
        return self._carried(zone, wall)

    def periods(self, zone: str, extra: Iterable[ExtraPeriod], kind: PeriodKind) -> Edges:
        """When an extra period of this kind is on."""
        rows = (period_row(period) for period in extra if period.kind is kind)
        return self._carried(zone, _merged((60 * start, 60 * end) for _, start, end in rows))

    def _laid_out(self, schedule: int, calendar: int) -> list[tuple[int, int]]:
        week = self._weeks[schedule] if schedule >= 0 else [[(0, _DAY)]] * 7
        special = self._calendars[calendar] if calendar >= 0 else {}
        by_code = [[], *week]  # of ``DAY_OFF`` and of the days like Monday to Sunday
        # Two days more at both ends: zones are up to a day apart, and a day reaches into the next.
        days = range(self.start // _DAY - 3, self.end // _DAY + 3)
        return [
            (day * _DAY + start, day * _DAY + end)
            for day in days
            for start, end in by_code[special.get(day, (day + _EPOCH_WEEKDAY) % 7 + 1)]
        ]

    def _carried(self, zone: str, wall: Wall) -> Edges:
        edges: list[int] = []
        for start, end, offset in self._pieces_of(zone):
            first = max(0, bisect_right(wall, (start + offset,)) - 1)
            last = bisect_right(wall, (end + offset - 1, _FOREVER), first)
            piece = [edge - offset for interval in wall[first:last] for edge in interval]
            if piece and piece[1] <= start:  # over before the piece begins
                del piece[:2]
            if piece:
                piece[0], piece[-1] = max(piece[0], start), min(piece[-1], end)
                if edges and edges[-1] == piece[0]:  # it just goes on
                    del edges[-1], piece[0]
                edges += piece
        return edges

    def _pieces_of(self, zone: str) -> list[Piece]:
        pieces = self._pieces.get(zone)
        if pieces is None:
            instants, offsets = transitions(zone)
            bounds = [self.start, *(i for i in instants if self.start < i < self.end), self.end]
            first = bisect_right(instants, self.start)
            pieces = self._pieces[zone] = [
                Piece(start, end, offsets[first + at])
                for at, (start, end) in enumerate(pairwise(bounds))
            ]
        return pieces


def _week(days: Iterable[Sequence[int]]) -> list[list[tuple[int, int]]]:
    """Seconds of a day; an interval that ends before it begins is none."""
    return [
        [(60 * start, 60 * end) for start, end in zip(day[::2], day[1::2], strict=True) if start < end]
        for day in days
    ]


def _merged(intervals: Iterable[tuple[int, int]]) -> Wall:
    """Rising and apart: those that overlap or touch become one, empty ones none."""
    merged: list[tuple[int, int]] = []
    for start, end in sorted(interval for interval in intervals if interval[0] < interval[1]):
        if merged and start <= merged[-1][1]:
            if end > merged[-1][1]:
                merged[-1] = merged[-1][0], end
        else:
            merged.append((start, end))
    return merged
