"""What real calls leave behind: tasks of the right executor, made by the worker."""

import asyncio

import pytest

from core.contracts import (
    Addressee,
    AddresseeKind,
    Chain,
    Dial,
    DialMode,
    Executor,
    ExecutorKind,
    Tenant,
)
from core.library import Prompt, media_id
from core.media.rtp import RtpPeer
from core.scenarios import HangUp, KeyAction, MenuKey, PluginStep
from plugins.crm.logic import CreateTask, TaskQuery, TaskType
from plugins.crm.service import tasks
from tenants.office import DatabaseOffice
from tenants.services import callcontrol, calls, company_settings, contacts, menus
from tenants.services.company_settings import UpdateSettings
from tenants.services.contacts import ContactQuery
from tests.e2e.test_calls import answering
from tests.e2e.test_greeting import handled
from tests.e2e.test_media_loss import offered
from tests.support.sipp import Script

CALLER = "+79160000001"


async def cards(company, count=1, seconds=60):
    """The cards of the company's tasks, once there are so many."""
    office = DatabaseOffice(company.db, Tenant(company.id, ""), company.here)
    start, end = office.today()
    async with asyncio.timeout(seconds):
        while len(found := await tasks.tasks(office, TaskQuery(start, end))) < count:
            await asyncio.sleep(0.1)
    return [await tasks.task(office, each.id) for each in found]


def busy():
    return Script().wait_for("INVITE").answer(486, "Busy Here").wait_for("ACK")


def to(person):
    return Addressee(AddresseeKind.EMPLOYEE, str(person.id))


@pytest.mark.spec("PRC-12", "PRC-13", "TSK-01", "TSK-04", "CON-01", at="call")
async def test_a_missed_call_is_a_task_of_the_last_one_who_rang(company):
    boris = await company.hire("Борис Полевой", "102")
    dial = Dial((to(company.admin), to(boris)), DialMode.SEQUENTIAL, ring_seconds=20)
    end = HangUp(task=Executor(ExecutorKind.LAST))
    await handled(company, Chain((dial, end)))
    async with (
        company.phone(company.admin.sip, busy()) as first,
        company.phone(boris.sip, busy()) as second,
        company.outside(busy()),
    ):
        caller = company.caller(CALLER).invite(company.number).expect(480).ack_refusal()
        await company.dial_in(caller)
        await first.finish()
        await second.finish()
    call = await company.call()
    (card,) = await cards(company)
    assert (card.task.kind, card.task.executor) == (TaskType.MISSED, to(boris))
    assert (card.task.number, [each.call_id for each in card.calls]) == (CALLER, [call.call.id])
    assert any("Missed call" in line.text and "Борис Полевой" in line.text for line in call.trace)
    (contact,) = await contacts.contacts(company.db, company.here, ContactQuery())
    assert (contact.kind, contact.numbers, contact.id) == ("unsaved", (CALLER,), card.task.contact_id)


@pytest.mark.spec("IVR-16", at="call")
async def test_a_key_leaves_a_wish_to_be_called_back(company):
    wish = MenuKey(
        "5", KeyAction.CALLBACK, executor=Executor(ExecutorKind.EMPLOYEE, to(company.admin).ref)
    )
    keys = (MenuKey("*", KeyAction.REPEAT), wish)
    said = media_id(Prompt.MENU_OPERATOR)
    menu = menus.CreateMenu("Главное", keys, instruction=said, enabled=True)
    made = await menus.create(company.db, company.here, menu)
    block = {"menu_id": str(made.id), "otherwise": "hang_up"}
    await handled(company, Chain((PluginStep("ivr.menu", block),)))
    caller = await RtpPeer.open()
    talk = company.caller(CALLER, media=caller.address).invite(company.number).expect(200).ack()
    talk = talk.until_told().wait_for("BYE").ok()
    async with talk.running(company.instance.sip, local=company.carrier_host) as at_caller:
        caller.connect(await offered(at_caller))
        caller.play([0] * 160)
        await at_caller.go_on()
        await caller.press("5")
        await at_caller.finish()
    caller.close()
    (card,) = await cards(company)
    assert (card.task.kind, card.task.executor) == (TaskType.CALLBACK, to(company.admin))
    assert (card.task.number, len(card.calls)) == (CALLER, 1)


@pytest.mark.spec("SET-06", "TSK-04", at="call")
async def test_a_client_who_is_not_reached_is_a_task_of_who_called(company):
    now = await company_settings.get(company.db, company.here)
    wanted = UpdateSettings(now.version, outgoing_tasks=True)
    await company_settings.update(company.db, company.here, wanted)
    await company.settled()
    async with company.outside(busy()) as outside:
        script = company.dialler(company.admin.sip, CALLER).expect(486).ack_refusal()
        await script.run(company.instance.sip)
        await outside.finish()
    (card,) = await cards(company)
    assert (card.task.kind, card.task.executor) == (TaskType.OUTGOING, to(company.admin))
    assert card.task.number == CALLER


@pytest.mark.spec("TSK-01", at="call")
async def test_calling_back_connects_the_employee_and_then_the_client(company):
    office = DatabaseOffice(company.db, Tenant(company.id, ""), company.here)
    made = await tasks.create_task(
        office, CreateTask("Перезвонить", executor=to(company.admin), number=CALLER)
    )
    await company.sql("DELETE FROM terminals WHERE kind = 'external'")
    async with (
        company.phone(company.admin.sip, answering()) as phone,
        company.outside(answering()) as outside,
    ):
        done = await tasks.call_back(office, made.task.id, company.admin.id)
        async with asyncio.timeout(60):
            while not [c for c in await calls.present(company.db, company.here) if c.answered_at]:
                await asyncio.sleep(0.1)
        await callcontrol.hang_up(company.db, company.here, done.call_id)
        seen = await outside.finish()
        await phone.finish()
    assert f"INVITE sip:{CALLER}@" in seen
    await company.recorded(1)
    card = await tasks.task(office, made.task.id)
    assert [each.call_id for each in card.calls] == [done.call_id]
    call = await company.call()
    assert (call.call.id, call.call.outcome) == (done.call_id, "answered")
