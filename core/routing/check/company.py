"""All checks of one company, in one pass: «Проверка сценария»."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from math import floor
from types import MappingProxyType
from uuid import UUID

from core.contracts import AvailabilityMode, Snapshot
from core.routing.blocks import STEPS
from core.routing.check.branches import branches
from core.routing.check.callers import Origins
from core.routing.check.chains import Chains
from core.routing.check.findings import Code, Finding, NumberGaps, Place, Report, Severity, Span
from core.routing.check.gaps import gap_of, gaps
from core.routing.check.menus import menus
from core.routing.check.people import People
from core.routing.check.survey import Survey
from core.routing.check.targets import hours_gone, targets
from core.routing.check.year import Year, year_after
from core.routing.compiled import compile_snapshot

__all__ = ["check"]

_GRAVEST = tuple(Severity)
_ALL_ON_SCHEDULE: Mapping[UUID, AvailabilityMode] = MappingProxyType({})


def check(
    snapshot: Snapshot,
    instant: float,
    *,
    modes: Mapping[UUID, AvailabilityMode] = _ALL_ON_SCHEDULE,
    tags_in_use: Set[UUID] | None = None,
    origins: Origins | None = None,
    steps: Set[str] = STEPS,
) -> Report:
    """What is wrong with a company's configuration in the 12 months from ``instant`` (epoch seconds).

    Pure and exact: every finding follows from the rules of ``route`` and ``plan``, for all callers and
    all moments at once. ``modes`` are those of the employees now, ``tags_in_use`` the tags that
    contacts have, ``origins`` the sets of regions that the numbering plan knows; without them nothing
    is said of tags that nobody has, and every region is taken to have numbers of its own. ``steps``
    are the names that plugins registered.
    """
    start = floor(instant)
    if snapshot.suspended:
        return _suspended(snapshot, start)
    whole = _Company(Year(compile_snapshot(snapshot), start, modes), origins, steps)
    findings = sorted(whole.findings(tags_in_use), key=lambda found: _GRAVEST.index(found.severity))
    line = whole.year.timeline
    return Report(snapshot.hash, start, line.cuts[-1], tuple(findings), tuple(whole.gaps()))


class _Company:
    """Everything that the checks share."""

    def __init__(self, year: Year, origins: Origins | None, steps: Set[str]) -> None:
        self.year = year
        self.people = People(self.year)
        self.chains = Chains(self.year, self.people, steps)
        self.surveys = [
            Survey(self.year, scenario, origins) for scenario in self.year.snapshot.scenarios
        ]

    def findings(self, tags_in_use: Set[UUID] | None) -> Iterator[Finding]:
        """In no order."""
        yield from self._numbers()
        yield from hours_gone(self.year)
        for survey in self.surveys:
            yield from branches(survey)
            yield from gaps(survey, self.chains)
            yield from targets(survey, self.people, self.chains, tags_in_use)
            yield from menus(survey, self.people, self.chains)

    def gaps(self) -> Iterator[NumberGaps]:
        """Of every number, in the order of the contract."""
        line = self.year.timeline
        spans = {
            number.id: line.spans(gap_of(survey, self.chains))
            for survey in self.surveys
            for number in survey.numbers
        }
        nobody = line.spans(line.all)
        for number in self.year.snapshot.numbers:
            yield NumberGaps(number.id, spans.get(number.id, nobody))

    def _numbers(self) -> Iterator[Finding]:
        scenarios = {survey.scenario.id: survey.scenario for survey in self.surveys}
        for number in self.year.snapshot.numbers:
            place = Place(number_id=number.id, scenario_id=number.scenario_id)
            scenario = scenarios.get(number.scenario_id) if number.scenario_id else None
            if scenario is None:
                code = Code.NUMBER_WITHOUT_SCENARIO
            elif not scenario.enabled:
                code = Code.SCENARIO_DISABLED
            else:
                continue
            yield Finding(code, Severity.ERROR, place, (number.id,))


def _suspended(snapshot: Snapshot, start: int) -> Report:
    end = year_after(start)
    numbers = tuple(number.id for number in snapshot.numbers)
    always = (Span(start, end),)
    return Report(
        snapshot.hash,
        start,
        end,
        (Finding(Code.SUSPENDED, Severity.ERROR, Place(), numbers, always),),
        tuple(NumberGaps(number, always) for number in numbers),
    )
