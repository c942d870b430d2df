"""When it is working time: schedules, calendars, zones; on both cores."""

from __future__ import annotations

import struct
from datetime import UTC, date, datetime, timedelta
from importlib.resources import files
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from core.routing.tables import SLOW, the_core
from core.routing.zones import FIRST, LAST, transitions

CORES = (SLOW, the_core)
ZONES = (files("tzdata") / "zones").read_text().split()
SAMPLE = ("Europe/Moscow", "Europe/Berlin", "America/St_Johns", "Africa/Casablanca", "Asia/Kathmandu")


@pytest.fixture
def is_open(company):
    """Whether a branch with these hours takes a call at a moment of the company's clock."""
    scenario = company.scenario()
    company.number("+74950000000", scenario)

    def ask(at, zone=None, **hours):
        default = replace(scenario.default, **hours)
        company.scenarios[0] = replace(scenario, default=default)
        return company.route("+74950000000", company.instant(at, zone)).open

    return ask


@pytest.mark.spec("SCH-04", at="rule")
@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ("2026-11-23 08:59:59", False),
        ("2026-11-23 09:00", True),
        ("2026-11-23 12:59:59", True),
        ("2026-11-23 13:00", False),
        ("2026-11-23 13:59:59", False),
        ("2026-11-23 14:00", True),
        ("2026-11-23 18:00", False),
        ("2026-11-24 10:00", False),
    ],
)
def test_a_lunch_break_is_two_intervals(company, is_open, at, expected):
    assert is_open(at, schedule_id=company.schedule(mon="9:00-13:00 14:00-18:00")) is expected


@pytest.mark.spec("SCH-06", at="rule")
def test_a_day_without_intervals_is_non_working(company, is_open):
    schedule = company.office_hours()
    hours = [f"2026-11-2{day} 12:00" for day in range(3, 10)]  # Monday to Sunday
    assert [is_open(at, schedule_id=schedule) for at in hours] == [True] * 5 + [False] * 2


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ("2026-11-27 21:59", False),
        ("2026-11-27 22:00", True),
        ("2026-11-28 01:59", True),
        ("2026-11-28 02:00", False),
    ],
)
def test_an_interval_reaches_over_midnight(company, is_open, at, expected):
    assert is_open(at, schedule_id=company.schedule(fri="22:00-26:00")) is expected


def test_sunday_reaches_into_monday(company, is_open):
    schedule = company.schedule(sun="20:00-30:00")
    assert is_open("2026-11-30 05:59", schedule_id=schedule)
    assert not is_open("2026-11-30 06:00", schedule_id=schedule)


def test_the_night_belongs_to_the_day_on_which_it_begins(company, is_open):
    schedule = company.schedule(thu="22:00-26:00", fri="22:00-26:00")
    hours = {"schedule_id": schedule, "calendar_id": company.calendar("2026-11-27")}
    assert is_open("2026-11-27 01:00", **hours)  # of Thursday, though Friday is off
    assert not is_open("2026-11-27 23:00", **hours)
    assert not is_open("2026-11-28 01:00", **hours)


@pytest.mark.spec("CAL-08", at="rule")
def test_a_calendar_overrides_the_weekday(company, is_open):
    schedule = company.office_hours()
    calendar = company.calendar("2026-11-04")
    hours = {"schedule_id": schedule, "calendar_id": calendar}
    assert not is_open("2026-11-04 12:00", **hours)
    assert is_open("2026-11-05 12:00", **hours)
    assert is_open("2026-11-04 12:00", schedule_id=schedule)


@pytest.mark.spec("CAL-04", at="rule")
def test_a_working_weekend_day_follows_the_weekday_chosen_for_it(company, is_open):
    schedule = company.schedule(mon="9:00-18:00", fri="9:00-16:00")
    saturday = "2026-11-28"
    for like, closes in ((0, "18:00"), (4, "16:00")):
        hours = {
            "schedule_id": schedule,
            "calendar_id": company.calendar(working=[saturday], like=like),
        }
        last = (datetime.fromisoformat(f"{saturday} {closes}") - timedelta(minutes=1)).isoformat(" ")
        assert is_open(last, **hours)
        assert not is_open(f"{saturday} {closes}", **hours)
    itself = {"schedule_id": schedule, "calendar_id": company.calendar(working=[saturday])}
    assert not is_open(f"{saturday} 12:00", **itself)


@pytest.mark.spec("FLT-03", at="rule")
def test_schedule_and_calendar_are_independent_switches(company, is_open):
    calendar = company.calendar("2026-11-04", working=["2026-11-07"], like=0)
    for at, expected in (
        ("2026-11-04 12:00", False),
        ("2026-11-05 03:00", True),
        ("2026-11-07 23:59", True),
    ):
        assert is_open(at, calendar_id=calendar) is expected
    assert is_open("2026-11-04 12:00")


def test_a_calendar_alone_closes_its_days_off_from_midnight_to_midnight(company, is_open):
    calendar = company.calendar("2026-11-24")
    hours = ("2026-11-23 23:59:59", "2026-11-24 00:00", "2026-11-24 23:59:59", "2026-11-25 00:00")
    assert [is_open(at, calendar_id=calendar) for at in hours] == [True, False, False, True]


def test_the_clock_is_the_companys(company, is_open):
    company.timezone = "Asia/Vladivostok"
    schedule = company.office_hours()
    assert is_open("2026-11-23 09:00", schedule_id=schedule)
    assert not is_open("2026-11-23 12:00", "Europe/Moscow", schedule_id=schedule)


@pytest.mark.parametrize("core", CORES, ids=["slow", "fast"])
@pytest.mark.parametrize("name", SAMPLE)
def test_the_wall_clock_is_that_of_zoneinfo_around_every_change(core, name):
    instants, offsets = transitions(name)
    zone, ours = _zone(name), core.Zone(instants, offsets)
    moments = [at + delta for at in instants for delta in (-3601, -1, 0, 1, 1799, 3600)]
    assert len(instants) > 5 or name == "Asia/Kathmandu"
    for at in [FIRST, *moments, LAST - 1]:
        assert ours.minute(at) == _minute(zone, at)


@settings(max_examples=300, deadline=None)
@given(name=st.sampled_from(ZONES), at=st.floats(FIRST, LAST - 1))
def test_any_zone_at_any_time(name, at):
    zone = _zone(name)
    for core in CORES:
        assert core.Zone(*transitions(name)).minute(at) == _minute(zone, at)


def test_no_change_of_any_zone_is_missed():
    assert [name for name in ZONES if _found(name) != _listed(name)] == []


@pytest.mark.parametrize("core", CORES, ids=["slow", "fast"])
def test_the_dates_of_the_next_calendar_are_not_ones_own(core):
    hours = core.Hours([], [[(5, 0)], [(9, 0)]])
    assert [hours.open(-1, 0, 1440 * day) for day in (5, 9)] == [False, True]
    assert [hours.open(-1, 1, 1440 * day) for day in (5, 9)] == [True, False]


@pytest.mark.parametrize("core", CORES, ids=["slow", "fast"])
def test_a_zone_that_nobody_knows_is_utc(core):
    assert core.Zone(*transitions("Mars/Olympus")).minute(3600.5) == 60
    assert transitions("../../etc/passwd") == ((), (0,))


@settings(max_examples=300, deadline=None)
@given(
    week=st.lists(
        st.lists(st.tuples(st.integers(0, 1439), st.integers(1, 1440)), max_size=3),
        min_size=7,
        max_size=7,
    ),
    dates=st.dictionaries(st.integers(20_000, 20_014), st.integers(0, 7)),
    day=st.integers(20_001, 20_013),
    minute=st.integers(0, 1439),
)
def test_open_is_what_a_list_of_all_intervals_says(week, dates, day, minute):
    """Against a list of the intervals of three weeks, each from its own midnight."""
    rows = [[edge for start, length in spans for edge in (start, start + length)] for spans in week]
    covered = set()
    for begun in range(19_999, 20_015):
        weekday = date.fromordinal(begun + date(1970, 1, 1).toordinal()).weekday()
        code = dates.get(begun, weekday + 1)
        for start, length in week[code - 1] if code else ():
            covered.update(range(begun * 1440 + start, begun * 1440 + start + length))
    for core in CORES:
        hours = core.Hours([rows], [sorted(dates.items())])
        assert hours.open(0, 0, day * 1440 + minute) is (day * 1440 + minute in covered)


def _zone(name: str) -> ZoneInfo:
    """By the pinned rules, whatever the system has."""
    with (files("tzdata") / "zoneinfo" / name).open("rb") as file:
        return ZoneInfo.from_file(file, name)


def _minute(zone: ZoneInfo, at: float) -> int:
    local = datetime.fromtimestamp(at // 1, zone).replace(tzinfo=UTC)
    return int(local.timestamp()) // 60


def _found(name: str) -> list[tuple[int, int]]:
    """The changes that we found, as far as the file lists them one by one."""
    instants, offsets = transitions(name)
    listed = _listed(name)
    last = listed[-1][0] if listed else 0
    return [(at, offset) for at, offset in zip(instants, offsets[1:], strict=True) if at <= last]


def _listed(name: str) -> list[tuple[int, int]]:
    """The changes of offset since 1970 in a TZif file (RFC 9636 §3, its 64-bit part)."""
    data = (files("tzdata") / "zoneinfo" / name).read_bytes()
    counts = struct.unpack(">6l", data[20:44])
    second = 44 + counts[3] * 5 + counts[4] * 6 + counts[5] + counts[2] * 8 + counts[1] + counts[0]
    _, _, _, times, types, _ = struct.unpack(">6l", data[second + 20 : second + 44])
    at = second + 44
    instants = struct.unpack(f">{times}q", data[at : at + 8 * times])
    kinds = data[at + 8 * times : at + 9 * times]
    at += 9 * times
    offsets = [struct.unpack(">l", data[at + 6 * n : at + 6 * n + 4])[0] for n in range(types)]
    changes, before = [], offsets[0]
    for instant, kind in zip(instants, kinds, strict=True):
        if offsets[kind] != before and instant > 0:
            changes.append((instant, offsets[kind]))
        before = offsets[kind]
    return changes
