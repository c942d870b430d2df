"""What a save has made wrong: the findings of now that were not there before."""

from __future__ import annotations

from uuid import UUID

import pytest
from msgspec.structs import replace

from core.routing.check import Code, Finding, Place, Report, Severity, Span, fresh

HERE = Place(scenario_id=UUID(int=1), branch_id=UUID(int=2))
THERE = Place(scenario_id=UUID(int=1), branch_id=UUID(int=3))
GAP = Finding(Code.NOBODY_AT_TIMES, Severity.WARNING, HERE, spans=(Span(100, 200), Span(500, 600)))


def report(*findings: Finding, start: int = 0) -> Report:
    return Report("", start, start + 1000, findings, ())


@pytest.mark.parametrize(
    "other",
    [
        replace(GAP, place=THERE),
        replace(GAP, code=Code.NOBODY_EVER),
        replace(GAP, data={"reason": "off_hours"}),
        replace(GAP, spans=(Span(100, 200), Span(500, 601))),
        replace(GAP, spans=(Span(100, 200), Span(300, 310), Span(500, 600))),
        replace(GAP, spans=(Span(99, 200),)),
    ],
)
def test_another_one_elsewhere_or_for_longer_is_new(other):
    assert fresh(report(GAP), report(other)) == (other,)
    assert fresh(report(), report(GAP)) == (GAP,)


@pytest.mark.parametrize(
    "later",
    [
        GAP,
        replace(GAP, severity=Severity.NOTE),
        replace(GAP, spans=(Span(500, 600),)),
        replace(GAP, spans=(Span(110, 200), Span(500, 590))),
        replace(GAP, spans=()),
    ],
)
def test_the_same_for_as_long_or_shorter_is_not(later):
    assert fresh(report(GAP), report(later)) == ()
    assert fresh(report(GAP), report()) == ()


def test_time_that_passes_makes_no_news():
    after = replace(GAP, spans=(Span(150, 200), Span(500, 600), Span(1000, 1100)))
    assert fresh(report(GAP), report(after, start=150)) == ()
    longer = replace(after, spans=(Span(150, 200), Span(500, 600), Span(990, 1100)))
    assert fresh(report(GAP), report(longer, start=150)) == (longer,)
