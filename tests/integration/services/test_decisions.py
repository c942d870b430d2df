"""«Проверить звонок», and past calls decided again: services and commands on a real company."""

from __future__ import annotations

import asyncio
import json
import time
from datetime import UTC, datetime
from uuid import UUID

import msgspec
import pytest
from msgspec.structs import replace

from core import routing
from core.call.record import CallRecord, seed_of
from core.contracts import (
    AvailabilityMode,
    CallFacts,
    Contact,
    ContactKind,
    Direction,
    Live,
    Outcome,
    Snapshot,
)
from core.errors import Forbidden, Invalid, NotFound
from core.ids import new_id
from core.routing.zones import day
from core.testing import FakeClock
from tenants import snapshot as snapshots
from tenants import tables
from tenants.callstore import DatabaseCallStore
from tenants.explain import Explanation
from tenants.services import decisions, employees
from tenants.services.decisions import NOW
from tenants.services.dryrun import DryRun, EmployeeState, dry_run, moment
from tests.support.company import activate, person
from web.i18n import language

NUMBER, CALLER = "+74951110001", "+79161112233"
EVE = "2026-12-31T18:00"


class Strangers:
    """Nothing is known of callers, but of those in ``contacts``."""

    def __init__(self) -> None:
        self.contacts: dict[str | None, Contact] = {}

    def regions(self, number: str | None) -> tuple[int, ...]:
        return (77,)

    def contact(self, tenant_id: UUID, number: str | None) -> Contact | None:
        return self.contacts.get(number)


async def tried(company, *, actor=None, gettext=str, contact=None, **call):
    command = DryRun(**{"called": NUMBER, "caller": CALLER, "at": EVE, **call})
    callers = Strangers()
    if contact is not None:
        callers.contacts[command.caller] = contact
    return await dry_run(company.db, actor or company.admin, command, callers, gettext)


@pytest.mark.spec("ACC-07", at="rule")
async def test_a_new_companys_call_rings_its_administrator(company):
    found = await tried(company, caller="8 (916) 111-22-33")
    (step,) = found.steps
    assert (found.called, found.caller, found.unrouted) == (NUMBER, CALLER, None)
    assert found.at == datetime(2026, 12, 31, 15, 0, tzinfo=UTC)  # Moscow is three hours ahead
    assert found.branch == "Numbers that match no filter"
    assert (step.kind, step.net, step.rings[0].kind) == ("dial", False, "par")
    owner = company.activated.employee
    assert {node.employee_id for node in step.rings[1:]} == {owner.id}
    login = owner.lines[1].login
    assert f"Ольга Иванова, SIP line {login}: rings 60 s" in [node.text for node in step.rings]


async def test_what_is_supposed_of_people_is_heard(company):
    quiet = await tried(company, live={"101": EmployeeState(mode=AvailabilityMode.UNAVAILABLE)})
    assert [each.reason for each in quiet.steps[0].not_ringing] == ["unavailable"]
    key = str(company.activated.employee.id)
    away = await tried(company, live={key: EmployeeState(registered=False, busy=True)})
    reasons = [each.reason for each in away.steps[0].not_ringing]
    assert reasons.count("not_registered") == 3
    told = await tried(company, live={"101": EmployeeState(busy=True)}, gettext=language("ru").gettext)
    assert told.steps[0].not_ringing[0].text.startswith("Ольга Иванова, ")
    assert told.steps[0].not_ringing[0].text.endswith(": занято, идёт другой разговор")


@pytest.mark.spec("EMP-16", "AVL-02", at="rule")
async def test_the_mode_of_a_card_decides_from_then_on(company):
    owner = company.activated.employee
    for mode, reasons in (
        (AvailabilityMode.UNAVAILABLE, ["unavailable"]),
        (AvailabilityMode.AVAILABLE, []),
    ):
        card = await employees.get(company.db, company.admin, owner.id)
        change = employees.UpdateEmployee(owner.id, card.version, mode=mode)
        await employees.update(company.db, company.admin, change)
        assert [each.reason for each in (await tried(company)).steps[0].not_ringing] == reasons


async def test_what_is_known_of_the_caller_is_said(company):
    boss = company.activated.employee
    known = Contact(ContactKind.BUSINESS, manager_id=boss.id)
    found = await tried(company, contact=known, gettext=language("ru").gettext)
    assert found.about == ("Регион: Москва", "Персональный менеджер: Ольга Иванова")


async def test_without_a_moment_it_is_about_this_one(company, database):
    before = await tried(company, at=None)
    assert {each.reason for each in before.steps[0].not_ringing} == {"not_registered"}
    line = company.activated.employee.lines[1]
    async with database.tenant(company.id) as session:
        await session.execute(
            "INSERT INTO live_lines (id, tenant_id, terminal_id, registered_at, expires_at, user_agent,"
            " source) VALUES ($1, $2, $3, now(), now() + interval '1 hour', '', '')",
            *(new_id(), company.id, line.id),
        )
    after = await tried(company, at=None)
    assert line.id in [node.terminal_id for node in after.steps[0].rings]
    assert line.id not in [each.terminal_id for each in after.steps[0].not_ringing]


@pytest.mark.spec("PRC-07", at="rule")
async def test_of_this_moment_also_those_count_who_talk_still(company, database, monkeypatch):
    """As calls do: the least busy is not who has been talking for hours (core.call.talktime)."""
    seen, anna = [], await company.hire()
    given = routing.dry_run
    monkeypatch.setattr(routing, "dry_run", lambda *asked: seen.append(asked[2]) or given(*asked))
    owner, (today, _) = company.activated.employee.id, day("Europe/Moscow", time.time())
    async with database.tenant(company.id) as session:
        for who, state in ((owner, "talking"), (anna.id, "ringing"), (None, "talking")):
            await session.execute(
                "INSERT INTO live_calls (id, tenant_id, call_id, direction, called, state, employee_id,"
                " started_at, answered_at) VALUES ($1, $2, $3, 'incoming', $4, $5, $6,"
                " now() - interval '1 day', now() - interval '1 day')",
                *(new_id(), company.id, new_id(), NUMBER, state, who),
            )
    before = time.time()
    await tried(company, at=None)
    (live,) = seen
    assert live.talked.keys() == {owner}
    # Of what was said yesterday nothing counts; should midnight come just now, all of today does.
    assert live.talked[owner] <= time.time() - today + 1
    assert live.talked[owner] >= before - today - 1 or day("Europe/Moscow", time.time())[0] != today


async def test_what_cannot_be_tried_is_told_by_field(company):
    for call, field in (
        ({"called": "+74950000000"}, "called"),
        ({"called": ""}, "called"),
        ({"caller": "Bob"}, "caller"),
        ({"at": "tomorrow"}, "at"),
        ({"at": "2026-13-01T00:00"}, "at"),
        ({"at": "0001-01-01T00:00+03:00"}, "at"),
        ({"at": "9999-12-31T23:59-12:00"}, "at"),
        ({"live": {"999": EmployeeState()}}, "live"),
        ({"tags": (new_id(),)}, "tags"),
    ):
        with pytest.raises(Invalid) as refused:
            await tried(company, **call)
        assert list(refused.value.errors) == [field]


def test_by_the_clock_of_a_zone_that_nobody_knows_it_is_as_calls_are_routed():
    assert moment("2026-12-31T18:00", "No/Where") == moment("2026-12-31T18:00Z", "UTC")


def test_an_hour_that_the_clock_skips_is_none_and_of_two_the_first_is_meant():
    with pytest.raises(Invalid) as refused:
        moment("2027-03-28T02:30", "Europe/Berlin")
    assert "put forward" in refused.value.errors["at"].message
    assert moment("2027-03-28T03:30", "Europe/Berlin") == moment("2027-03-28T01:30Z", "Asia/Tokyo")
    assert moment("2026-10-25T02:30", "Europe/Berlin") == moment("2026-10-25T00:30Z", "UTC")


async def test_it_is_for_administrators_and_for_ones_own_company(company):
    anna = await company.hire()
    with pytest.raises(Forbidden):
        await tried(company, actor=person(anna, company.id))
    other = await activate(company.db, company.issuer, "x@y.example")
    with pytest.raises(Invalid):
        await tried(company, actor=other.admin)


# --- past calls -----------------------------------------------------------------------------


@pytest.fixture
async def store(database, tmp_path):
    opened = DatabaseCallStore(database, tmp_path)
    opened.start()
    yield opened
    await opened.close()


async def called(company, store, newer: Snapshot | None = None) -> UUID:
    """A call under the present configuration: only the administrator's SIP line is there. He waits, and
    is tried again under a ``newer`` one."""
    snapshot = await decisions.present_snapshot(company.db, company.id)
    await snapshots.store(company.db, snapshot)
    compiled = routing.compile(snapshot)
    facts = CallFacts(new_id(), company.id, Direction.INCOMING, CALLER, NUMBER)
    record = CallRecord(facts, FakeClock(moment(EVE, "Europe/Moscow")), snapshot.hash)
    record.decision = routing.route(compiled, facts, record.started_at)
    (step,) = record.decision.chain.steps
    live = Live(frozenset({company.activated.employee.lines[1].id}))
    at = record.attempt(step, live)
    routing.plan(compiled, step, facts, live, at, seed_of(facts.call_id))
    if newer is not None:
        await snapshots.store(company.db, newer)
        record.attempt(step, live, snapshot_hash=newer.hash)
    await store.save(record.finish(Outcome.NO_ANSWER, 480, "system"))
    return facts.call_id


async def set_mode(company, mode: AvailabilityMode) -> None:
    async with company.db.tenant(company.id):
        await tables.Employee.update(mode=mode).where(
            tables.Employee.id == company.activated.employee.id
        )


def rung(found) -> list[UUID]:
    return [node.terminal_id for node in found.steps[0].rings if node.kind == "ring"]


async def test_a_call_is_decided_again_as_it_was_and_as_it_would_be(company, store):
    line = company.activated.employee.lines[1]
    call_id = await called(company, store)
    then = await decisions.of_call(company.db, company.admin, call_id)
    assert line.id in rung(then)
    assert {each.reason for each in then.steps[0].not_ringing} == {"not_registered"}
    await set_mode(company, AvailabilityMode.UNAVAILABLE)
    same = await decisions.of_call(company.db, company.admin, call_id, NOW)
    assert (same.steps, same.snapshot_version) == (then.steps, then.snapshot_version)
    async with company.db.tenant(company.id):
        await tables.Terminal.update(active=False).where(tables.Terminal.id == line.id)
    present = await decisions.present_snapshot(company.db, company.id)
    await snapshots.store(company.db, present)
    assert await decisions.of_call(company.db, company.admin, call_id) == then
    now = await decisions.of_call(company.db, company.admin, call_id, NOW)
    assert {each.reason for each in now.steps[0].not_ringing} == {"inactive", "not_registered"}
    assert (now.snapshot_version, now.assumed) == (present.version, ())
    by_version = [
        await decisions.of_call(company.db, company.admin, call_id, str(version))
        for version in (present.version, then.snapshot_version)
    ]
    assert by_version == [now, then]


async def test_a_snapshot_from_before_modes_were_live_is_replayed_with_its_own(company, store):
    call_id = await called(company, store)
    then = await decisions.of_call(company.db, company.admin, call_id)
    assert {each.reason for each in then.steps[0].not_ringing} == {"not_registered"}
    async with company.db.tenant(company.id) as session:
        await session.execute(
            "UPDATE snapshots SET body = jsonb_set(body, '{employees,0,mode}', '\"unavailable\"')"
        )
        await session.execute("UPDATE calls SET attempts = attempts #- '{0,live,modes}'")
    await set_mode(company, AvailabilityMode.AVAILABLE)
    found = await decisions.of_call(company.db, company.admin, call_id)
    assert [each.reason for each in found.steps[0].not_ringing] == ["unavailable"]


async def test_telephones_that_nobody_looked_at_are_named(company, store):
    call_id = await called(company, store)
    anna = await company.hire()
    async with company.db.tenant(company.id) as session:
        edition = await tables.ScenarioVersion.select().first()
        body = json.loads(edition["body"])
        dial = body["default"]["chain"]["steps"][0]
        dial["addressees"].append({"kind": "employee", "ref": str(anna.id)})
        await tables.ScenarioVersion.insert(
            tables.ScenarioVersion(scenario_id=edition["scenario_id"], version=2, body=json.dumps(body))
        )
        await session.execute("UPDATE scenarios SET version = 2")
    now = await decisions.of_call(company.db, company.admin, call_id, NOW)
    lines = {line.id for line in anna.lines}
    assert set(now.assumed) == lines
    assert lines & set(rung(now))
    assert company.activated.employee.lines[0].id not in rung(now)  # it was not there, and still is not


async def test_who_may_not_see_it_and_what_was_not_kept(company, store):
    call_id = await called(company, store)
    anna = await company.hire()
    other = await activate(company.db, company.issuer, "x@y.example")
    with pytest.raises(Forbidden):
        await decisions.of_call(company.db, person(anna, company.id), call_id)
    for actor, wanted in ((other.admin, call_id), (company.admin, new_id())):
        with pytest.raises(NotFound):
            await decisions.of_call(company.db, actor, wanted)
    for version in ("-1", "x", "9" * 30, "٣", "99"):
        with pytest.raises(Invalid) as refused:
            await decisions.of_call(company.db, company.admin, call_id, version)
        assert list(refused.value.errors) == ["snapshot"]
    async with company.db.tenant(company.id) as session:
        await session.execute("UPDATE calls SET snapshot_hash = ''")
    with pytest.raises(NotFound) as lost:
        await decisions.of_call(company.db, company.admin, call_id)
    assert "was not kept" in lost.value.message


async def test_a_caller_who_waited_is_decided_again_under_what_came_meanwhile_or_not_at_all(
    company, store
):
    present = await decisions.present_snapshot(company.db, company.id)
    phoneless = snapshots.sealed(replace(present, version=present.version + 1, terminals=()))
    call_id = await called(company, store, phoneless)
    first, second = (await decisions.of_call(company.db, company.admin, call_id)).steps
    assert {node.kind for node in first.rings} >= {"ring"}
    assert "ring" not in {node.kind for node in second.rings}
    async with company.db.tenant(company.id) as session:
        for table in ("snapshot_versions", "snapshots"):
            await session.execute(f"DELETE FROM {table} WHERE hash = $1", phoneless.hash)
    with pytest.raises(NotFound) as lost:
        await decisions.of_call(company.db, company.admin, call_id)
    assert "was not kept" in lost.value.message
    await decisions.of_call(company.db, company.admin, call_id, NOW)


# --- the commands ---------------------------------------------------------------------------

CREATE = (
    *("tenant", "create", "Ромашка", "--name=Ольга Иванова", "--email=olga@romashka.example"),
    *("--phone=89161234567", "--number=+74951110001", "--extension=101"),
)
ROUTE = ("route", "--tenant=Ромашка", "--to=84951110001", "--from=89161112233", f"--at={EVE}")


def test_a_call_can_be_tried_from_the_shell(sunsim, as_json):
    as_json("trunk", "add", "west", "--host=127.0.0.9")
    as_json("number", "add", NUMBER, "--trunk=west")
    as_json(*CREATE)
    lines = sunsim(*ROUTE, '--live={"101": {"busy": true}}').stdout.splitlines()
    assert lines[:3] == [
        "Call to +7 495 111-00-01 from +7 916 111-22-33, 2026-12-31 18:00 Europe/Moscow",
        "Scenario “По умолчанию”, version 1",
        "  Numbers that match no filter",
    ]
    assert lines[3:6] == [
        "0:00  Rings at once, 60 s at most",
        "    No phone could ring",
        "    Not rung:",
    ]
    assert all(line.endswith(": busy with another call") for line in lines[6:])
    found = as_json(*ROUTE)
    assert (found["called"], found["steps"][0]["kind"]) == (NUMBER, "dial")
    assert "not a moment" in sunsim(*ROUTE, "--at=soon", code=2).stderr
    assert "not understood" in sunsim(*ROUTE, '--live={"101": {"mood": 1}}', code=2).stderr
    assert "no tenant" in sunsim("route", "--tenant=Nobody", "--to=1", code=3).stderr
    assert "no record" in sunsim("calls", "decision", str(new_id()), code=3).stderr


async def test_a_call_can_be_decided_again_from_the_shell(company, store, sunsim, as_json):
    call_id = await called(company, store)
    shell = "calls", "decision", str(call_id)
    found = await asyncio.to_thread(as_json, *shell)
    again = await decisions.of_call(company.db, company.admin, call_id)
    assert msgspec.convert(found, Explanation) == again
    text = (await asyncio.to_thread(sunsim, *shell, "--snapshot=now")).stdout.splitlines()
    assert text[1] == "Scenario “По умолчанию”, version 1"
    assert text[4] == "    at once:"
    assert text[5].startswith("      Ольга Иванова, ")
