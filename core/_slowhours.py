"""Working time in plain Python: whether a schedule with its calendar is open at an instant.

Part of the oracle (``_slowroute``); the compiled core has the same classes. A *day* is the number of
days since 1 January 1970, a *minute* the number of minutes since then, both by the wall clock of a
zone. 1 January 1970 was a Thursday.

    calendar says of the day     intervals that begin on it
    ---------------------------  --------------------------------------------------
    nothing                      those of its weekday
    day off                      none
    working                      those of its weekday
    working, like a weekday      those of that weekday (CAL-04)

Open is an instant inside an interval that begins on its day or, past midnight, on the day before. So
the night after a working Friday is worked although Saturday is a holiday, and the other way round.
Without a schedule every weekday is 24 hours long; without a calendar it says nothing. A clock set back
passes the same minutes twice, and both times are alike; minutes that a clock skips never come.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from math import floor

__all__ = ["DAY", "DAY_OFF", "Hours", "Zone"]

DAY = 24 * 60
DAY_OFF = 0
"""Code of a calendar's day off; 1 to 7 is a working day like Monday to Sunday."""

_EPOCH_WEEKDAY = 3

Row = Sequence[int]


class Zone:
    """The offsets of a time zone: ``offsets[0]`` before ``instants[0]``, ``offsets[1]`` from it on.

    Instants are epoch seconds in rising order, offsets are seconds east of UTC.
    """

    def __init__(self, instants: Sequence[int], offsets: Sequence[int]) -> None:
        if len(offsets) != len(instants) + 1 or sorted(set(instants)) != list(instants):
            raise ValueError("a zone has rising instants and one offset more")
        self._instants = tuple(instants)
        self._offsets = tuple(offsets)

    def minute(self, instant: float) -> int:
        """The wall clock at an instant, in minutes since 1 January 1970, 00:00 of the same clock."""
        seconds = floor(instant)
        return (seconds + self._offsets[bisect_right(self._instants, seconds)]) // 60


class Hours:
    """All schedules and calendars of one company, known by index. ValueError for wrong rows.

    ``schedules``: for each the seven days from Monday, each a row of starts and ends in turn.
    ``calendars``: for each rows of day and code, one for each day.
    """

    def __init__(self, schedules: Sequence[Sequence[Row]], calendars: Sequence[Sequence[Row]]) -> None:
        for schedule in schedules:
            if len(schedule) != 7 or any(len(day) % 2 for day in schedule):
                raise ValueError("a schedule has seven days of pairs")
        for _, code in (row for calendar in calendars for row in calendar):
            if not 0 <= code <= 7:
                raise ValueError("a calendar's code is 0 to 7")
        self._schedules = [
            [list(zip(day[::2], day[1::2], strict=True)) for day in schedule] for schedule in schedules
        ]
        self._calendars = [{day: code for day, code in rows} for rows in calendars]  # noqa: C416

    @property
    def schedules(self) -> int:
        """How many there are."""
        return len(self._schedules)

    @property
    def calendars(self) -> int:
        """How many there are."""
        return len(self._calendars)

    def open(self, schedule: int, calendar: int, minute: int) -> bool:
        """Whether it is working time at a minute of the wall clock; -1 is no schedule or calendar."""
        day, minute = divmod(minute, DAY)
        return any(
            start <= at < end
            for begun, at in ((day, minute), (day - 1, minute + DAY))
            for start, end in self._intervals(schedule, calendar, begun)
        )

    def _intervals(self, schedule: int, calendar: int, day: int) -> Sequence[tuple[int, int]]:
        weekday = (day + _EPOCH_WEEKDAY) % 7
        if calendar >= 0:
            code = self._calendars[calendar].get(day, weekday + 1)
            if code == DAY_OFF:
                return ()
            weekday = code - 1
        return self._schedules[schedule][weekday] if schedule >= 0 else ((0, DAY),)
