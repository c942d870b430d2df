"""Time zones for the core: IANA rules, as ``zoneinfo`` has them, turned into lists of transitions.

``zoneinfo`` tells the offset at an instant, not when it changes. So the years 1970 to 2100 are walked
in steps of a week and each change is found by halving. No zone has two changes within a week; a test
compares them with the files of ``tzdata``.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from functools import cache
from importlib.resources import files
from zoneinfo import ZoneInfo

__all__ = ["FIRST", "LAST", "clock", "day", "transitions"]

FIRST = int(datetime(1970, 1, 1, tzinfo=UTC).timestamp())
LAST = int(datetime(2101, 1, 1, tzinfo=UTC).timestamp())
"""Epoch seconds between which transitions are known; beyond, the nearest offset holds."""

_WEEK = 7 * 24 * 3600
_DATA = files("tzdata")  # the pinned rules, not what the system happens to have


@cache
def transitions(name: str) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """When the offset of a zone changes, and the offsets: the first holds before the first instant.

    A name that IANA does not know counts as UTC: a call must be routed whatever was imported.
    """
    if name not in _names():
        return (), (0,)
    zone = clock(name)
    instants: list[int] = []
    offsets = [_offset(zone, FIRST)]
    for start in range(FIRST, LAST, _WEEK):
        end = min(start + _WEEK, LAST)
        if _offset(zone, end) != offsets[-1]:
            instants.append(_change(zone, start, end))
            offsets.append(_offset(zone, end))
    return tuple(instants), tuple(offsets)


def day(name: str, instant: float) -> tuple[float, float]:
    """The day of a zone's wall clock that the instant is in: its first second and that of the next."""
    zone = clock(name)
    today = datetime.fromtimestamp(instant, zone).date()
    start, end = (
        datetime(each.year, each.month, each.day, tzinfo=zone).timestamp()
        for each in (today, today + timedelta(days=1))
    )
    return start, end


@cache
def clock(name: str) -> tzinfo:
    """The clock of a zone, by the pinned rules; UTC for a name that IANA does not know."""
    if name not in _names():
        return UTC
    with (_DATA / "zoneinfo" / name).open("rb") as file:
        return ZoneInfo.from_file(file, name)


@cache
def _names() -> frozenset[str]:
    return frozenset((_DATA / "zones").read_text().split())


def _change(zone: tzinfo, before: int, after: int) -> int:
    """The first instant of a new offset between two instants whose offsets differ."""
    old = _offset(zone, before)
    while after - before > 1:
        middle = (before + after) // 2
        if _offset(zone, middle) == old:
            before = middle
        else:
            after = middle
    return after


def _offset(zone: tzinfo, instant: int) -> int:
    offset = datetime.fromtimestamp(instant, zone).utcoffset()
    assert offset is not None
    return int(offset.total_seconds())
