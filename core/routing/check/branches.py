"""Filters that never take a call, chains that never handle one, and moments that nobody takes."""

from __future__ import annotations

from collections.abc import Iterator

from core.contracts import Branch
from core.routing.check.callers import ANYBODY, fits
from core.routing.check.findings import Code, Finding, Severity
from core.routing.check.survey import Survey

__all__ = ["branches"]


def branches(survey: Survey) -> Iterator[Finding]:
    """What is wrong with the filters of a scenario (FLT-11, FLT-12, H-3)."""
    for index, branch in enumerate(survey.takes.branches):
        if finding := _never(survey, index, branch):
            yield finding
        else:
            yield from _unused(survey, branch, survey.takes.open[index])
    if closed := survey.ways[ANYBODY].untaken:
        yield survey.finding(
            Code.CLOSED_WITHOUT_CHAIN,
            Severity.WARNING,
            survey.place(survey.scenario.default),
            moments=closed,
            witness=survey.call(ANYBODY, closed),
        )


def _never(survey: Survey, index: int, branch: Branch) -> Finding | None:
    """Why no call at all gets to a branch, if so."""
    if survey.reach(branch, False) | survey.reach(branch, True):
        return None
    place = survey.place(branch)
    callers = [caller for caller in survey.ways if fits(survey.scenario, branch, caller)]
    if not callers:
        return survey.finding(Code.NO_SUCH_CALLER, Severity.WARNING, place)
    takes = survey.year.all if branch.off_hours is not None else survey.takes.open[index]
    if not takes:
        return survey.finding(Code.BRANCH_NEVER_OPEN, Severity.WARNING, place)
    by = {
        share.branch.id: None
        for caller in callers
        for share in survey.ways[caller].shares
        if share.moments & takes
    }
    return survey.finding(
        Code.BRANCH_COVERED,
        Severity.WARNING,
        place,
        witness=survey.call(callers[0], takes),
        by=[str(earlier) for earlier in by],
    )


def _unused(survey: Survey, branch: Branch, is_open: int) -> Iterator[Finding]:
    """Which of the two chains handles no call, although the branch takes some."""
    for off_hours in (False, True):
        wanted = branch.off_hours is not None or not off_hours
        if wanted and not survey.reach(branch, off_hours):
            moments = survey.year.all & ~is_open if off_hours else is_open
            yield survey.finding(
                Code.CHAIN_UNUSED,
                Severity.NOTE,
                survey.place(branch, off_hours),
                reason="covered" if moments else "always_open" if off_hours else "never_open",
            )
