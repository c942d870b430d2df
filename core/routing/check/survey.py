"""One scenario with its plain callers followed through the year: what the other checks ask."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from core.contracts import Branch, Chain, Number, Scenario
from core.routing.check.callers import Caller, Origins, Takes, Ways, callers_of
from core.routing.check.findings import Code, Finding, Place, Severity, Witness
from core.routing.check.moments import Moments
from core.routing.check.year import Year

__all__ = ["Survey"]


class Survey:
    """A scenario; ``numbers`` are those whose calls it handles now, none while it is disabled."""

    def __init__(self, year: Year, scenario: Scenario, origins: Origins | None) -> None:
        self.year = year
        self.scenario = scenario
        self.takes = Takes(year, scenario)
        self.numbers: tuple[Number, ...] = tuple(
            number
            for number in year.snapshot.numbers
            if number.scenario_id == scenario.id and scenario.enabled
        )
        self.ways: dict[Caller, Ways] = {
            caller: self.takes.ways(caller) for caller in callers_of(scenario, origins)
        }
        self._reach: dict[tuple[UUID, bool], Moments] = {}
        for way in self.ways.values():
            for share in way.shares:
                key = share.branch.id, share.off_hours
                self._reach[key] = self._reach.get(key, 0) | share.moments

    def reach(self, branch: Branch, off_hours: bool) -> Moments:
        """When there is a caller whom this chain of the branch handles."""
        return self._reach.get((branch.id, off_hours), 0)

    def chains(self) -> Iterator[tuple[Branch, bool, Chain]]:
        """All chains, in order of creation."""
        for branch in self.takes.branches:
            yield branch, False, branch.chain
            if branch.off_hours is not None:
                yield branch, True, branch.off_hours

    def witness(self, branch: Branch, off_hours: bool, moments: Moments) -> Witness | None:
        """A call that this chain handles at one of these moments, the earliest of its caller."""
        for caller, way in self.ways.items():
            for share in way.shares:
                shared = share.moments & moments
                if shared and share.branch is branch and share.off_hours is off_hours:
                    return self.call(caller, shared)
        return None

    def call(self, caller: Caller, moments: Moments) -> Witness:
        """The earliest call of this caller at one of these moments."""
        called = self.numbers[0].e164 if self.numbers else ""
        return Witness(called, self.year.timeline.first(moments), *caller)

    def place(self, branch: Branch, off_hours: bool | None = None, step: int | None = None) -> Place:
        """Somewhere in this scenario."""
        return Place(scenario_id=self.scenario.id, branch_id=branch.id, off_hours=off_hours, step=step)

    def finding(
        self,
        code: Code,
        severity: Severity,
        place: Place,
        *,
        moments: Moments = 0,
        witness: Witness | None = None,
        **data: Any,
    ) -> Finding:
        """A finding that concerns the numbers of this scenario."""
        numbers = tuple(number.id for number in self.numbers)
        spans = self.year.timeline.spans(moments) if moments else ()
        return Finding(code, severity, place, numbers, spans, witness, data)
