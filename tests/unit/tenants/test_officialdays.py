"""The production calendar against the numbers of working days that were announced."""

from datetime import date, timedelta

import pytest

from tenants.officialdays import FIRST_YEAR, MOVED, official_days, published

WORKING = {2024: 248, 2025: 247, 2026: 247, 2027: 247}
"""Working days of a year with five-day weeks."""


def working(year):
    """All dates of the year on which a week from Monday to Friday is worked."""
    special = {day.date: day.working for day in official_days(year)}
    dates = (date(year, 1, 1) + timedelta(days=number) for number in range(366))
    return [day for day in dates if day.year == year and special.get(day, day.weekday() < 5)]


@pytest.mark.parametrize(("year", "days"), WORKING.items())
def test_a_year_has_so_many_working_days(year, days):
    assert len(working(year)) == days


def test_every_year_since_the_first_is_published_and_tested():
    assert list(MOVED) == list(WORKING) == list(range(FIRST_YEAR, FIRST_YEAR + len(MOVED)))


@pytest.mark.spec("ACC-05", at="rule")
def test_holidays_moved_days_and_working_saturdays():
    of_2026 = {day.date: day for day in official_days(2026)}
    assert not of_2026[date(2026, 1, 9)].working  # moved from 3 January
    assert not of_2026[date(2026, 3, 9)].working  # 8 March is a Sunday
    assert not of_2026[date(2026, 12, 31)].working
    assert date(2026, 2, 24) not in of_2026
    saturday = next(day for day in official_days(2027) if day.working)
    assert (saturday.date, saturday.like) == (date(2027, 2, 20), 0)  # in place of Monday, 22 February


def test_of_a_year_that_is_not_published_the_holidays_are_known():
    year = max(MOVED) + 1
    assert not published(year)
    days = official_days(year)
    assert len(days) == 14
    assert not any(day.working for day in days)
