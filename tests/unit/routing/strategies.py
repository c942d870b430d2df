"""Whole companies with moments and calls, for Hypothesis.

References may be dangling, lists empty, people in several groups, steps full of duplicates: nothing
is filtered that a broken import or a deletion could leave behind. But most things are in order, or
nobody would ever ring: ``mostly`` weighs them.

Drawing costs forty times what both cores take for their answers, so little is drawn one by one: what
is said of a telephone in a few words is one draw among all that may be said (``_each_of``), and
strategies are made once.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from functools import cache
from itertools import product
from typing import Any, NamedTuple
from uuid import UUID

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy, composite

from core.contracts import (
    Addressee,
    AddresseeKind,
    AvailabilityMode,
    Branch,
    CallFacts,
    Chain,
    Dial,
    DialMode,
    Direction,
    Employee,
    Executor,
    ExecutorKind,
    Group,
    HangUp,
    Live,
    ManagerFirst,
    Number,
    RegionFilter,
    Scenario,
    Snapshot,
    TagFilter,
    Terminal,
    TerminalKind,
)
from core.hours import Calendar, CalendarDay, ExtraPeriod, Interval, PeriodKind, Schedule


def _ids(kind: int, count: int) -> list[UUID]:
    return [UUID(int=(kind << 64) | position) for position in range(count)]


TENANT = UUID(int=1)
NUMBERS = ["+74951234567", "+74951234568", "+78125550000", "+4930123456", "+99"]
EXTENSIONS = ["10", "101", "102", "999999"]


ZONES = ["Europe/Moscow", "Asia/Vladivostok", "Europe/Berlin", "Australia/Lord_Howe", "No/Where"]
TAGS = _ids(7, 3)
_TASKS = [ExecutorKind.FIRST, ExecutorKind.LAST, ExecutorKind.MANAGER]
REGIONS = [77, 50, 78]
INSTANTS = st.floats(0, 4_133_980_800).map(lambda seconds: seconds // 60 * 60)
"""Whole minutes from 1970 to 2100: edges of intervals are met more often."""


class Hours(NamedTuple):
    """Ids to choose from; some are dangling."""

    schedules: list[UUID]
    calendars: list[UUID]


_INTERVALS = st.tuples(st.integers(0, 1440), st.integers(0, 2880)).map(lambda edges: Interval(*edges))
_DAYS = st.lists(_INTERVALS, max_size=3).map(tuple)
_WEEKS = st.tuples(
    st.lists(_DAYS, min_size=1, max_size=3), st.integers(5, 8), st.integers(0, 3**8 - 1)
).map(lambda week: tuple(week[0][week[2] // 3**day % 3 % len(week[0])] for day in range(week[1])))
"""Up to three kinds of days, one after the other as the digits of a number say."""
_DATES = st.lists(
    st.builds(
        CalendarDay,
        st.dates(date(1970, 1, 1), date(2101, 1, 1)),
        st.booleans(),
        st.one_of(st.none(), st.integers(0, 6)),
    ),
    max_size=4,
).map(tuple)
_MOMENTS = st.datetimes(datetime.fromisoformat("1970-01-01"), datetime.fromisoformat("2101-01-01"))
_PERIODS = st.lists(st.builds(ExtraPeriod, st.sampled_from(PeriodKind), _MOMENTS, _MOMENTS), max_size=2)
_HANG_UPS = st.sampled_from([HangUp(), *(HangUp(task=Executor(kind)) for kind in _TASKS)])
_MANAGERS = st.one_of(
    st.none(), st.builds(ManagerFirst, st.integers(1, 60), st.one_of(st.none(), _HANG_UPS))
)
_COIN = st.booleans()
_FILTERS = st.one_of(
    st.lists(st.sampled_from(TAGS), max_size=2).map(lambda tags: TagFilter(tuple(tags))),
    st.lists(st.sampled_from(REGIONS), max_size=2).map(lambda codes: RegionFilter(tuple(codes))),
)


class Case(NamedTuple):
    """A company, the moment, and what to ask."""

    snapshot: Snapshot
    live: Live
    steps: list[Dial]
    calls: list[CallFacts]
    instant: float
    seed: int


def _weighed(usual: Sequence[Any], rare: Sequence[Any]) -> list[Any]:
    """One of the usual values four times out of five."""
    return [each for each in usual for _ in range(4 * len(rare))] + list(rare) * len(usual)


@cache
def _one_of(values: tuple[Any, ...]) -> SearchStrategy[Any]:
    return st.sampled_from(values)


def mostly(usual: Sequence[Any], rare: Sequence[Any]) -> SearchStrategy[Any]:
    """One of the usual values four times out of five."""
    return _one_of(tuple(_weighed(usual, rare)))


def _each_of(*choices: Sequence[Any]) -> SearchStrategy[tuple[Any, ...]]:
    """One of each, drawn at once."""
    return st.sampled_from(list(product(*choices)))


_PHONES = _each_of(
    list(TerminalKind),
    _weighed(["0051234567", "+79161234567"], [""]),
    [True] * 4 + [False],
    [True] * 4 + [False],
    _weighed([1, 2], [0, 255, 300]),
)
_THERE = st.sampled_from([True] * 9 + [False])
_SECONDS = st.integers(0, 100)
_CARDS = _each_of([None, *EXTENSIONS], list(DialMode), [None, *ZONES])
_TEAMS = _each_of([None, *EXTENSIONS], list(DialMode))
_LINES = _each_of([True] * 4 + [False], _weighed([0], [1, 2, 256, 300]))
_PEOPLE = _each_of(
    range(4), [None, *_weighed(list(AvailabilityMode)[1:], [AvailabilityMode.UNAVAILABLE])]
)
_CALLS = _each_of(
    _weighed([Direction.INCOMING], list(Direction)),
    [None, *NUMBERS],
    _weighed(range(len(NUMBERS)), ["101", "", *NUMBERS]),
)
"""Whom they call is one of the company's numbers, by its place."""
_OWN = st.permutations(NUMBERS).flatmap(lambda all_: st.integers(0, 3).map(lambda n: all_[: n + 1]))
_CALLERS = st.tuples(
    st.lists(st.sampled_from(TAGS), max_size=2).map(frozenset),
    st.lists(st.sampled_from(REGIONS), max_size=2).map(tuple),
)


def _some(ids: list[UUID], most: int) -> SearchStrategy[tuple[UUID, ...]]:
    return st.lists(st.sampled_from(ids), max_size=most).map(tuple) if ids else st.just(())


@composite
def cases(draw: DrawFn) -> Case:
    """Anything."""
    sizes = ((1, mostly(range(2, 7), [0, 1])), (2, mostly(range(6, 13), range(6))))
    sizes += ((3, mostly([2, 3], [0, 1])), (4, mostly([1, 2, 3], [0])))
    people, phones, teams, scripts = (_ids(kind, draw(size)) for kind, size in sizes)
    # Each terminal is on one card; some cards name terminals that are gone.
    cards: dict[UUID, list[UUID]] = {person: [] for person in people}
    for phone in phones:
        if people:
            cards[draw(_one_of(tuple(people)))].append(phone)
    addressees = _addressees(people, teams)
    dials = st.tuples(
        st.lists(addressees, max_size=6).map(tuple),
        st.sampled_from(DialMode),
        st.integers(1, 120),
        st.integers(1, 40),
        _MANAGERS,
    ).map(lambda dial: Dial(*dial))
    plans = _ids(5, draw(st.integers(0, 2)))
    dates = _ids(6, draw(st.integers(0, 2)))
    hours = Hours([*plans, UUID(int=9)], [*dates, UUID(int=9)])
    snapshot = Snapshot(
        tenant_id=TENANT,
        version=1,
        hash="",
        name="",
        timezone=draw(st.sampled_from(ZONES)),
        schedules=tuple(Schedule(key, "", draw(_WEEKS)) for key in plans),
        calendars=tuple(Calendar(key, "", draw(_DATES)) for key in dates),
        employees=tuple(_employee(draw, person, cards[person], hours) for person in people),
        terminals=tuple(_terminal(draw, phone, hours) for phone in phones if draw(_THERE)),
        groups=tuple(_group(draw, team, [*people, UUID(int=9)]) for team in teams),
        numbers=tuple(
            Number(UUID(int=50 + at), number, scenario_id=draw(_handled(scripts)))
            for at, number in enumerate(draw(_OWN))
        ),
        scenarios=tuple(_scenario(draw, script, dials, hours) for script in scripts),
    )
    inside = [step for s in snapshot.scenarios for step in s.default.chain.all_steps]
    return Case(
        snapshot=snapshot,
        live=_live(draw, [*phones, UUID(int=9)], [*people, UUID(int=9)]),
        steps=[*(step for step in inside if isinstance(step, Dial)), draw(dials)],
        calls=[_call(draw, phones, people, snapshot.numbers) for _ in range(draw(st.integers(1, 3)))],
        instant=draw(INSTANTS),
        seed=draw(st.integers(0, 2**63 - 1)),
    )


def _live(draw: DrawFn, phones: list[UUID], people: list[UUID]) -> Live:
    lines = {phone: draw(_LINES) for phone in phones}
    who = {person: draw(_PEOPLE) for person in people}
    return Live(
        registered=frozenset(phone for phone, (there, _) in lines.items() if there),
        calls={phone: calls for phone, (_, calls) in lines.items()},
        talked={person: seconds for person, (seconds, _) in who.items()},
        modes={person: mode for person, (_, mode) in who.items() if mode is not None},
    )


def _handled(scripts: Sequence[UUID]) -> SearchStrategy[UUID | None]:
    return mostly(scripts, [None, UUID(int=9)]) if scripts else _one_of((None, UUID(int=9)))


def _maybe(ids: Sequence[UUID]) -> SearchStrategy[UUID | None]:
    """One of them as often as none."""
    return _one_of((*[None] * len(ids), *ids))


def _addressees(people: list[UUID], teams: list[UUID]) -> SearchStrategy[Addressee]:
    known = {AddresseeKind.EMPLOYEE: 4 * people, AddresseeKind.GROUP: 4 * teams}
    refs = {kind: [*map(str, ids), "odd", str(UUID(int=9))] for kind, ids in known.items()}
    refs |= {AddresseeKind.EXTENSION: EXTENSIONS, AddresseeKind.EXTERNAL: [*NUMBERS, "+79161234567"]}
    return _one_of(tuple(Addressee(kind, ref) for kind, each in refs.items() for ref in each))


def _employee(draw: DrawFn, key: UUID, terminals: list[UUID], hours: Hours) -> Employee:
    extension, dial_mode, timezone = draw(_CARDS)
    return Employee(
        id=key,
        name="",
        extension=extension,
        dial_mode=dial_mode,
        terminals=tuple(terminals),
        timezone=timezone,
        schedule_id=draw(_maybe(hours.schedules)),
        calendar_id=draw(_maybe(hours.calendars)),
        extra=tuple(draw(_PERIODS)),
    )


def _terminal(draw: DrawFn, key: UUID, hours: Hours) -> Terminal:
    kind, address, active, main, channels = draw(_PHONES)
    return Terminal(
        id=key,
        employee_id=UUID(int=9),
        kind=kind,
        address=address,
        active=active,
        main=main,
        ring_seconds=draw(_SECONDS),
        channels=channels,
        schedule_id=draw(_maybe(hours.schedules)),
    )


def _group(draw: DrawFn, key: UUID, people: list[UUID]) -> Group:
    extension, dial_mode = draw(_TEAMS)
    return Group(
        id=key,
        name="",
        extension=extension,
        dial_mode=dial_mode,
        ring_seconds=draw(_SECONDS),
        members=draw(_some(people, 6)),
    )


def _scenario(draw: DrawFn, key: UUID, dials: SearchStrategy[Dial], hours: Hours) -> Scenario:
    steps = st.lists(st.one_of(dials, dials, _HANG_UPS), max_size=2).map(tuple)
    chains = st.tuples(steps, steps).map(lambda chain: Chain(chain[0], net=chain[1]))

    def branch(at: int) -> Branch:
        return Branch(
            UUID(int=key.int + (1 << 80) + at),
            "",
            draw(chains),
            filter=draw(_FILTERS) if draw(_COIN) else None,
            schedule_id=draw(_maybe(hours.schedules)),
            calendar_id=draw(_maybe(hours.calendars)),
            off_hours=draw(chains) if draw(_COIN) else None,
        )

    branches = tuple(branch(at) for at in range(draw(st.integers(0, 3))))
    return Scenario(
        key, "", draw(st.integers(1, 9)), branch(9), branches, enabled=draw(mostly([True], [False]))
    )


def _call(draw: DrawFn, phones: list[UUID], people: list[UUID], numbers: Sequence[Number]) -> CallFacts:
    direction, caller, called = draw(_CALLS)
    if isinstance(called, int):
        called = numbers[called % len(numbers)].e164 if numbers else NUMBERS[called]
    tags, regions = draw(_CALLERS)
    return CallFacts(
        call_id=UUID(int=2),
        tenant_id=TENANT,
        direction=direction,
        caller=caller,
        called=called,
        terminal_id=draw(_maybe([*phones, UUID(int=9)])),
        tags=tags,
        regions=regions,
        manager_id=draw(_maybe([*people, UUID(int=9)])),
    )
