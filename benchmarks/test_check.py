"""What one check of a company costs; goals: 50 ms for a typical one, 500 ms for 200 employees.

``pytest --benchmark-only benchmarks/test_check.py``
"""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from benchmarks.companies import FILTERS, INSTANT, filtered, typical
from core.contracts import Chain, Dial, Snapshot
from core.hours import PeriodKind
from core.routing.check import check
from tests.unit.routing.company import Company

ZONES = ("Europe/Moscow", "Asia/Vladivostok", "Europe/Berlin", "Asia/Omsk")


def large(schedules: int, zones: tuple[str, ...]) -> Snapshot:
    """200 employees with 600 terminals in 20 groups, hours for everything, a vacation for everybody,
    and fifty filters."""
    company: Company = filtered()
    new_year = company.calendar(*(f"2028-01-{day:02}" for day in range(1, 9)))
    weeks = [
        company.office_hours(f"9:{at % 60:02}-13:00 14:00-{18 + at // 60}:{at % 60:02}")
        for at in range(schedules)
    ]
    for n in range(200):
        hours = {"schedule_id": weeks[n % schedules], "calendar_id": new_year}
        company.employee(f"e{n}", 3, timezone=zones[n % len(zones)], **hours)
        for line in (2, 3):
            company.change(f"e{n}-{line}", schedule_id=weeks[(n + line) % schedules])
        company.extra(f"e{n}", PeriodKind.UNAVAILABLE, "2027-07-01 00:00", "2027-07-15 00:00")
    teams = [company.group(f"g{n}", *(f"e{m}" for m in range(n, 200, 20))) for n in range(20)]
    scenario = company.scenarios[0]
    branches = tuple(
        replace(branch, chain=Chain((Dial((teams[at % 20],)),), net=(Dial((teams[at % 7],)),)))
        for at, branch in enumerate(scenario.branches)
    )
    default = replace(scenario.default, chain=Chain((Dial(tuple(teams)),)))
    company.scenarios[0] = replace(scenario, branches=branches, default=default)
    return company.snapshot


CASES = {
    "typical": lambda: typical()[0].snapshot,
    "200 employees, 10 schedules": lambda: large(10, ZONES[:1]),
    "200 employees, 20 schedules in 4 zones": lambda: large(20, ZONES),
    "200 employees, 200 schedules in 4 zones": lambda: large(200, ZONES),
}


@pytest.mark.parametrize("name", CASES)
def test_check(benchmark, name):
    snapshot = CASES[name]()
    report = benchmark(check, snapshot, INSTANT)
    assert report.gaps[0].spans
    assert len(snapshot.scenarios[0].branches) in (2, FILTERS)
