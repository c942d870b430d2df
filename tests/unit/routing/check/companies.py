"""Small companies with everything that a check looks at, for Hypothesis, and calls put to them.

The moments are few years in which zones change, and dates lie within the year that is checked.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import chain, combinations
from typing import Any, NamedTuple
from uuid import UUID

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy, composite

from core import routing
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
    Group,
    HangUp,
    Live,
    Menu,
    Number,
    PluginStep,
    RegionFilter,
    Ring,
    Scenario,
    Snapshot,
    TagFilter,
    Terminal,
    TerminalKind,
)
from core.hours import Calendar, CalendarDay, ExtraPeriod, Interval, PeriodKind, Schedule
from core.routing.compiled import Compiled
from core.scenarios import EXTENSIONS, MENU, MESSAGE, KeyAction, MenuKey

NUMBERS = ["+74951234567", "+74951234568", "+78125550000"]
STRANGER = "+79161112233"
TAGS = [UUID(int=(7 << 64) | at) for at in range(2)]
REGIONS = [77, 78]
ZONES = ["Europe/Moscow", "Europe/Berlin", "Australia/Lord_Howe", "Africa/Monrovia", "No/Where"]
STARTS = [
    datetime(2026, 11, 23, 12, 0, 30, tzinfo=UTC),
    datetime(2028, 2, 29, tzinfo=UTC),
    datetime(1971, 6, 1, 5, 7, tzinfo=UTC),  # Monrovia is 44 minutes and 30 seconds behind until 1972
]
GONE = UUID(int=9)
STEPS = frozenset({MENU, EXTENSIONS, "ivr.other"})
"""What the plugins of these companies execute: a voice message is not among it."""


def ids(kind: int, count: int) -> list[UUID]:
    return [UUID(int=(kind << 64) | position) for position in range(count)]


def maybe(keys: Sequence[UUID]) -> SearchStrategy[UUID | None]:
    return st.sampled_from([None, None, *(list(keys) * 6), GONE])


@composite
def _hours(draw: DrawFn, start: datetime) -> tuple[list[Schedule], list[Calendar]]:
    edge = st.integers(0, 8).map(lambda third: 180 * third)
    spans = st.tuples(edge, st.integers(0, 12).map(lambda third: 180 * third))
    day = st.lists(spans.map(lambda pair: Interval(*pair)), max_size=2).map(tuple)
    week = st.lists(day, min_size=5, max_size=8).map(tuple)
    dates = st.integers(-2, 370).map(lambda days: (start + timedelta(days=days)).date())
    special = st.builds(CalendarDay, dates, st.booleans(), st.sampled_from([None, 0, 5]))
    schedules = [
        Schedule(key, "", draw(week)) for key in ids(5, draw(st.sampled_from([0, 1, 1, 2, 2])))
    ]
    calendars = [
        Calendar(key, "", tuple(draw(st.lists(special, max_size=3))))
        for key in ids(6, draw(st.integers(0, 1)))
    ]
    return schedules, calendars


Modes = dict[UUID, AvailabilityMode]
_MODES = st.sampled_from([*[AvailabilityMode.SCHEDULE] * 7, *AvailabilityMode])


class Case(NamedTuple):
    """A company, the instant from which it is checked, and its employees' modes then."""

    snapshot: Snapshot
    start: int
    modes: Modes


@composite
def companies(draw: DrawFn) -> Case:
    """Anything, with a number for every scenario."""
    start = draw(st.sampled_from(STARTS))
    schedules, calendars = draw(_hours(start))
    plans, dates = [each.id for each in schedules], [each.id for each in calendars]
    people, teams = ids(1, draw(st.integers(1, 3))), ids(3, draw(st.integers(0, 1)))
    scripts = ids(4, draw(st.integers(1, 2)))
    phones = ids(2, draw(st.integers(1, 4)))
    owners = {phone: draw(st.sampled_from(people)) for phone in phones}
    minutes = st.integers(-2000, 366 * 1440).map(
        lambda minute: start.replace(tzinfo=None) + timedelta(minutes=minute)
    )
    periods = st.builds(ExtraPeriod, st.sampled_from(PeriodKind), minutes, minutes)

    def employee(key: UUID) -> Employee:
        return Employee(
            key,
            "Иванов",
            draw(st.sampled_from([None, "101"])),
            draw(st.sampled_from(DialMode)),
            terminals=tuple(phone for phone in phones if owners[phone] == key),
            timezone=draw(st.sampled_from([None, *ZONES])),
            schedule_id=draw(maybe(plans)),
            calendar_id=draw(maybe(dates)),
            extra=tuple(draw(st.lists(periods, max_size=2))),
            dialled_from_menu=draw(st.booleans()),
        )

    def terminal(key: UUID) -> Terminal:
        return Terminal(
            key,
            owners[key],
            draw(st.sampled_from(TerminalKind)),
            draw(st.sampled_from([*["0051234567"] * 4, NUMBERS[0], ""])),
            draw(st.sampled_from([True, True, True, False])),
            draw(st.sampled_from([True, True, True, False])),
            25,
            draw(st.sampled_from([1, 1, 1, 0])),
            draw(maybe(plans)),
        )

    menus = ids(8, draw(st.integers(0, 2)))
    targets = _addressees(people, teams)
    blocks = _steps(targets, menus)
    return Case(
        Snapshot(
            tenant_id=UUID(int=1),
            version=1,
            hash="",
            name="",
            timezone=draw(st.sampled_from(ZONES)),
            plugins=frozenset(draw(st.sampled_from([["ivr"]] * 5 + [[]]))),
            employees=tuple(map(employee, people)),
            terminals=tuple(map(terminal, phones)),
            groups=tuple(
                Group(
                    key,
                    "Группа",
                    "102",
                    draw(st.sampled_from(DialMode)),
                    30,
                    draw(_some([*people, GONE])),
                )
                for key in teams
            ),
            numbers=tuple(
                Number(
                    UUID(int=50 + at), e164, scenario_id=draw(st.sampled_from([*(scripts * 4), GONE]))
                )
                if at >= len(scripts)
                else Number(UUID(int=50 + at), e164, scenario_id=scripts[at])
                for at, e164 in enumerate(NUMBERS[: draw(st.integers(len(scripts), len(NUMBERS)))])
            ),
            scenarios=tuple(_scenario(draw, key, blocks, plans, dates) for key in scripts),
            schedules=tuple(schedules),
            calendars=tuple(calendars),
            menus=tuple(_menu(draw, key, targets, menus) for key in menus),
        ),
        int(start.timestamp()),
        {key: mode for key in people if (mode := draw(_MODES)) is not AvailabilityMode.SCHEDULE},
    )


def _some(keys: list[UUID]) -> SearchStrategy[tuple[UUID, ...]]:
    return st.lists(st.sampled_from(keys), max_size=3).map(tuple)


def _addressees(people: list[UUID], teams: list[UUID]) -> SearchStrategy[Addressee]:
    return st.sampled_from(
        [
            *(Addressee(AddresseeKind.EMPLOYEE, str(person)) for person in people * 6),
            *(Addressee(AddresseeKind.GROUP, str(team)) for team in teams * 6),
            *(Addressee(AddresseeKind.EXTENSION, extension) for extension in ("101", "102", "103")),
            *(Addressee(AddresseeKind.EXTERNAL, number) for number in (*NUMBERS, STRANGER)),
            Addressee(AddresseeKind.GROUP, "odd"),
        ]
    )


def _steps(targets: SearchStrategy[Addressee], menus: list[UUID]) -> SearchStrategy[tuple[Any, ...]]:
    lists = st.lists(targets, min_size=1, max_size=3).map(tuple)
    dial = st.builds(Dial, st.one_of(*[lists] * 9, st.just(())), st.sampled_from(DialMode))
    otherwise = st.sampled_from(["next", "next", "hang_up"])
    menu = st.builds(
        lambda key, then: PluginStep(MENU, {"menu_id": str(key), "otherwise": then}),
        st.sampled_from([*menus, *menus, GONE]),
        otherwise,
    )
    other = st.sampled_from(
        [
            HangUp(),
            HangUp(),
            PluginStep(MESSAGE, {}),
            PluginStep("ivr.other", {}),
            PluginStep(MENU, {}),
            PluginStep(EXTENSIONS, {"list_id": str(GONE)}),
            PluginStep("stranger.step", {}),
        ]
    )
    step = st.one_of(dial, dial, dial, dial, menu, other)
    some = st.lists(step, min_size=1, max_size=3).map(tuple)
    return st.integers(0, 15).flatmap(lambda dice: some if dice else st.just(()))


def _menu(draw: DrawFn, key: UUID, targets: SearchStrategy[Addressee], menus: list[UUID]) -> Menu:
    def pressed(name: str) -> MenuKey:
        action = draw(st.sampled_from(KeyAction))
        target = draw(st.sampled_from([*menus, GONE])) if action is not KeyAction.FORWARD else None
        return MenuKey(name, action, draw(targets) if action is KeyAction.FORWARD else None, target)

    keys = tuple(pressed(name) for name in "12"[: draw(st.integers(0, 2))])
    return Menu(key, "Меню", keys=keys, enabled=draw(st.sampled_from([True, True, False])))


def _scenario(
    draw: DrawFn,
    key: UUID,
    blocks: SearchStrategy[tuple[Any, ...]],
    plans: list[UUID],
    dates: list[UUID],
) -> Scenario:
    filters = st.one_of(
        st.lists(st.sampled_from(TAGS), max_size=2).map(lambda tags: TagFilter(tuple(tags))),
        st.lists(st.sampled_from(REGIONS), max_size=2).map(lambda codes: RegionFilter(tuple(codes))),
        st.none(),
    )
    chains = st.builds(lambda steps, net: Chain(steps, net=net), blocks, st.one_of(st.just(()), blocks))

    def branch(at: int) -> Branch:
        return Branch(
            UUID(int=key.int + (1 << 80) + (at << 32)),
            "Фильтр",
            draw(chains),
            filter=draw(filters),
            schedule_id=draw(maybe(plans)),
            calendar_id=draw(maybe(dates)),
            off_hours=draw(st.one_of(st.none(), st.none(), chains)),
        )

    branches = tuple(branch(at) for at in range(draw(st.sampled_from([0, 0, 1, 2, 4]))))
    return Scenario(
        key, "Сценарий", 1, branch(9), branches, enabled=draw(st.sampled_from([*[True] * 9, False]))
    )


def _subsets(values: Sequence[Any]) -> list[tuple[Any, ...]]:
    return list(chain.from_iterable(combinations(values, size) for size in range(len(values) + 1)))


CALLERS = [(tags, regions) for tags in _subsets(TAGS) for regions in _subsets(REGIONS)]
"""Everybody who can call: every set of tags with every set of regions."""


def facts(called: str, tags: Sequence[UUID] = (), regions: Sequence[int] = ()) -> CallFacts:
    return CallFacts(
        *(UUID(int=2), UUID(int=1), Direction.INCOMING, None, called),
        tags=frozenset(tags),
        regions=tuple(regions),
    )


def everybody_is_there(case: Case) -> Live:
    """All phones are there; whoever is in «Недоступен» is back on schedule, as the check has it."""
    present = {
        key: mode for key, mode in case.modes.items() if mode is not AvailabilityMode.UNAVAILABLE
    }
    return Live(
        registered=frozenset(terminal.id for terminal in case.snapshot.terminals), modes=present
    )


def rung(compiled: Compiled, step: Dial, call: CallFacts, instant: float, live: Live) -> Iterator[Ring]:
    """The telephones of a plan."""
    plan = routing.plan(compiled, step, call, live, instant, 0)
    waiting = [plan.root] if plan.root else []
    for node in waiting:
        if isinstance(node, Ring):
            yield node
        else:
            waiting += node.items
