"""Ending calls from outside: who may, which ones, and what is kept of it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from core.contracts import Direction
from core.errors import Conflict, Forbidden, Invalid, NotFound, Unavailable
from core.ids import new_id
from tenants.callcommands import CommandExecutor
from tenants.listener import Listener
from tenants.services import audit, callcontrol
from tenants.services.actor import Actor, Role, operator
from tenants.services.callcontrol import ConnectCall
from tenants.tables import LiveCall, LiveCallState
from tests.support.company import activate, person


class Calls:
    """Every call is here and can be ended."""

    def __init__(self) -> None:
        self.ended = []
        self.begun = []
        self.paused = None  # whether the recording is; nothing is recorded without

    def pause_recording(self, tenant_id, call_id, paused, who) -> bool | None:
        if self.paused is None or self.paused is paused:
            return False
        self.paused = paused
        return True

    def hang_up(self, tenant_id, call_id, who) -> bool:
        self.ended.append((tenant_id, call_id, who))
        return True

    def call_for(self, tenant_id, call_id, employee_id, number) -> bool:
        self.begun.append((tenant_id, call_id, employee_id, number))
        return True


@pytest.fixture
async def calls(company):
    listener = Listener(company.db.listen_connection)
    listener.start()
    async with asyncio.timeout(20):
        await listener.wait_connected()
    found = Calls()
    executor = CommandExecutor(company.db, listener, found)
    executor.start()
    yield found
    await executor.close()
    await listener.stop()


async def present(company, *employees, state=LiveCallState.TALKING, direction=Direction.INCOMING):
    """Put a call on the board; returns its id."""
    call_id, now = new_id(), datetime.now(UTC)
    async with company.db.tenant(company.id):
        for employee_id in employees or (None,):
            await LiveCall.insert(
                LiveCall(
                    call_id=call_id,
                    direction=direction,
                    caller="+79031112233",
                    called="+74951110001",
                    state=state,
                    employee_id=employee_id,
                    started_at=now,
                    answered_at=now if state is LiveCallState.TALKING else None,
                )
            )
    return call_id


async def test_an_administrator_ends_a_call_and_it_is_audited(company, calls):
    call_id = await present(company)
    await callcontrol.hang_up(company.db, company.admin, call_id)
    assert calls.ended == [(company.id, call_id, company.admin.name)]
    [entry, *_] = await audit.entries(company.db, company.admin)
    assert (entry.action, entry.object_id) == ("call.hang_up", call_id)


async def test_an_employee_ends_own_calls_only(company, calls):
    marina = await company.hire("Марина", extension="107")
    actor = person(marina, company.id)
    with pytest.raises(NotFound):
        await callcontrol.hang_up(company.db, actor, await present(company))
    own = await present(company, marina.id)
    await callcontrol.hang_up(company.db, actor, own)
    assert calls.ended == [(company.id, own, "Марина")]


async def test_other_companies_calls_are_not_there(company, calls):
    other = await activate(company.db, company.issuer, "boris@vasilek.example", company="Василёк")
    with pytest.raises(NotFound):
        await callcontrol.hang_up(company.db, company.admin, await present(other))
    with pytest.raises(NotFound):
        await callcontrol.hang_up(company.db, company.admin, new_id())
    assert calls.ended == []


async def test_a_token_needs_the_scope(company, calls):
    program = Actor(company.id, Role.ADMINISTRATOR, scopes=frozenset({"calls:read"}))
    with pytest.raises(Forbidden):
        await callcontrol.hang_up(company.db, program, await present(company))
    with pytest.raises(NotFound):
        await callcontrol.everywhere(company.db, company.admin)


async def test_without_a_telephone_service_it_is_said(company, monkeypatch):
    monkeypatch.setattr("tenants.callcommands.ask.__defaults__", (0.1,))
    with pytest.raises(Unavailable):
        await callcontrol.hang_up(company.db, company.admin, await present(company))


async def test_calls_that_go_on_are_counted(company, monkeypatch):
    monkeypatch.setattr("tenants.callcommands.ask.__defaults__", (0.1,))
    for _ in range(2):
        await present(company)
    found = await callcontrol.everywhere(company.db, operator())
    with pytest.raises(callcontrol.SomeGoOn, match="0 calls were ended; 2 go on"):
        await callcontrol.hang_up_all(company.db, operator("ops"), found)


async def test_the_operator_sees_and_ends_calls_everywhere(company, calls):
    other = await activate(company.db, company.issuer, "boris@vasilek.example", company="Василёк")
    marina = await company.hire("Марина", extension="107")
    ids = [
        await present(company, marina.id, company.activated.employee.id, state=LiveCallState.RINGING),
        await present(other, state=LiveCallState.STARTED),
        await present(other, other.activated.employee.id, direction=Direction.OUTGOING),
    ]
    found = await callcontrol.everywhere(company.db, operator())
    assert [call.call_id for call in found] == ids
    assert [call.legs for call in found] == [3, 1, 2]
    assert set(found[0].parties) == {"Марина", company.activated.employee.name}
    assert {call.tenant for call in found[1:]} == {"Василёк"}
    assert len(await callcontrol.everywhere(company.db, operator(), company.id)) == 1
    by_group = await callcontrol.find(company.db, operator(), str(ids[1])[24:32])
    assert by_group.call_id == ids[1]
    with pytest.raises(NotFound):
        await callcontrol.find(company.db, operator(), "ffffffff")
    with pytest.raises(NotFound):
        await callcontrol.find(company.db, operator(), str(ids[1]), company.id)
    with pytest.raises(Conflict):
        await callcontrol.find(company.db, operator(), str(ids[0])[:4])
    ended = await callcontrol.hang_up_all(company.db, operator("ops"), found)
    assert [call.call_id for call in ended] == ids
    assert {who for _, _, who in calls.ended} == {"ops"}


async def test_a_recording_is_paused_by_administrators_and_by_whom_the_company_allows(company, calls):
    anna = await company.hire()
    call_id = await present(company, anna.id)
    employee = person(anna, company.id)
    with pytest.raises(callcontrol.NothingRecorded):
        await callcontrol.pause_recording(company.db, company.admin, call_id, True)
    calls.paused = False
    await callcontrol.pause_recording(company.db, company.admin, call_id, True)
    assert calls.paused
    with pytest.raises(Forbidden):
        await callcontrol.pause_recording(company.db, employee, call_id, False)
    async with company.db.tenant(company.id) as session:
        await session.execute("UPDATE contracts SET recording_pause = true")
    await callcontrol.pause_recording(company.db, employee, call_id, False)
    assert calls.paused is False
    others = await present(company)
    with pytest.raises(NotFound):
        await callcontrol.pause_recording(company.db, employee, others, True)


async def test_employees_call_for_themselves_and_administrators_for_everybody(company, calls):
    marina = await company.hire("Марина", extension="107")
    herself, boss = person(marina, company.id), company.activated.employee
    asked = [
        (herself, ConnectCall("8 (916) 111-22-33"), (marina.id, "+79161112233")),
        (company.admin, ConnectCall(" 107 ", marina.id), (marina.id, "107")),
        (company.admin, ConnectCall("107"), (boss.id, "107")),
    ]
    for actor, command, wanted in asked:
        made = await callcontrol.connect(company.db, actor, command)
        assert calls.begun[-1] == (company.id, made.call_id, *wanted)
        entry = next(iter(await audit.entries(company.db, company.admin)))
        assert (entry.action, entry.object_id) == ("call.connect", made.call_id)
    with pytest.raises(Forbidden):
        await callcontrol.connect(company.db, herself, ConnectCall("107", boss.id))
    for number in ("", "no number", "+14155550100", "5"):
        with pytest.raises(Invalid) as refused:
            await callcontrol.connect(company.db, herself, ConnectCall(number))
        assert set(refused.value.errors) == {"number"}
    with pytest.raises(Invalid):
        await callcontrol.connect(company.db, operator("ops", company.id), ConnectCall("107"))
    with pytest.raises(Invalid) as refused:
        await callcontrol.connect(company.db, company.admin, ConnectCall("107", new_id()))
    assert set(refused.value.errors) == {"employee_id"}
    assert len(calls.begun) == len(asked)
