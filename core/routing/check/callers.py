"""Which branch takes which callers when: set algebra over tags, regions and time.

A caller is a set of tags, a set of regions and a moment. A filter fits if it shares one value with the
caller, so more tags or regions never make it fit less. Hence, if anybody at all reaches a branch at a
moment, then so does a caller who has nothing but one value of that branch: with everything else taken
away the branch still fits him, and no earlier branch fits him that did not before. And whomever no
branch takes, no branch takes a caller without anything. So it is enough, and exact, to follow these
few *plain callers* through the branches, each with the whole year as one set of moments:

* one without tags and regions,
* one for each tag that a filter names,
* one for each origin with a region that a filter names: a single region, unless the numbering plan is
  known, which says in what sets regions come (a range of numbers may belong to two).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple
from uuid import UUID

from core.contracts import Branch, Chain, RegionFilter, Scenario, TagFilter
from core.routing.check.moments import Moments
from core.routing.check.year import Year

__all__ = ["ANYBODY", "Caller", "Origins", "Share", "Takes", "Ways", "callers_of", "fits"]

Origins = Mapping[tuple[int, ...], str]
"""From which regions numbers are, and some number of each: what a numbering plan knows."""


class Caller(NamedTuple):
    """Somebody with at most one tag, or from one origin; ``number`` if one is known."""

    tags: tuple[UUID, ...] = ()
    regions: tuple[int, ...] = ()
    number: str | None = None


ANYBODY = Caller()
"""Whom no filter fits."""


class Share(NamedTuple):
    """What one chain gets of a caller's year. ``off_hours`` tells which of the branch's chains."""

    branch: Branch
    off_hours: bool
    chain: Chain
    moments: Moments


class Ways(NamedTuple):
    """A caller's way through a scenario: who takes the calls when, and when nobody does."""

    shares: tuple[Share, ...]
    untaken: Moments


def callers_of(scenario: Scenario, origins: Origins | None) -> list[Caller]:
    """The plain callers of a scenario, ``ANYBODY`` first."""
    filters = [branch.filter for branch in scenario.branches]
    tags = dict.fromkeys(tag for each in filters if isinstance(each, TagFilter) for tag in each.tags)
    named = dict.fromkeys(
        region for each in filters if isinstance(each, RegionFilter) for region in each.regions
    )
    if origins is None:
        places = [Caller(regions=(region,)) for region in named]
    else:
        places = [
            Caller(regions=regions, number=number)
            for regions, number in origins.items()
            if not named.keys().isdisjoint(regions)
        ]
    return [ANYBODY, *(Caller(tags=(tag,)) for tag in tags), *places]


def fits(scenario: Scenario, branch: Branch, caller: Caller) -> bool:
    """Whether a branch looks at this caller at all; the default one looks at everybody (FLT-12)."""
    if branch is scenario.default or branch.filter is None:
        return True
    if isinstance(branch.filter, TagFilter):
        return any(tag in branch.filter.tags for tag in caller.tags)
    return any(region in branch.filter.regions for region in caller.regions)


class Takes:
    """When the branches of a scenario would take a call (``core._slowroute``), whoever calls."""

    def __init__(self, year: Year, scenario: Scenario) -> None:
        self._year = year
        self.scenario = scenario
        self.branches = (*scenario.branches, scenario.default)
        self.open = [year.open(year.hours_of(branch)) for branch in self.branches]

    def ways(self, caller: Caller) -> Ways:
        """Follow a caller through the year, branch by branch in order of creation (FLT-11, H-3)."""
        shares: list[Share] = []
        left = self._year.all
        for branch, is_open in zip(self.branches, self.open, strict=True):
            if not left:
                break
            if fits(self.scenario, branch, caller):
                shares += self._shares(branch, left, is_open)
                left = 0 if branch.off_hours is not None else left & ~is_open
        return Ways(tuple(shares), left)

    def _shares(self, branch: Branch, left: Moments, is_open: Moments) -> Iterator[Share]:
        if working := left & is_open:
            yield Share(branch, False, branch.chain, working)
        if branch.off_hours is not None and (closed := left & ~is_open):
            yield Share(branch, True, branch.off_hours, closed)
