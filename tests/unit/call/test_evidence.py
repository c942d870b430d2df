"""A call's record keeps what its decisions were made from: asked again they are the same."""

from __future__ import annotations

from uuid import UUID

import pytest
from msgspec.structs import replace

from core import routing
from core.call.record import CallRecord
from core.contracts import (
    Addressee,
    AddresseeKind,
    Branch,
    Chain,
    Decision,
    Dial,
    Live,
    StepCode,
    TagFilter,
)
from core.settings import SipSettings
from core.sip.session import Failed
from core.testing import FakeClock
from tests.unit.call.office import ANNA, BORIS, Office, play, plugin
from tests.unit.call.world import answers, hangs_up, refuses

TO_ANNA, TO_BORIS = (Dial((Addressee(AddresseeKind.EMPLOYEE, str(who)),)) for who in (ANNA, BORIS))
VIP = Branch(UUID(int=21), "VIP", Chain(), TagFilter((UUID(int=50),)))


def step_of(cdr, code):
    return next(step for step in cdr.steps if step.code is code)


def call(office):
    async def scene():
        office.from_carrier()

    (cdr,) = play(office, scene)
    return cdr


def test_every_dialling_can_be_asked_for_again():
    office = Office(steps=(TO_ANNA, TO_BORIS))
    office.phone(ANNA, refuses(486))
    office.phone(BORIS, answers(1), hangs_up(5))
    cdr = call(office)
    first, second = cdr.attempts
    assert cdr.started_at <= first.at <= second.at
    assert (first.step, second.step) == (TO_ANNA, TO_BORIS)
    compiled = routing.compile(office.snapshot)
    assert routing.route(compiled, cdr.facts, cdr.started_at).chain.steps == (TO_ANNA, TO_BORIS)
    again = [
        routing.plan(compiled, each.step, cdr.facts, each.live, each.at, cdr.seed).root
        for each in cdr.attempts
    ]
    assert [ring.employee_id for ring in again] == [ANNA, BORIS]


def test_a_later_dialling_is_asked_for_its_own_moment():
    office = Office(steps=(TO_ANNA, TO_BORIS))
    office.phone(ANNA, refuses(408, 7))
    office.phone(BORIS, refuses(486))
    first, second = call(office).attempts
    assert second.at - first.at == pytest.approx(7, abs=0.5)


def test_what_did_not_change_is_kept_once():
    record = CallRecord(None, FakeClock(), "h")
    lively, quiet = Live(frozenset({ANNA})), Live()
    asked = [(TO_ANNA, lively), (TO_ANNA, Live(frozenset({ANNA}))), (TO_ANNA, quiet), (TO_BORIS, quiet)]
    for step, live in asked:
        record.attempt(step, live)
    kept = [(each.step, each.live) for each in record._attempts]
    assert kept == [(TO_ANNA, lively), (None, None), (None, quiet), (TO_BORIS, None)]


def test_the_instant_of_the_scenario_is_one_that_the_database_can_keep():
    record = CallRecord(None, FakeClock(1_795_000_000.123999), "h")
    assert record.started_at == 1_795_000_000.123


def test_the_branches_that_passed_the_call_on_are_in_its_record():
    office = Office()
    (scenario,) = office.snapshot.scenarios
    office.snapshot = replace(office.snapshot, scenarios=(replace(scenario, branches=(VIP,)),))
    office.directory.put(office.snapshot)
    cdr = call(office)
    assert step_of(cdr, StepCode.ROUTED).data["passed"] == [(str(VIP.id), "tags")]
    assert cdr.decision is None


def test_what_a_plugin_decided_is_kept_whole():
    decision = Decision(UUID(int=40), 1, VIP.id, Chain((TO_BORIS,)))
    office = Office(plugin(route_call=lambda tenant, facts: decision))
    office.phone(BORIS, refuses(486))
    cdr = call(office)
    assert cdr.decision == decision
    assert step_of(cdr, StepCode.ROUTED).data["plugin"] == "tester"
    assert [attempt.step for attempt in cdr.attempts] == [TO_BORIS]


def test_why_no_scenario_handles_a_call_is_in_its_record():
    office = Office()
    (scenario,) = office.snapshot.scenarios
    office.directory.put(
        replace(office.snapshot, scenarios=(replace(scenario, enabled=False),)),
    )
    cdr = call(office)
    assert step_of(cdr, StepCode.UNROUTED).data == {"reason": "disabled"}
    assert cdr.attempts == ()


def test_whom_nobody_knows_any_more_is_named_as_the_step_does():
    office = Office(steps=(Dial((Addressee(AddresseeKind.EXTENSION, "999"),)),))
    data = step_of(call(office), StepCode.NOT_RUNG).data
    assert (data["reason"], data["kind"], data["ref"]) == ("unknown", "extension", "999")


def test_where_a_phone_sent_the_call_is_an_attempt_too():
    office = Office(steps=(TO_ANNA,))
    contact = f"<sip:102@{SipSettings().domain}>"
    office.phone(ANNA, (1, Failed(302, "Moved", {"Contact": (contact,)})))
    office.phone(BORIS, refuses(486))
    _, sent_on = call(office).attempts
    assert sent_on.step == Dial((Addressee(AddresseeKind.EXTENSION, "102"),))
    assert sent_on.live.registered == {UUID(int=BORIS.int + 100)}
