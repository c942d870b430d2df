"""The companies, callers and numbering plans that the routing core is measured with; by a seed."""

from __future__ import annotations

import random
from array import array
from typing import NamedTuple

from core.contracts import Branch, Chain, Dial, DialMode, RegionFilter, Scenario, TagFilter
from core.ids import new_id
from core.regions import SUBJECTS
from core.routing.tables import SLOW, Core
from tests.unit.routing.company import NUMBER, Company

RANGES = 450_000
FILTERS = 50
INSTANT = 1_800_000_000.0
"""Friday, 15 January 2027, 11:00 in Moscow."""

_SEED = 4711
_TAGS = 60
_DIGITS = 10**10
_FIRST = 3 * 10**9  # Russian area codes begin with 3, 4, 8 and 9


def typical(core: Core = SLOW) -> tuple[Company, Dial]:
    """Ten employees with three lines each and office hours, two groups; three branches: a tag, two
    regions, and all others, whose call rings five people with fifteen lines."""
    company = Company(core)
    hours = {"schedule_id": company.office_hours(), "calendar_id": company.calendar("2027-01-01")}
    people = [company.employee(f"e{n}", 3, extension=str(100 + n), **hours) for n in range(10)]
    sales = company.group("sales", *(f"e{n}" for n in range(5)), extension="200")
    service = company.group("service", *(f"e{n}" for n in range(5, 10)), extension="201")
    step = Dial((people[0], sales), DialMode.PARALLEL)
    filters = (TagFilter((new_id(),)), RegionFilter((47, 78)))
    branches = tuple(
        Branch(new_id(), "", Chain((Dial((service,)),)), filter=each, **hours) for each in filters
    )
    default = Branch(new_id(), "", Chain((step,)), off_hours=Chain((Dial((people[0],)),)), **hours)
    company.scenarios.append(Scenario(new_id(), "", 3, default, branches))
    company.number(NUMBER, company.scenarios[-1])
    return company, step


def large(core: Core = SLOW) -> tuple[Company, Dial]:
    """200 employees with 600 terminals in 20 groups of both modes."""
    company = Company(core)
    for n in range(200):
        company.employee(f"e{n}", 3, dial_mode=list(DialMode)[n % 2])
    groups = [
        company.group(
            f"g{n}", *(f"e{m}" for m in range(n * 10, n * 10 + 10)), dial_mode=list(DialMode)[n % 2]
        )
        for n in range(20)
    ]
    step = Dial(tuple(groups), DialMode.PARALLEL)
    company.number(NUMBER, company.scenario(step))
    return company, step


def filtered(core: Core = SLOW) -> Company:
    """A scenario of fifty filters: by three tags and by four regions in turn, every third at night."""
    company, dice = Company(core), random.Random(_SEED)
    tags = [new_id() for _ in range(_TAGS)]
    night = {"schedule_id": company.office_hours("20:00-30:00"), "calendar_id": company.calendar()}

    def branch(at: int) -> Branch:
        of_tags = TagFilter(tuple(dice.sample(tags, 3)))
        of_regions = RegionFilter(tuple(dice.sample(list(SUBJECTS), 4)))
        hours = night if at % 3 == 2 else {}
        return Branch(new_id(), "", Chain(), filter=of_regions if at % 2 else of_tags, **hours)

    branches = tuple(branch(at) for at in range(FILTERS))
    default = Branch(new_id(), "", Chain())
    company.scenarios.append(Scenario(new_id(), "", 1, default, branches))
    company.number(NUMBER, company.scenarios[-1])
    return company


class Caller(NamedTuple):
    """Somebody from anywhere: the digits of his number, and indices of his contact's tags."""

    digits: int
    tags: bytes


def callers(count: int, tags: int = 0) -> list[Caller]:
    """Other numbers each; with ``tags`` known to the core, nine in ten contacts have one or two."""
    dice = random.Random(_SEED)
    found = []
    for _ in range(count):
        own = dice.sample(range(tags), dice.choice([0, *[1] * 5, *[2] * 4])) if tags else []
        found.append(Caller(7 * _DIGITS + dice.randrange(_FIRST, _DIGITS), array("i", own).tobytes()))
    return found


class Numbering(NamedTuple):
    """A plan as ``core.NumberingPlan`` takes it."""

    edges: bytes
    subjects: bytes


def numbering(ranges: int = RANGES) -> Numbering:
    """So many ranges of random lengths; no neighbours are from the same subject, every second one has a
    gap before it, every tenth is from two: a larger table than that of a real plan."""
    dice = random.Random(_SEED)
    edges, subjects = array("Q"), array("H")
    codes, before = list(SUBJECTS), 0
    starts = sorted(dice.sample(range(_FIRST // 10, _DIGITS // 10), ranges))
    for at, start in enumerate(starts):
        if at % 2:
            edges.append(10 * start - 5)
            subjects.append(0)
        code = dice.choice(codes)
        while code == before:
            code = dice.choice(codes)
        edges.append(10 * start)
        subjects.append(code + 256 * dice.choice(codes) if at % 10 == 0 else code)
        before = code
    return Numbering(edges.tobytes(), subjects.tobytes())


def written(count: int) -> list[str]:
    """Russian numbers in the forms that people, phones and carriers write."""
    dice = random.Random(_SEED)
    forms = ("+7{}{}{}{}", "8{}{}{}{}", "7{}{}{}{}", "{}{}{}{}", "8 ({}) {}-{}-{}", "+7 {} {}-{}-{}")
    return [
        dice.choice(forms).format(
            *(dice.randrange(900, 1000), f"{dice.randrange(1000):03}"),
            *(f"{dice.randrange(100):02}" for _ in range(2)),
        )
        for _ in range(count)
    ]
