"""Whole companies with moments and calls, for Hypothesis.

References may be dangling, lists empty, people in several groups, steps full of duplicates: nothing
is filtered that a broken import or a deletion could leave behind. But most things are in order, or
nobody would ever ring: ``mostly`` weighs them.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
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
_WEEKS = st.lists(_DAYS, min_size=5, max_size=8).map(tuple)
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
_PERIODS = st.builds(ExtraPeriod, st.sampled_from(PeriodKind), _MOMENTS, _MOMENTS)
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


def mostly(usual: Sequence[Any], rare: Sequence[Any]) -> SearchStrategy[Any]:
    """One of the usual values four times out of five."""
    return st.integers(0, 4).flatmap(lambda dice: st.sampled_from(rare if dice == 4 else usual))


_MODES = mostly(list(AvailabilityMode)[1:], [AvailabilityMode.UNAVAILABLE])


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
            cards[draw(st.sampled_from(people))].append(phone)
    addressees = _addressees(people, teams)
    hang_ups = st.builds(
        HangUp, task=st.one_of(st.none(), st.builds(Executor, st.sampled_from(_TASKS)))
    )
    managers = st.builds(ManagerFirst, st.integers(1, 60), st.one_of(st.none(), hang_ups))
    dials = st.builds(
        Dial,
        st.lists(addressees, max_size=6).map(tuple),
        st.sampled_from(DialMode),
        st.integers(1, 120),
        st.integers(1, 40),
        st.one_of(st.none(), managers),
    )
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
        terminals=tuple(_terminal(draw, phone, hours) for phone in phones if draw(mostly([1], [1, 0]))),
        groups=tuple(_group(draw, team, [*people, UUID(int=9)]) for team in teams),
        numbers=tuple(
            Number(UUID(int=50 + at), number, scenario_id=draw(_maybe([*scripts, UUID(int=9)])))
            for at, number in enumerate(draw(st.lists(st.sampled_from(NUMBERS), unique=True)))
        ),
        scenarios=tuple(_scenario(draw, script, dials, hang_ups, hours) for script in scripts),
    )
    inside = [step for s in snapshot.scenarios for step in s.default.chain.all_steps]
    return Case(
        snapshot=snapshot,
        live=Live(
            registered=frozenset(
                phone for phone in [*phones, UUID(int=9)] if draw(mostly([True], [False]))
            ),
            calls={phone: draw(mostly([0], [1, 2, 256, 300])) for phone in [*phones, UUID(int=9)]},
            talked={person: draw(st.integers(0, 3)) for person in [*people, UUID(int=9)]},
            modes={person: draw(_MODES) for person in [*people, UUID(int=9)] if draw(st.booleans())},
        ),
        steps=[*(step for step in inside if isinstance(step, Dial)), draw(dials)],
        calls=[_call(draw, phones, people) for _ in range(draw(st.integers(1, 3)))],
        instant=draw(INSTANTS),
        seed=draw(st.integers(0, 2**63 - 1)),
    )


def _maybe(ids: list[UUID]) -> SearchStrategy[UUID | None]:
    return st.one_of(st.none(), st.sampled_from(ids))


def _addressees(people: list[UUID], teams: list[UUID]) -> SearchStrategy[Addressee]:
    by_kind = {
        AddresseeKind.EMPLOYEE: mostly([*map(str, people), "odd"], [str(UUID(int=9))]),
        AddresseeKind.GROUP: mostly([*map(str, teams), "odd"], [str(UUID(int=9))]),
        AddresseeKind.EXTENSION: st.sampled_from(EXTENSIONS),
        AddresseeKind.EXTERNAL: st.sampled_from(NUMBERS),
    }
    return st.sampled_from(AddresseeKind).flatmap(
        lambda kind: by_kind[kind].map(lambda ref: Addressee(kind, ref))
    )


def _employee(draw: DrawFn, key: UUID, terminals: list[UUID], hours: Hours) -> Employee:
    return Employee(
        id=key,
        name="",
        extension=draw(st.one_of(st.none(), st.sampled_from(EXTENSIONS))),
        dial_mode=draw(st.sampled_from(DialMode)),
        terminals=tuple(terminals),
        timezone=draw(st.one_of(st.none(), st.sampled_from(ZONES))),
        schedule_id=draw(_maybe(hours.schedules)),
        calendar_id=draw(_maybe(hours.calendars)),
        extra=tuple(draw(st.lists(_PERIODS, max_size=2))),
    )


def _terminal(draw: DrawFn, key: UUID, hours: Hours) -> Terminal:
    return Terminal(
        id=key,
        employee_id=UUID(int=9),
        kind=draw(st.sampled_from(TerminalKind)),
        address=draw(mostly(["0051234567", "+79161234567"], [""])),
        active=draw(mostly([True], [False])),
        main=draw(mostly([True], [False])),
        ring_seconds=draw(st.integers(0, 100)),
        channels=draw(mostly([1, 2], [0, 255, 300])),
        schedule_id=draw(_maybe(hours.schedules)),
    )


def _group(draw: DrawFn, key: UUID, people: list[UUID]) -> Group:
    return Group(
        id=key,
        name="",
        extension=draw(st.one_of(st.none(), st.sampled_from(EXTENSIONS))),
        dial_mode=draw(st.sampled_from(DialMode)),
        ring_seconds=draw(st.integers(0, 100)),
        members=draw(_some(people, 6)),
    )


def _scenario(
    draw: DrawFn,
    key: UUID,
    dials: SearchStrategy[Dial],
    hang_ups: SearchStrategy[HangUp],
    hours: Hours,
) -> Scenario:
    def branch(at: int) -> Branch:
        steps = st.lists(st.one_of(dials, dials, hang_ups), max_size=2).map(tuple)
        chains = st.builds(Chain, steps, net=steps)
        return Branch(
            UUID(int=key.int + (1 << 80) + at),
            "",
            draw(chains),
            filter=draw(st.one_of(st.none(), _FILTERS)),
            schedule_id=draw(_maybe(hours.schedules)),
            calendar_id=draw(_maybe(hours.calendars)),
            off_hours=draw(st.one_of(st.none(), chains)),
        )

    branches = tuple(branch(at) for at in range(draw(st.integers(0, 3))))
    return Scenario(
        key, "", draw(st.integers(1, 9)), branch(9), branches, enabled=draw(mostly([True], [False]))
    )


def _call(draw: DrawFn, phones: list[UUID], people: list[UUID]) -> CallFacts:
    return CallFacts(
        call_id=UUID(int=2),
        tenant_id=TENANT,
        direction=draw(mostly([Direction.INCOMING], list(Direction))),
        caller=draw(st.one_of(st.none(), st.sampled_from(NUMBERS))),
        called=draw(st.sampled_from([*NUMBERS, "101", ""])),
        terminal_id=draw(_maybe([*phones, UUID(int=9)])),
        tags=frozenset(draw(st.lists(st.sampled_from(TAGS), max_size=2))),
        regions=tuple(draw(st.lists(st.sampled_from(REGIONS), max_size=2))),
        manager_id=draw(_maybe([*people, UUID(int=9)])),
    )
