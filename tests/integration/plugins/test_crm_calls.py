"""What calls leave behind: tasks with their duplicates check, deals, each exactly once."""

from __future__ import annotations

import pytest

from core.contracts import Direction, Outcome, TaskKind, TaskRequest
from core.errors import Invalid
from core.ids import new_id
from plugins.crm.logic import CreateDeal, TaskQuery, TaskStatus, TaskType, UpdateTask
from plugins.crm.service import deals, tasks
from tenants.services import contacts
from tenants.services.contacts import CreateContact, UpdateContact
from tests.integration.plugins.conftest import CALLER, asks, asks_group, whom

TASKS = "SELECT kind, number FROM crm_tasks ORDER BY id"


async def cards(desk, **query):
    start, end = desk.office().today()
    office = desk.office()
    found = await tasks.tasks(office, TaskQuery(start, end, **query))
    return [await tasks.task(office, each.id) for each in reversed(found)]


def calls_of(card):
    return [each.call_id for each in card.calls]


@pytest.mark.spec("TSK-01", "TSK-02", "TSK-04", at="rule")
async def test_a_call_that_asks_for_a_task_makes_one_with_the_client_and_the_call(desk):
    sales = await desk.group(desk.me)
    missed = desk.call(asks(desk.me))
    wanted = desk.call(asks_group(sales, TaskKind.CALLBACK), caller="+79030000001")
    await desk.ended(missed, wanted, desk.call(caller="+79030000002"))
    first, second = await cards(desk)
    assert (first.task.kind, first.task.status) == (TaskType.MISSED, TaskStatus.NEW)
    assert (first.task.executor, first.task.number) == (whom(desk.me), CALLER)
    assert calls_of(first) == [missed.call_id]
    assert (second.task.kind, second.task.executor.ref) == (TaskType.CALLBACK, str(sales.id))
    assert calls_of(second) == [wanted.call_id]
    (contact,) = await desk.rows("SELECT contact_id FROM contact_numbers WHERE e164 = $1", CALLER)
    assert first.task.contact_id == contact[0]


async def test_a_record_that_comes_twice_and_workers_at_once_make_one_task(desk):
    calls = [desk.call(asks(desk.me), caller=f"+7903000000{n % 3}") for n in range(9)]
    await desk.ended(*calls, *calls, at_once=3)
    await desk.ended(at_once=2)
    found = await cards(desk)
    assert sorted(card.task.number for card in found) == [f"+7903000000{n}" for n in range(3)]
    attached = [call for card in found for call in calls_of(card)]
    assert sorted(attached) == sorted(call.call_id for call in calls)


@pytest.mark.spec("TSK-03", at="rule")
async def test_the_duplicates_check_compares_client_type_and_kind_of_executor(desk):
    anna, sales = await desk.company.hire(), await desk.group(desk.me)
    first, same = desk.call(asks(desk.me)), desk.call(asks(anna))  # another employee: the same kind
    await desk.ended(first, same)
    (card,) = await cards(desk)
    assert (card.task.executor, calls_of(card)) == (whom(desk.me), [first.call_id, same.call_id])
    await desk.ended(
        desk.call(asks_group(sales)),
        desk.call(asks(desk.me, TaskKind.MESSAGE)),
        desk.call(asks(desk.me), caller="+79030000001"),
    )
    assert len(await cards(desk)) == 4


@pytest.mark.spec("TSK-03", at="rule")
async def test_a_contact_is_one_client_whatever_number_is_used(desk):
    command = CreateContact("Иван", numbers=(CALLER, "+79030000001"))
    await contacts.create(desk.db, desk.company.admin, command)
    await desk.ended(desk.call(asks(desk.me)), desk.call(asks(desk.me), caller="+79030000001"))
    assert len(await cards(desk)) == 1


@pytest.mark.spec("TSK-03", at="rule")
async def test_only_open_tasks_are_compared_and_only_where_the_company_wants_it(desk):
    await desk.ended(desk.call(asks(desk.me)))
    (card,) = await cards(desk)
    for status in (TaskStatus.IN_WORK, TaskStatus.DONE):
        command = UpdateTask((await cards(desk))[0].task.version, status=status)
        await tasks.update_task(desk.office(), card.task.id, command)
        await desk.ended(desk.call(asks(desk.me)))
    assert [len(calls_of(each)) for each in await cards(desk)] == [2, 1]
    await desk.set(check_duplicates=False)
    await desk.ended(desk.call(asks(desk.me)))
    assert len(await cards(desk)) == 3


async def test_who_hides_the_number_has_a_task_each_time(desk):
    await desk.ended(*(desk.call(asks(desk.me), caller=None) for _ in range(2)))
    found = await cards(desk)
    assert [(card.task.number, card.task.contact_id) for card in found] == [(None, None)] * 2


@pytest.mark.spec("SET-06", "TSK-04", at="rule")
async def test_a_client_who_was_not_reached_is_a_task_and_no_contact(desk):
    """Calls out make no contact (H-22)."""
    await desk.ended(desk.failed_out(), desk.failed_out())
    (card,) = await cards(desk)
    assert (card.task.kind, card.task.number, card.task.contact_id) == (
        *(TaskType.OUTGOING, CALLER),
        None,
    )
    assert len(card.calls) == 2
    assert await desk.rows("SELECT id FROM contacts") == []


@pytest.mark.spec("PRC-04", at="rule")
async def test_a_message_is_a_task_with_what_was_said(desk):
    said = new_id()
    await desk.ended(desk.call(asks(desk.me, TaskKind.MESSAGE, recording=said)))
    (card,) = await cards(desk)
    assert card.task.kind is TaskType.MESSAGE
    assert [each.recording for each in card.calls] == [said]


async def test_an_executor_who_is_gone_or_was_none_leaves_the_task_to_administrators(desk):
    anna = await desk.company.hire()
    gone = asks(anna)
    await desk.rows("DELETE FROM employees WHERE id = $1", anna.id)
    await desk.ended(desk.call(gone), desk.call(TaskRequest(TaskKind.CALLBACK)))
    assert [card.task.executor for card in await cards(desk)] == [None, None]


async def test_without_the_plugin_there_are_no_tasks(desk):
    await desk.rows("UPDATE contracts SET plugins = '{}'")
    await desk.ended(desk.call(asks(desk.me)))
    assert await desk.rows(TASKS) == []


# --- deals ----------------------------------------------------------------------------------------


DEALS = "SELECT d.responsible_id, n.e164 FROM crm_deals d JOIN contact_numbers n USING (contact_id)"


@pytest.mark.spec("SET-07", at="rule")
async def test_every_client_who_calls_is_a_deal_where_the_company_wants_it(desk):
    await desk.ended(desk.call())
    assert await desk.rows(DEALS) == []
    await desk.set(auto_deals=True)
    answered = {"outcome": Outcome.ANSWERED, "answered_employee_id": desk.me.id}
    await desk.ended(desk.call(**answered), desk.call(caller=None), desk.failed_out("+79030000009"))
    assert await desk.rows(DEALS) == [(desk.me.id, CALLER)]


@pytest.mark.spec("DEA-07", at="rule")
async def test_trap_28_one_deal_for_each_contact_whatever_comes_at_once(desk):
    await desk.set(auto_deals=True)
    await desk.ended(*(desk.call(caller=f"+7903000000{n % 2}") for n in range(8)), at_once=4)
    assert len(await desk.rows(DEALS)) == 2


async def test_personal_contacts_are_no_deals(desk):
    await desk.set(auto_deals=True)
    command = CreateContact("Мама", numbers=(CALLER,), kind="personal")
    await contacts.create(desk.db, desk.company.admin, command)
    await desk.ended(desk.call(), desk.call(direction=Direction.INTERNAL, caller="101"))
    assert await desk.rows(DEALS) == []


@pytest.mark.spec("CON-12", at="rule")
@pytest.mark.parametrize("saved", [True, False], ids=["of a saved contact", "of a new one"])
async def test_tasks_and_deals_follow_callers_who_turn_out_to_be_one_contact(desk, saved):
    await desk.set(auto_deals=True)
    numbers = (CALLER, "+79030000001", "+79030000002")
    ivan = await contacts.create(desk.db, desk.company.admin, CreateContact("Иван")) if saved else None
    await desk.ended(*(desk.call(asks(desk.me), caller=each) for each in numbers))
    made = [key for (key,) in await desk.rows("SELECT id FROM crm_deals WHERE contact_id IS NOT NULL")]
    assert len(made) == 3
    if ivan:
        command = UpdateContact(ivan.id, ivan.version, numbers=numbers)
        ivan = await contacts.update(desk.db, desk.company.admin, command)
    else:
        command = CreateContact("Иван", numbers=numbers)
        ivan = await contacts.create(desk.db, desk.company.admin, command)
    assert [card.task.number for card in await cards(desk, contact_id=ivan.id)] == list(numbers)
    (deal,) = await deals.deals(desk.office())  # the later ones would not have been made
    assert deal.contact_id == ivan.id
    assert deal.id == min(made)
    with pytest.raises(Invalid):
        await deals.create_deal(desk.office(), CreateDeal(ivan.id))


@pytest.mark.spec("DEA-07", "DEA-08", at="rule")
async def test_deals_that_people_made_all_follow_the_contact(desk):
    """Nothing that somebody wrote is lost, and nothing of it is shown to others."""
    anna = await desk.company.hire()
    numbers = ("+79030000001", "+79030000002", "+79030000003")
    for number in numbers[:2]:
        await desk.ended(desk.call(asks(desk.me), caller=number))
    callers = [
        each for (each,) in await desk.rows("SELECT contact_id FROM contact_numbers ORDER BY e164")
    ]
    first = await deals.create_deal(desk.office(), CreateDeal(callers[0], "Окна"))
    secret = CreateDeal(callers[1], "Двери", private=True)
    second = await deals.create_deal(desk.office(anna), secret)
    await desk.set(auto_deals=True)
    await desk.ended(desk.call(caller=numbers[2]))
    ivan = await contacts.create(desk.db, desk.company.admin, CreateContact("Иван"))
    # The one of the call comes first, and gives way to what people made.
    for count in (3, 2, 1):
        ivan = await contacts.get(desk.db, desk.company.admin, ivan.id)
        command = UpdateContact(ivan.id, ivan.version, numbers=numbers[count - 1 :])
        await contacts.update(desk.db, desk.company.admin, command)
    assert [(each.id, each.contact_id) for each in await deals.deals(desk.office())] == [
        (first.id, ivan.id)
    ]
    seen = await deals.deals(desk.office(anna))
    assert [(each.id, each.contact_id) for each in seen] == [(second.id, ivan.id), (first.id, ivan.id)]
    await desk.ended(desk.call(caller=numbers[0]))
    with pytest.raises(Invalid):
        await deals.create_deal(desk.office(), CreateDeal(ivan.id))
    assert await desk.rows("SELECT count(*), count(only_of) FROM crm_deals") == [(2, 1)]
