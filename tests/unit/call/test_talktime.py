"""Talk time of today: by the company's clock, running conversations included, fed to live calls."""

from __future__ import annotations

import asyncio
from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from core.call.talktime import TalkTime, Turn, turns
from core.contracts import (
    Addressee,
    AddresseeKind,
    Branch,
    Chain,
    Contact,
    ContactKind,
    Dial,
    DialMode,
    HangUp,
    ManagerFirst,
    Outcome,
    StepCode,
    TagFilter,
)
from core.routing.zones import day
from tests.unit.call.office import ANNA, BORIS, TENANT, Office, play
from tests.unit.call.world import answers, hangs_up, refuses

ZONES = [
    "Europe/Moscow",
    "Asia/Vladivostok",
    "Europe/Berlin",
    "Australia/Lord_Howe",
    "America/Sao_Paulo",
]
OTHER = UUID(int=77)


def call(number: int) -> UUID:
    return UUID(int=1000 + number)


def at(text: str, zone: str = "Europe/Moscow") -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()


def test_what_has_ended_and_what_goes_on_are_added_up():
    talk = TalkTime(lambda tenant: "Europe/Moscow")
    noon = at("2026-11-23 12:00")
    talk.began(TENANT, call(1), (ANNA,), noon)
    talk.began(TENANT, call(2), (ANNA, BORIS), noon + 100)
    talk.ended(TENANT, call(1), noon + 60)
    talk.ended(TENANT, call(3), noon + 60)  # nobody answered that one
    assert talk.of(TENANT, [ANNA, BORIS], noon + 130) == {ANNA: 90, BORIS: 30}
    talk.ended(TENANT, call(2), noon + 200)
    assert talk.of(TENANT, [ANNA, BORIS, ANNA], noon + 900) == {ANNA: 160, BORIS: 100}
    assert talk.of(TENANT, [BORIS], noon + 900) == {BORIS: 100}
    assert talk.of(OTHER, [ANNA, BORIS], noon + 900) == {}
    assert talk.of(TENANT, [], noon) == {}


@pytest.mark.spec("PRC-07", at="rule")
@pytest.mark.parametrize("zone", ZONES)
def test_a_new_day_of_the_company_begins_with_nothing_said(zone):
    talk = TalkTime(lambda tenant: zone)
    midnight = at("2026-11-24 00:00", zone)
    talk.began(TENANT, call(1), [ANNA], midnight - 500)
    talk.ended(TENANT, call(1), midnight - 300)
    talk.began(TENANT, call(2), [BORIS], midnight - 200)
    assert talk.of(TENANT, [ANNA, BORIS], midnight - 100) == {ANNA: 200, BORIS: 100}
    assert talk.of(TENANT, [ANNA, BORIS], midnight) == {}
    assert talk.of(TENANT, [ANNA, BORIS], midnight + 40) == {BORIS: 40}
    talk.ended(TENANT, call(2), midnight + 50)
    assert talk.of(TENANT, [ANNA, BORIS], midnight + 99) == {BORIS: 50}


def test_what_was_said_before_this_process_is_counted():
    talk = TalkTime(lambda tenant: "Europe/Moscow")
    noon = at("2026-11-23 12:00")
    talk.load([(TENANT, ANNA, 30.5), (TENANT, BORIS, 5.0), (OTHER, ANNA, 7.0)], noon)
    talk.began(TENANT, call(1), [ANNA], noon)
    talk.ended(TENANT, call(1), noon + 10)
    assert talk.of(TENANT, [ANNA, BORIS], noon + 20) == {ANNA: 40, BORIS: 5}
    assert talk.of(TENANT, [ANNA, BORIS], noon + 86_400) == {}


def test_who_is_asked_first_talks_from_then_on_until_he_is_asked_no_more():
    def log(*steps):
        asking = [(0.0, StepCode.ANSWERED, ANNA), (9.0, StepCode.TRANSFER, ANNA)]
        return sorted(turns(None, [*asking, (10.0, StepCode.CONSULTED, BORIS), *steps]))

    ended = (50.0, StepCode.ENDED, None)
    back = log((30.0, StepCode.RESUMED, ANNA), (40.0, StepCode.RESUMED, ANNA), ended)
    assert back == [Turn(ANNA, 0.0, 50.0), Turn(BORIS, 10.0, 30.0)]
    passed_on = log((30.0, StepCode.JOINED, BORIS), ended)
    assert passed_on == [Turn(ANNA, 0.0, 30.0), Turn(BORIS, 10.0, 50.0)]
    hung_up = log(ended)  # the client did
    assert hung_up == [Turn(ANNA, 0.0, 50.0), Turn(BORIS, 10.0, 50.0)]


def test_a_clock_that_is_set_back_takes_nothing_away():
    talk = TalkTime(lambda tenant: "UTC")
    talk.began(TENANT, call(1), [ANNA], 1000.0)
    assert talk.of(TENANT, [ANNA], 900.0) == {}
    talk.ended(TENANT, call(1), 900.0)
    assert talk.of(TENANT, [ANNA], 1000.0) == {}


@settings(max_examples=200, deadline=None)
@given(zone=st.sampled_from([*ZONES, "No/Where"]), instant=st.integers(0, 4_100_000_000))
def test_days_of_a_zone_follow_each_other(zone, instant):
    start, end = day(zone, instant)
    assert start <= instant < end
    assert 22 * 3600 <= end - start <= 26 * 3600
    assert day(zone, end)[0] == end
    assert day(zone, start) == (start, end)
    if zone != "No/Where":
        dates = {
            datetime.fromtimestamp(each, ZoneInfo(zone)).date() for each in (start, instant, end - 1)
        }
        assert len(dates) == 1


# --- live calls -----------------------------------------------------------------------------------


def people(*ids):
    return tuple(Addressee(AddresseeKind.EMPLOYEE, str(each)) for each in ids)


@pytest.mark.spec("PRC-07", at="rule")
def test_a_live_call_goes_to_whom_has_talked_least_today():
    office = Office(steps=(Dial(people(ANNA, BORIS), DialMode.LEAST_BUSY),))
    office.phone(ANNA, answers(1), hangs_up(30))
    office.phone(BORIS)

    async def scene():
        office.from_carrier()  # nobody has talked yet: the first of the list, for half a minute
        await asyncio.sleep(40)
        office.phone(BORIS, answers(1), hangs_up(10))
        office.from_carrier()
        await asyncio.sleep(20)
        office.phone(BORIS, answers(1), hangs_up(50))
        office.from_carrier()  # ten seconds are less than thirty
        await asyncio.sleep(60)
        office.phone(ANNA, answers(1), hangs_up(5))
        office.from_carrier()  # and sixty are more

    records = sorted(play(office, scene), key=lambda cdr: cdr.started_at)
    assert [cdr.answered_employee_id for cdr in records] == [ANNA, BORIS, BORIS, ANNA]
    assert [cdr.attempts[0].live.talked for cdr in records[1:]] == [
        {ANNA: 29},
        {ANNA: 29, BORIS: 9},
        {ANNA: 29, BORIS: 58},
    ]


def test_where_it_does_not_matter_nobody_is_asked_how_long_he_talked():
    office = Office(steps=(Dial(people(ANNA)),))
    office.phone(ANNA, answers(1), hangs_up(30))

    async def scene():
        office.from_carrier()
        await asyncio.sleep(40)
        office.phone(ANNA, answers(1), hangs_up(3))
        office.from_carrier()

    assert [cdr.attempts[0].live.talked for cdr in play(office, scene)] == [{}, {}]


VIP = UUID(int=500)
CALLER = "+79161112233"


def known(office, **contact):
    office.directory.contacts[TENANT, CALLER] = Contact(ContactKind.BUSINESS, **contact)


@pytest.mark.spec("FLT-08", "TAG-07", at="rule")
def test_a_live_call_is_filtered_by_the_tags_of_its_contact():
    office = Office()
    (scenario,) = office.snapshot.scenarios
    vip = Branch(UUID(int=21), "VIP", Chain((Dial(people(BORIS)),)), TagFilter((VIP,)))
    office.snapshot = replace(office.snapshot, scenarios=(replace(scenario, branches=(vip,)),))
    office.directory.put(office.snapshot)
    for who in (ANNA, BORIS):
        office.phone(who, answers(1), hangs_up(3))

    async def scene():
        office.from_carrier()
        await asyncio.sleep(20)
        known(office, tags=frozenset({VIP}))
        for who in (ANNA, BORIS):
            office.phone(who, answers(1), hangs_up(3))
        office.from_carrier()

    first, second = sorted(play(office, scene), key=lambda cdr: cdr.started_at)
    assert (first.answered_employee_id, first.facts.contact_kind) == (ANNA, None)
    assert (second.answered_employee_id, second.facts.tags) == (BORIS, {VIP})
    assert second.facts.contact_kind is ContactKind.BUSINESS


@pytest.mark.spec("PRC-05", "PRC-06", at="rule")
@pytest.mark.parametrize(
    ("otherwise", "answered"), [(None, BORIS), (HangUp(486), None)], ids=["queue", "hang_up"]
)
def test_a_live_call_tries_the_manager_first(otherwise, answered):
    office = Office(steps=(Dial(people(BORIS), manager=ManagerFirst(20, otherwise)),))
    known(office, manager_id=ANNA)
    office.phone(ANNA, refuses(603))
    office.phone(BORIS, answers(1), hangs_up(3))

    async def scene():
        office.from_carrier()

    (cdr,) = play(office, scene)
    rung = [step.employee_id for step in cdr.steps if step.code is StepCode.RINGING]
    assert rung == ([ANNA, BORIS] if answered else [ANNA])
    assert cdr.answered_employee_id == answered
    assert cdr.outcome is (Outcome.ANSWERED if answered else Outcome.BUSY)
    assert cdr.facts.manager_id == ANNA
