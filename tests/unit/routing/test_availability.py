"""Who may be called now: features.md section E and its traps, on both cores."""

from __future__ import annotations

import itertools

import pytest
from msgspec.structs import replace

from core.contracts import Addressee, AddresseeKind, AvailabilityMode, DialMode
from core.hours import PeriodKind

UNAVAILABLE, SCHEDULE, AVAILABLE = AvailabilityMode
MONDAY = "2026-11-23 12:00"
SUNDAY = "2026-11-22 12:00"


def employee(company, mode=SCHEDULE, extra=(), works=True, phone_works=True, terminals=1, **more):
    """Somebody of whom every column of the decision table can be chosen, on Monday at noon."""
    office = company.office_hours("9:00-18:00" if works else "18:00-19:00")
    phone = company.office_hours("10:00-13:00" if phone_works else "13:00-14:00")
    person = company.employee("a", terminals, mode=mode, schedule_id=office, **more)
    for position in range(1, terminals + 1):
        company.change(f"a-{position}", schedule_id=phone)
    for kind in extra:
        company.extra("a", kind, "2026-11-23 00:00", "2026-11-24 00:00")
    return person


EXTRAS = {
    "none": (),
    "unavailability": (PeriodKind.UNAVAILABLE,),
    "availability": (PeriodKind.AVAILABLE,),
    "both": (PeriodKind.AVAILABLE, PeriodKind.UNAVAILABLE),
}


def decided(mode, extra, works, phone_works):
    """Section E, from top to bottom."""
    if mode is UNAVAILABLE:
        return "unavailable"
    if mode is AVAILABLE:
        return None
    if PeriodKind.UNAVAILABLE in EXTRAS[extra]:
        return "extra_unavailable"
    if extra == "availability":
        return None
    if not works:
        return "off_hours"
    return None if phone_works else "terminal_off_hours"


@pytest.mark.spec("AVL-03", "AVL-04", "AVL-05", "AVL-06", "AVL-07", "AVL-08", "AVL-09", at="rule")
@pytest.mark.parametrize(
    ("mode", "extra", "works", "phone_works"),
    list(itertools.product(AvailabilityMode, EXTRAS, [True, False], [True, False])),
)
def test_the_decision_table(company, mode, extra, works, phone_works):
    person = employee(company, mode, EXTRAS[extra], works, phone_works)
    expected = decided(mode, extra, works, phone_works)
    assert company.rings(person, at=MONDAY) == ("-" if expected else "a-1:60")
    assert list(company.reasons(person, at=MONDAY).values()) == ([expected] if expected else [])


@pytest.mark.spec("AVL-01", at="rule")
def test_there_are_three_modes():
    assert [mode.value for mode in AvailabilityMode] == ["unavailable", "schedule", "available"]


@pytest.mark.spec("AVL-03", at="rule")
def test_trap_3_unavailable_beats_an_extra_availability(company):
    person = employee(company, UNAVAILABLE, EXTRAS["availability"])
    assert company.rings(person, at=MONDAY) == "-"


@pytest.mark.spec("AVL-08", at="rule")
def test_trap_4_extra_availability_ignores_the_terminals_schedule(company):
    person = employee(company, extra=EXTRAS["availability"], works=False, phone_works=False)
    assert company.rings(person, at=MONDAY) == "a-1:60"


@pytest.mark.spec("AVL-07", at="rule")
def test_trap_5_extra_unavailability_beats_a_working_terminal(company):
    person = employee(company, extra=EXTRAS["unavailability"])
    assert company.rings(person, at=MONDAY) == "-"


@pytest.mark.spec("AVL-06", "AVL-09", at="rule")
def test_trap_6_available_ignores_a_vacation(company):
    person = employee(company, AVAILABLE, EXTRAS["unavailability"])
    assert company.rings(person, at=MONDAY) == "a-1:60"


@pytest.mark.spec("AVL-10", at="rule")
def test_trap_7_available_still_rings_main_terminals_only_in_parallel(company):
    person = employee(company, AVAILABLE, terminals=3, phone_works=False)
    company.change("a-2", main=False)
    company.change("a-3", main=False)
    assert company.rings(person, at=MONDAY) == "a-1:60"
    in_turn = company.rings(person, at=MONDAY, mode=DialMode.SEQUENTIAL)
    assert in_turn == "(a-1:25 | a-2:25 | a-3:25)"


@pytest.mark.spec("AVL-10", at="rule")
def test_available_respects_the_employees_own_dial_mode(company):
    person = employee(company, AVAILABLE, terminals=2, dial_mode=DialMode.SEQUENTIAL)
    assert company.rings(person, at=MONDAY) == "(a-1:25 > a-2:25)"


@pytest.mark.spec("EMP-19", at="rule")
@pytest.mark.parametrize(
    ("at", "rings"),
    [
        ("2026-11-23 09:59:59", True),
        ("2026-11-23 10:00", False),
        ("2026-11-23 11:59:59", False),
        ("2026-11-23 12:00", True),
    ],
)
def test_an_extra_period_is_half_open(company, at, rings):
    person = company.employee("a")
    company.extra("a", PeriodKind.UNAVAILABLE, "2026-11-23 10:00", "2026-11-23 12:00")
    assert company.rings(person, at=at) == ("a-1:60" if rings else "-")


@pytest.mark.spec("EMP-07", at="rule")
def test_a_terminal_without_a_schedule_is_on_round_the_clock(company):
    person = company.employee("a", 2)
    company.change("a-2", schedule_id=company.office_hours())
    assert company.rings(person, at=MONDAY) == "(a-1:60 | a-2:60)"
    assert company.rings(person, at=SUNDAY) == "a-1:60"
    assert company.reasons(person, at=SUNDAY) == {"a-2": "terminal_off_hours"}


@pytest.mark.spec("EMP-17", at="rule")
def test_the_employees_clock_decides_for_him_and_his_terminals(company):
    hours = company.office_hours()
    far = company.employee("far", schedule_id=hours, timezone="Asia/Vladivostok")
    near = company.employee("near", schedule_id=hours)
    phone = company.employee("phone", timezone="Asia/Vladivostok")
    company.change("phone-1", schedule_id=hours)
    for at, expected in (("2026-11-23 03:00", "far phone"), ("2026-11-23 12:00", "near")):
        rings = company.rings(far, near, phone, at=at)
        assert all((f"{name}-1" in rings) is (name in expected) for name in ("far", "near", "phone"))


@pytest.mark.spec("EMP-18", "CAL-08", at="rule")
def test_schedule_and_calendar_of_the_employee(company):
    calendar = company.calendar("2026-11-23", working=["2026-11-22"], like=0)
    person = company.employee("a", schedule_id=company.office_hours(), calendar_id=calendar)
    assert company.rings(person, at=MONDAY) == "-"
    assert company.rings(person, at=SUNDAY) == "a-1:60"


def test_a_vacation_is_by_the_employees_clock(company):
    person = company.employee("a", timezone="Asia/Vladivostok")  # seven hours ahead of Moscow
    company.extra("a", PeriodKind.UNAVAILABLE, "2026-11-23 00:00", "2026-11-24 00:00")
    assert company.rings(person, at="2026-11-22 16:59") == "a-1:60"
    assert company.rings(person, at="2026-11-22 17:00") == "-"
    assert company.rings(person, at="2026-11-23 17:00") == "a-1:60"


def test_hours_that_are_gone_count_as_round_the_clock(company):
    person = employee(company, works=False)
    company.schedules.clear()
    assert company.rings(person, at=SUNDAY) == "a-1:60"


@pytest.mark.spec("PRC-07", at="rule")
def test_least_busy_is_who_talked_least_today(company):
    a, b, c = (company.employee(name) for name in "abc")
    company.talked = {"a": 600, "b": 20, "c": 20}
    in_turn = company.rings(a, b, c, mode=DialMode.LEAST_BUSY)
    assert in_turn == "(b-1:25 > c-1:25 > a-1:25)"
    assert company.rings(c, b, a, mode=DialMode.LEAST_BUSY) == "(c-1:25 > b-1:25 > a-1:25)"
    assert company.rings(a, b, c, mode=DialMode.SEQUENTIAL) == "(a-1:25 > b-1:25 > c-1:25)"


@pytest.mark.spec("GRP-04", at="rule")
def test_least_busy_inside_a_group(company):
    for name in "abc":
        company.employee(name)
    company.talked = {"a": 3, "b": 2, "c": 1}
    group = company.group("all", *"abc", dial_mode=DialMode.LEAST_BUSY, ring_seconds=20)
    assert company.rings(group) == "(c-1:20 > b-1:20 > a-1:20)"


def test_a_group_in_a_least_busy_list_counts_as_its_least_busy_member(company):
    a = company.employee("a")
    company.employee("b")
    company.employee("c")
    company.talked = {"a": 50, "b": 100, "c": 10}
    group = company.group("two", "b", "c")
    assert company.rings(a, group, mode=DialMode.LEAST_BUSY) == "((b-1:30 | c-1:30) > a-1:25)"
    company.talked["c"] = 60
    assert company.rings(a, group, mode=DialMode.LEAST_BUSY) == "(a-1:25 > (b-1:30 | c-1:30))"


def test_external_numbers_come_after_those_whose_time_we_know(company):
    outside = Addressee(AddresseeKind.EXTERNAL, "+79161234567")
    a = company.employee("a")
    company.talked = {"a": 36_000}
    assert company.rings(outside, a, mode=DialMode.LEAST_BUSY) == "(a-1:25 > +79161234567:25)"


@pytest.mark.spec("EMP-20", at="rule")
def test_an_employee_may_be_in_several_groups(company):
    for name in "ab":
        company.employee(name)
    first = company.group("one", "a")
    second = company.group("two", "a", "b", ring_seconds=20)
    assert company.rings(first) == "a-1:30"
    assert company.rings(second) == "(a-1:20 | b-1:20)"
    assert company.rings(first, second, mode=DialMode.SEQUENTIAL) == "(a-1:30 > (a-1:20 | b-1:20))"


@pytest.mark.spec("GRP-04", at="rule")
def test_members_ring_in_the_order_of_the_group(company):
    for name in "abc":
        company.employee(name)
    group = company.group("all", *"cab", dial_mode=DialMode.SEQUENTIAL)
    assert company.rings(group) == "(c-1:30 > a-1:30 > b-1:30)"
    company.groups["all"] = replace(company.groups["all"], members=company.groups["all"].members[::-1])
    assert company.rings(group) == "(b-1:30 > a-1:30 > c-1:30)"
