"""Rules of routing with real phones, configured over the API: who rings, in which order, and why not.

One company for all of these tests. Анна and Борис answer at their SIP lines, Вера's rings and nobody
answers; the carrier says busy for every number outside. Each test makes the state that it needs.
"""

from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import httpx
import pytest
import pytest_asyncio

from core.contracts import SkipReason, StepCode, TerminalKind
from tenants.services import calls, tokens
from tenants.services.tokens import CreateToken
from tests.e2e.test_calls import answering, calling
from tests.support.instance import company_in
from tests.support.sipp import Script

pytestmark = pytest.mark.asyncio(loop_scope="module")

MANY = 100
OPEN = [[{"start": 0, "end": 1440}]] * 7
CLOSED = [[]] * 7
PETERSBURG, NOVOSIBIRSK = "+78123334455", "+73832223344"
OUTSIDE = "+79160000077"


def dial(*addressees, mode="parallel", **more):
    named = [{"kind": kind, "ref": str(ref)} for kind, ref in addressees]
    return {"type": "dial", "addressees": named, "mode": mode, **more}


def chain(*steps):
    return {"steps": list(steps)}


def busy():
    return Script().wait_for("INVITE").answer(486, "Busy Here").wait_for("ACK")


def unanswered():
    script = Script().wait_for("INVITE").answer(180, "Ringing")
    script.cancelled()
    return script


class Office:
    """The company as a program sees it, with its phones."""

    def __init__(self, company):
        self.company = company
        self.client = httpx.AsyncClient(base_url=f"{company.instance.http}/api/v1", timeout=60)
        self.calls = 0

    async def open(self, phones):
        company = self.company
        made = await tokens.create(company.db, company.here, CreateToken("rules"))
        self.client.headers["Authorization"] = f"Bearer {made.token}"
        self.anna = company.admin
        self.boris = await company.hire("Борис Кузнецов", "102")
        self.vera = await company.hire("Вера Ильина", "103")
        (self.scenario,) = (await self.api("GET", "/scenarios"))["items"]
        await phones.enter_async_context(company.outside(busy(), calls=MANY))
        for person, script in (
            (self.anna, answering()),
            (self.boris, answering()),
            (self.vera, unanswered()),
        ):
            await phones.enter_async_context(company.phone(person.sip, script, calls=MANY))
        return self

    async def api(self, method, path, **body):
        answer = await self.client.request(method, path, **({"json": body} if body else {}))
        assert answer.is_success, answer.text
        return answer.json() if answer.content else None

    async def change(self, path, **fields):
        """Change what is there, whatever its version."""
        found = await self.api("GET", path)
        changed = await self.api("PATCH", path, version=found["version"], **fields)
        await self.company.settled()
        return changed

    async def card(self, person, **fields):
        return await self.change(f"/employees/{person.id}", **fields)

    async def handle(self, *steps, branches=(), **default):
        """What is done with callers: these steps for those who fit no filter."""
        path = f"/scenarios/{self.scenario['id']}"
        top = {"chain": chain(*steps), **default}
        return await self.change(path, default=top, branches=list(branches))

    async def schedule(self, days):
        made = await self.api("POST", "/schedules", name="Для правила", days=days)
        return made["id"]

    async def called(self, user="+79160000001", status=200):
        """Somebody calls and hears this status; returns the card of the call."""
        company = self.company
        script = company.caller(user)
        if status == 200:
            await company.dial_in(calling(script, company.number))
        else:
            await company.dial_in(script.invite(company.number).expect(status).ack_refusal())
        self.calls += 1
        rows = await company.recorded(self.calls)
        return await calls.card(company.db, company.here, rows[0].id)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def office(instance):
    async with AsyncExitStack() as phones:
        company = await phones.enter_async_context(company_in(instance))
        yield await Office(company).open(phones)


def rang(card):
    """Whose telephones rang, in order."""
    return [step.address for step in card.steps if step.code is StepCode.RINGING]


def reasons(card, person=None):
    """Why telephones did not ring, of everybody or of one."""
    steps = [step for step in card.steps if step.code is StepCode.NOT_RUNG]
    return {step.data["reason"] for step in steps if person is None or step.employee_id == person.id}


@pytest.mark.spec("EMP-15", "PRC-10", "PRC-11", at="call")
async def test_parallel_dialling_rings_main_terminals_and_sequential_all(office):
    path = {"external": {"main": False}}
    await office.card(office.anna, external_number=OUTSIDE, terminals=path)
    await office.handle(dial(("employee", office.anna.id)))
    card = await office.called()
    assert rang(card) == [office.anna.sip.login]
    assert "not_main" in reasons(card, office.anna)
    await office.handle(dial(("employee", office.anna.id), mode="sequential"))
    card = await office.called()
    assert "not_main" not in reasons(card, office.anna)
    assert OUTSIDE in {step.address for step in card.steps}


@pytest.mark.spec("EMP-19", "AVL-06", "AVL-07", "AVL-08", "AVL-09", "EMP-18", at="call")
async def test_extra_periods_count_only_for_who_is_available_by_schedule(office):
    now = datetime.now(UTC).astimezone(ZoneInfo("Asia/Omsk"))
    around = {
        "start": (now - timedelta(hours=5)).strftime("%Y-%m-%dT%H:%M"),
        "end": (now + timedelta(hours=5)).strftime("%Y-%m-%dT%H:%M"),
    }
    boris = office.boris
    await office.handle(dial(("employee", boris.id)))
    away = [{"kind": "unavailable", **around}]
    await office.card(boris, mode="schedule", timezone="Asia/Omsk", extra_periods=away)
    assert "extra_unavailable" in reasons(await office.called(status=480), boris)
    await office.card(boris, mode="available")
    assert rang(await office.called()) == [boris.sip.login]
    closed = await office.schedule(CLOSED)
    terminals = {"sip": {"schedule_id": closed}}
    await office.card(boris, mode="schedule", schedule_id=closed, terminals=terminals, extra_periods=[])
    assert "off_hours" in reasons(await office.called(status=480), boris)
    await office.card(boris, extra_periods=[{"kind": "available", **around}])
    assert rang(await office.called()) == [boris.sip.login]
    terminals = {"sip": {"schedule_id": None}}
    await office.card(boris, schedule_id=None, terminals=terminals, extra_periods=[])


@pytest.mark.spec("FLT-07", "FLT-11", "FLT-12", "FLT-05", at="call")
async def test_the_callers_region_chooses_the_branch_that_was_made_first(office):
    first = {"name": "Питер", "filter": {"type": "regions", "regions": [78]}}
    first["chain"] = chain({"type": "hang_up", "sip_status": 486})
    second = {"name": "Города", "filter": {"type": "regions", "regions": [54, 78]}}
    second["chain"] = chain(dial(("employee", office.boris.id)))
    made = await office.handle(dial(("employee", office.anna.id)), branches=[first, second])
    assert (await office.called(PETERSBURG, status=486)).regions == ("Санкт-Петербург",)
    assert rang(await office.called(NOVOSIBIRSK)) == [office.boris.sip.login]
    card = await office.called("+79160000001")
    assert (rang(card), card.regions) == ([office.anna.sip.login], ())
    swapped = made["branches"][::-1]  # what is seen is turned round, what was first stays
    await office.handle(dial(("employee", office.anna.id)), branches=swapped)
    await office.called(PETERSBURG, status=486)


@pytest.mark.spec("FLT-02", "FLT-03", "FLT-09", "SCH-06", "CAL-05", "CAL-08", at="call")
async def test_a_closed_branch_passes_the_call_on_or_has_a_chain_of_its_own(office):
    hours = await office.schedule(OPEN)
    vip = {"name": "Питер", "filter": {"type": "regions", "regions": [78]}, "schedule_id": hours}
    vip["chain"] = chain(dial(("employee", office.boris.id)))
    other = chain(dial(("employee", office.anna.id)))["steps"]
    await office.handle(*other, branches=[vip])
    assert rang(await office.called(PETERSBURG)) == [office.boris.sip.login]
    await office.change(f"/schedules/{hours}", days=CLOSED)
    assert rang(await office.called(PETERSBURG)) == [office.anna.sip.login]
    vip["off_hours"] = chain({"type": "hang_up", "sip_status": 486})
    await office.handle(*other, branches=[vip])
    await office.called(PETERSBURG, status=486)
    await office.change(f"/schedules/{hours}", days=OPEN)
    today = datetime.now(UTC).date()
    days = [{"date": str(today + timedelta(days=n)), "working": False} for n in (-1, 0, 1)]
    holiday = await office.api("POST", "/calendars", name="Праздник", days=days)
    await office.handle(*other, branches=[vip | {"calendar_id": holiday["id"]}])
    await office.called(PETERSBURG, status=486)


@pytest.mark.spec("EMP-08", "PRC-07", at="call")
async def test_in_turn_each_telephone_has_its_own_time(office):
    vera, boris = office.vera, office.boris
    terminals = {"sip": {"ring_seconds": 1}}
    await office.card(vera, dial_mode="sequential", terminals=terminals)
    people = ("employee", vera.id), ("employee", boris.id)
    await office.handle(dial(*people, mode="sequential", each_seconds=600, ring_seconds=600))
    card = await office.called()
    assert rang(card) == [vera.sip.login, boris.sip.login]
    (ended,) = (s for s in card.steps if s.code is StepCode.LEG_ENDED and s.address == vera.sip.login)
    assert ended.data.get("reason") != "elsewhere"  # its time was over before somebody answered


@pytest.mark.spec("GRP-04", "GRP-05", "GRP-08", "PRC-08", "PRC-15", at="call")
async def test_a_group_in_a_list_is_dialled_in_its_own_way_and_time(office):
    vera, boris = office.vera, office.boris
    members = [str(vera.id), str(boris.id)]
    group = await office.api("POST", "/groups", name="Склад", members=members, extension="300")
    await office.card(boris, external_number=OUTSIDE, terminals={"external": {"main": False}})
    await office.handle(dial(("external", OUTSIDE), ("extension", "300"), mode="sequential"))
    card = await office.called()
    outside, *both = rang(card)
    assert outside == OUTSIDE
    assert set(both) == {vera.sip.login, boris.sip.login}, card.steps  # at once: parallel
    assert "not_main" in reasons(card, boris)
    path = f"/groups/{group['id']}"
    await office.card(vera, dial_mode="parallel", terminals={"sip": {"ring_seconds": 600}})
    await office.change(path, members=members[:1], ring_seconds=1)
    step = dial(("group", group["id"]), ring_seconds=600)
    net = {"net": [dial(("extension", office.anna.extension))]}
    scenario = f"/scenarios/{office.scenario['id']}"
    await office.change(scenario, default={"chain": chain(step) | net}, branches=[])
    first, *others = rang(await office.called())
    assert first == vera.sip.login
    assert office.anna.sip.login in others
    await office.card(boris, external_number=None)


@pytest.mark.spec("NUM-02", "SCN-07", at="call")
async def test_a_number_goes_to_the_scenario_that_is_chosen_for_it(office):
    company = office.company
    default = {"chain": chain({"type": "hang_up", "sip_status": 486})}
    other = await office.api("POST", "/scenarios", name="Отбой", default=default)
    (number,) = (await office.api("GET", "/numbers"))["items"]
    await office.change(f"/numbers/{number['id']}", scenario_id=other["id"])
    card = await office.called(status=486)
    assert card.scenario_name == "Отбой"
    await office.change(f"/numbers/{number['id']}", scenario_id=office.scenario["id"])
    await office.handle(dial(("employee", office.anna.id)))
    assert (await office.called()).call.employee.name == company.admin.name


async def test_the_channels_of_a_telephone_are_set_on_the_card(office):
    """What they do to a second call: test_caller_id."""
    card = await office.card(office.anna, terminals={"sip": {"channels": 2}})
    found = {each["kind"]: each["channels"] for each in card["terminals"]}
    assert (found[TerminalKind.SIP], found[TerminalKind.WEB]) == (2, 1)


async def saved(office, number, **contact):
    """What the company knows of a caller: tags, manager."""
    await office.api("POST", "/contacts", name="Клиент", numbers=[number], **contact)
    await office.company.settled()


@pytest.mark.spec("FLT-08", "FLT-10", "TAG-05", "TAG-07", at="call")
async def test_a_filter_by_tag_takes_the_calls_of_contacts_who_have_it(office):
    vip = await office.api("POST", "/tags", name="VIP")
    branch = {
        "name": "VIP",
        "chain": chain(dial(("employee", office.boris.id))),
        "filter": {"type": "tags", "tags": [vip["id"]]},
    }
    await office.handle(dial(("employee", office.anna.id)), branches=[branch])
    await saved(office, "+79160000005", tags=[vip["id"]])  # before it calls: who calls is a contact
    assert (await office.called("+79160000005")).call.employee.name == office.boris.name
    assert (await office.called("+79160000006")).call.employee.name == office.anna.name


@pytest.mark.spec("PRC-05", "PRC-06", at="call")
async def test_the_personal_manager_is_tried_first(office):
    client, regular = "+79160000007", "+79160000008"
    await office.card(office.anna, external_number=OUTSIDE, terminals={"external": {"main": False}})
    await saved(office, client, manager_id=str(office.vera.id))
    await saved(office, regular, manager_id=str(office.boris.id))
    first = {"ring_seconds": 1}
    await office.handle(dial(("employee", office.anna.id), manager=first))
    assert rang(await office.called("+79160000009")) == [office.anna.sip.login]
    assert rang(await office.called(regular)) == [office.boris.sip.login]
    assert rang(await office.called(client)) == [office.vera.sip.login, office.anna.sip.login]
    first["otherwise"] = {"type": "hang_up", "sip_status": 486}
    await office.handle(dial(("employee", office.anna.id), manager=first))
    assert rang(await office.called(client, status=486)) == [office.vera.sip.login]
    assert rang(await office.called("+79160000009")) == [office.anna.sip.login]


@pytest.mark.spec("PRC-07", at="call")
async def test_who_has_talked_less_today_is_tried_first(office):
    await office.handle(dial(("employee", office.anna.id)))
    talk = office.company.caller().invite(office.company.number).expect(180).expect(200).ack()
    await office.company.dial_in(talk.pause(2000).bye().expect(200))
    office.calls += 1
    people = (("employee", office.anna.id), ("employee", office.vera.id))
    await office.handle(dial(*people, mode="least_busy", each_seconds=1))
    first, *others = rang(await office.called())
    assert first == office.vera.sip.login
    assert office.anna.sip.login in others


async def test_every_call_is_decided_again_as_it_was(office):
    """Whatever was configured between any two of these calls."""
    company = office.company
    if not office.calls:
        await office.called()
    versions = set()
    for row in await company.history():
        card = await calls.card(company.db, company.here, row.id)
        again = await office.api("GET", f"/calls/{row.id}/decision")
        versions.add(again["snapshot_hash"])
        routed = next(step for step in card.steps if step.code is StepCode.ROUTED)
        assert again["branch_id"] == routed.data["branch_id"]
        passed = [[each["branch_id"], each["reason"]] for each in again["passed"]]
        assert passed == routed.data.get("passed", [])
        silent = [each for step in again["steps"] for each in step["not_ringing"]]
        assert [(each["employee_id"], each["terminal_id"], each["reason"]) for each in silent] == [
            (_text(step.employee_id), _text(step.terminal_id), step.data["reason"])
            for step in card.steps
            if step.code is StepCode.NOT_RUNG and step.data["reason"] in set(SkipReason)
        ]
        rings = {node["address"] for step in again["steps"] for node in step["rings"]}
        assert set(rang(card)) <= rings
    assert len(versions) > 1 or office.calls == 1


def _text(key):
    return None if key is None else str(key)
