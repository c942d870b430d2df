"""Until when somebody does not ring, or a branch is closed; the core says whether it is true."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings

from core import routing
from core.contracts import Addressee, AddresseeKind, Dial, Live, SkipReason
from core.hours import PeriodKind
from core.routing.until import closed_until, skipped_until
from tests.unit.routing.company import NUMBER
from tests.unit.routing.strategies import Case, cases

MONDAY = "2026-11-23"
ABOUT_HOURS = {SkipReason.OFF_HOURS, SkipReason.EXTRA_UNAVAILABLE}


def until(company, who, at, zone="Europe/Moscow"):
    """The reason for the one who does not ring, and until when by the company's clock."""
    (skipped,) = company.dial([who], at=at).skipped
    over = skipped_until(
        company.snapshot,
        skipped.reason,
        skipped.employee_id,
        skipped.terminal_id,
        company.instant(at),
    )
    told = datetime.fromtimestamp(over, ZoneInfo(zone)).strftime("%F %H:%M") if over else None
    return skipped.reason.value, told


@pytest.mark.spec("AVL-07", at="rule")
def test_a_vacation_ends_with_the_last_of_its_periods(company):
    who = company.employee("ivanov")
    company.extra("ivanov", PeriodKind.UNAVAILABLE, f"{MONDAY}T12:00", f"{MONDAY}T18:00")
    assert until(company, who, f"{MONDAY} 13:00") == ("extra_unavailable", f"{MONDAY} 18:00")
    company.extra("ivanov", PeriodKind.UNAVAILABLE, f"{MONDAY}T17:00", "2026-11-25T00:00")
    assert until(company, who, f"{MONDAY} 13:00") == ("extra_unavailable", "2026-11-25 00:00")


def test_after_hours_it_is_the_next_opening(company):
    who = company.employee("ivanov", schedule_id=company.office_hours())
    assert until(company, who, f"{MONDAY} 08:00") == ("off_hours", f"{MONDAY} 09:00")
    assert until(company, who, "2026-11-27 18:00") == ("off_hours", "2026-11-30 09:00")


def test_extra_availability_ends_the_off_hours_earlier(company):
    who = company.employee("ivanov", schedule_id=company.office_hours())
    company.extra("ivanov", PeriodKind.AVAILABLE, "2026-11-28T10:00", "2026-11-28T12:00")
    assert until(company, who, "2026-11-27 18:00") == ("off_hours", "2026-11-28 10:00")


def test_off_hours_last_over_a_vacation_that_follows(company):
    who = company.employee("ivanov", schedule_id=company.office_hours())
    company.extra("ivanov", PeriodKind.UNAVAILABLE, "2026-11-24T00:00", "2026-11-25T00:00")
    assert until(company, who, f"{MONDAY} 18:00") == ("off_hours", "2026-11-25 09:00")


def test_holidays_and_the_employees_own_zone_count(company):
    who = company.employee(
        "ivanov",
        schedule_id=company.office_hours(),
        calendar_id=company.calendar("2026-11-23", "2026-11-24"),
        timezone="Asia/Vladivostok",
    )
    told = until(company, who, f"{MONDAY} 08:00", "Asia/Vladivostok")
    assert told == ("off_hours", "2026-11-25 09:00")


def test_a_telephone_has_hours_of_its_own(company):
    who = company.employee("ivanov")
    company.change("ivanov-1", schedule_id=company.schedule(thu="10:00-12:00"))
    assert until(company, who, f"{MONDAY} 08:00") == ("terminal_off_hours", "2026-11-26 10:00")


def test_what_no_clock_ends_has_no_end(company):
    who = company.employee("ivanov", schedule_id=company.schedule())
    assert until(company, who, f"{MONDAY} 08:00") == ("off_hours", None)
    company.unregistered = {"petrov-1"}
    assert until(company, company.employee("petrov"), f"{MONDAY} 08:00") == ("not_registered", None)


def test_spring_takes_the_opening_away_and_the_next_minute_counts(company):
    company.timezone = "Europe/Berlin"
    who = company.employee("ivanov", schedule_id=company.schedule(sun="2:30-4:00"))
    told = until(company, who, "2027-03-28 00:00", "Europe/Berlin")
    assert told == ("off_hours", "2027-03-28 03:00")  # 02:30 does not exist on this day


def test_a_closed_branch_opens_next_morning(company):
    company.number(NUMBER, company.scenario(schedule_id=company.office_hours()))
    (scenario,) = company.scenarios
    over = closed_until(company.snapshot, scenario.default, company.instant(f"{MONDAY} 20:00"))
    assert over == company.instant("2026-11-24 09:00")
    assert company.route(at=over).open
    assert not company.route(at=over - 1).open


@settings(max_examples=40, deadline=None)
@given(case=cases())
def test_the_reason_holds_until_then_and_no_longer(case: Case):
    """Asked at the last second before it, and at the one when it is over."""
    compiled = routing.compile(case.snapshot)
    everybody = Live(frozenset(terminal.id for terminal in case.snapshot.terminals))

    def reasons(employee, instant):
        step = Dial((Addressee(AddresseeKind.EMPLOYEE, str(employee.id)),))
        found = routing.plan(compiled, step, case.calls[0], everybody, instant, 0).skipped
        return {(skipped.terminal_id, skipped.reason) for skipped in found}

    for employee in case.snapshot.employees:
        for terminal_id, reason in reasons(employee, case.instant):
            arguments = (case.snapshot, reason, employee.id, terminal_id)
            over = skipped_until(*arguments, case.instant)
            if over is None:
                continue
            before = {why for _, why in reasons(employee, over - 1)}
            after = {why for _, why in reasons(employee, over)}
            if reason is SkipReason.EXTRA_UNAVAILABLE:
                assert reason in before
                assert reason not in after
            elif reason is SkipReason.OFF_HOURS:
                assert before & ABOUT_HOURS
                assert not after & ABOUT_HOURS
            else:
                assert (terminal_id, reason) not in reasons(employee, over)
