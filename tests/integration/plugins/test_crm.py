"""Tasks and deals in people's hands: who sees which, takes them, changes them."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from core.contracts import Addressee, AddresseeKind, Tenant
from core.errors import Conflict, Invalid, NotFound
from core.ids import new_id
from plugins.crm.logic import CreateDeal, CreateTask, TaskQuery, TaskStatus, UpdateTask
from plugins.crm.service import deals, tasks
from tenants.office import DatabaseOffice
from tenants.services import audit, contacts
from tenants.services.contacts import CreateContact
from tests.integration.plugins.conftest import CALLER, asks, asks_group, whom
from tests.support.company import activate

GROUP = AddresseeKind.GROUP


async def seen(office, **query):
    start, end = office.today()
    return await tasks.tasks(office, TaskQuery(start, end, **query))


async def made(desk, title="Позвонить", who=None, **fields):
    return (await tasks.create_task(desk.office(who), CreateTask(title, **fields))).task


@pytest.mark.spec("TSK-11", at="rule")
async def test_a_task_is_made_by_hand_for_oneself_or_somebody(desk):
    anna = await desk.company.hire()
    own = await made(desk, " Собрать   документы ", who=anna, number="8 903 111-22-33")
    assert (own.title, own.executor, own.author_id) == ("Собрать документы", whom(anna), anna.id)
    assert own.number == CALLER
    due = datetime.now(UTC) + timedelta(days=1)
    other = await made(desk, who=anna, executor=whom(desk.me), due=due)
    assert (other.executor, other.due) == (whom(desk.me), due)
    assert {each.id for each in await seen(desk.office(anna))} == {own.id, other.id}
    journal = await audit.entries(desk.db, desk.company.admin)
    assert [each.action for each in journal[:2]] == ["task.create", "task.create"]


async def test_what_is_wrong_with_a_task_is_said_by_field(desk):
    wrong = {
        "title": CreateTask("a\0b"),
        "executor": CreateTask("x", executor=Addressee(AddresseeKind.EXTERNAL, CALLER)),
        "number": CreateTask("x", number="nobody"),
        "contact_id": CreateTask("x", contact_id=new_id()),
        "due": CreateTask("x", due=datetime(2026, 1, 1)),  # noqa: DTZ001 - that is what is wrong
    }
    for field, command in wrong.items():
        with pytest.raises(Invalid) as caught:
            await tasks.create_task(desk.office(), command)
        assert set(caught.value.errors) == {field}
    for gone in (Addressee(AddresseeKind.EMPLOYEE, str(new_id())), Addressee(GROUP, str(new_id()))):
        with pytest.raises(Invalid) as caught:
            await made(desk, executor=gone)
        assert set(caught.value.errors) == {"executor"}
    program = DatabaseOffice(desk.db, desk.tenant, desk.company.admin)
    program.viewer = type(program.viewer)(None, None, True)
    with pytest.raises(Invalid):
        await tasks.create_task(program, CreateTask("x"))
    assert await seen(desk.office()) == []


@pytest.mark.spec("TSK-02", at="rule")
async def test_employees_see_their_own_and_their_groups_tasks_and_administrators_all(desk):
    anna, boris = await desk.company.hire(), await desk.company.hire("Борис Полевой")
    sales = await desk.group(anna)
    mine = await made(desk, "мне", executor=whom(desk.me))
    hers = await made(desk, "ей", executor=whom(anna))
    theirs = await made(desk, "группе", executor=whom(sales, GROUP))
    assert [each.id for each in await seen(desk.office())] == [theirs.id, hers.id, mine.id]
    assert [each.id for each in await seen(desk.office(anna))] == [theirs.id, hers.id]
    assert await seen(desk.office(boris)) == []
    with pytest.raises(NotFound):
        await tasks.task(desk.office(boris), hers.id)
    with pytest.raises(NotFound):
        await tasks.update_task(desk.office(anna), mine.id, UpdateTask(1, status=TaskStatus.DONE))
    assert [each.id for each in await seen(desk.office(), group_id=sales.id)] == [theirs.id]
    assert [each.id for each in await seen(desk.office(), employee_id=anna.id)] == [hers.id]


async def test_the_list_is_in_pages_and_of_today(desk):
    every = [await made(desk, f"{n}") for n in range(5)]
    first = await seen(desk.office(), limit=2)
    rest = await seen(desk.office(), after=first[-1].id)
    assert [each.title for each in (*first, *rest)] == ["4", "3", "2", "1", "0"]
    await desk.rows(
        "UPDATE crm_tasks SET created_at = now() - interval '2 days' WHERE id = $1", every[0].id
    )
    assert len(await seen(desk.office())) == 4
    start, end = desk.office().today()
    old = TaskQuery(start - timedelta(days=3), end, status=TaskStatus.NEW)
    assert len(await tasks.tasks(desk.office(), old)) == 5


@pytest.mark.spec("CON-05", at="rule")
async def test_trap_26_tasks_of_personal_contacts_are_administrators(desk):
    anna = await desk.company.hire()
    by_call = desk.call(asks(anna))
    await desk.ended(by_call)
    by_number = await made(desk, executor=whom(anna), number=CALLER)
    assert len(await seen(desk.office(anna))) == 2
    await desk.rows("UPDATE contacts SET kind = 'personal'")
    assert await seen(desk.office(anna)) == []
    with pytest.raises(NotFound):
        await tasks.task(desk.office(anna), by_number.id)
    assert len(await seen(desk.office())) == 2
    mother = await contacts.create(desk.db, desk.company.admin, CreateContact("Мама", kind="personal"))
    with pytest.raises(Invalid) as caught:
        await made(desk, who=anna, contact_id=mother.id)
    assert set(caught.value.errors) == {"contact_id"}


@pytest.mark.spec("CON-05", at="rule")
async def test_a_number_does_not_tell_whether_it_is_a_personal_contacts(desk):
    anna = await desk.company.hire()
    command = CreateContact("Мама", kind="personal", numbers=(CALLER,))
    mother = await contacts.create(desk.db, desk.company.admin, command)
    secret, plain = [await made(desk, who=anna, number=each) for each in (CALLER, "+79030000009")]
    assert (secret.contact_id, secret.number, plain.contact_id) == (None, CALLER, None)
    assert [each.id for each in await seen(desk.office(anna))] == [plain.id, secret.id]
    assert (await tasks.task(desk.office(anna), secret.id)).task == secret
    assert (await made(desk, number=CALLER)).contact_id == mother.id  # an administrator's


@pytest.mark.spec("CON-05", at="rule")
async def test_a_deal_without_its_contact_is_its_responsibles_and_administrators(desk):
    anna, boris = await desk.company.hire(), await desk.company.hire("Борис Полевой")
    command = CreateContact("Мама", kind="personal")
    mother = await contacts.create(desk.db, desk.company.admin, command)
    deal = await deals.create_deal(desk.office(), CreateDeal(mother.id, responsible_id=anna.id))
    for who in (anna, boris):
        assert await deals.deals(desk.office(who)) == []
    await contacts.delete(desk.db, desk.company.admin, mother.id)
    assert [each.id for each in await deals.deals(desk.office())] == [deal.id]
    assert [each.id for each in await deals.deals(desk.office(anna))] == [deal.id]
    with pytest.raises(NotFound):
        await deals.deal(desk.office(boris), deal.id)


async def test_attached_calls_are_shown_to_those_who_may_see_them(desk):
    anna = await desk.company.hire()
    call = desk.call(asks(anna))
    await desk.ended(call)
    (task,) = await seen(desk.office(anna))
    assert (await tasks.task(desk.office(anna), task.id)).calls == ()
    assert [each.call_id for each in (await tasks.task(desk.office(), task.id)).calls] == [call.call_id]
    await desk.rows("UPDATE calls SET answered_employee_id = $1", anna.id)
    assert len((await tasks.task(desk.office(anna), task.id)).calls) == 1


@pytest.mark.spec("TSK-02", at="rule")
async def test_a_groups_task_is_taken_once_by_a_member_of_now(desk):
    anna, boris = await desk.company.hire(), await desk.company.hire("Борис Полевой")
    sales = await desk.group(anna, boris)
    await desk.ended(desk.call(asks_group(sales)))
    (task,) = await seen(desk.office(anna))
    with pytest.raises(Invalid):  # of no such group
        await tasks.take(desk.office(), task.id)
    answers = await asyncio.gather(
        *(tasks.take(desk.office(each), task.id) for each in (anna, boris)), return_exceptions=True
    )
    (taken,) = [each.task for each in answers if not isinstance(each, Exception)]
    assert [type(each) for each in answers if isinstance(each, Exception)] == [Conflict]
    assert taken.status is TaskStatus.IN_WORK
    assert (taken.taken_by in (anna.id, boris.id), taken.executor) == (True, whom(sales, GROUP))
    again = await tasks.take(desk.office(), task.id, taken.taken_by)  # whom an administrator names
    assert again.task.taken_by == taken.taken_by
    journal = await audit.entries(desk.db, desk.company.admin)
    assert "task.take" in [each.action for each in journal]
    given = UpdateTask(again.task.version, executor=whom(desk.me))
    assert (await tasks.update_task(desk.office(), task.id, given)).task.taken_by is None


@pytest.mark.spec("TSK-07", "TSK-09", at="rule")
async def test_status_due_executor_and_comments(desk):
    anna = await desk.company.hire()
    task = await made(desk, executor=whom(anna))
    due = datetime(2026, 12, 1, 9, tzinfo=UTC)
    card = await tasks.update_task(
        desk.office(anna), task.id, UpdateTask(1, status=TaskStatus.DONE, due=due)
    )
    assert (card.task.status, card.task.due, card.task.version) == (TaskStatus.DONE, due, 2)
    assert card.task.closed_at is not None
    with pytest.raises(Conflict):
        await tasks.update_task(desk.office(), task.id, UpdateTask(1, title="x"))
    card = await tasks.update_task(desk.office(), task.id, UpdateTask(2, status=TaskStatus.NEW))
    assert card.task.closed_at is None
    with pytest.raises(Conflict):
        done = UpdateTask(3, status=TaskStatus.CANCELLED)
        await tasks.update_task(desk.office(), task.id, done)
        await tasks.take(desk.office(anna), task.id)
    card = await tasks.comment(desk.office(anna), task.id, " Не отвечает. ")
    assert [(said.employee_id, said.text) for said in card.comments] == [(anna.id, "Не отвечает.")]
    for wrong in (" ", "а" * 4001, "\0", "Позвонить\x1b[2J", "\ud800"):
        with pytest.raises(Invalid) as caught:
            await tasks.comment(desk.office(anna), task.id, wrong)
        assert set(caught.value.errors) == {"text"}
    card = await tasks.comment(desk.office(anna), task.id, "Занято.\r\n\tПозже 👩‍💻")
    assert card.comments[-1].text == "Занято.\n\tПозже 👩‍💻"
    # Whoever gives a task away sees it this once more.
    away = UpdateTask(4, executor=whom(desk.me))
    assert (await tasks.update_task(desk.office(anna), task.id, away)).task.executor == whom(desk.me)
    with pytest.raises(NotFound):
        await tasks.task(desk.office(anna), task.id)


@pytest.mark.spec("DEA-07", "DEA-08", at="rule")
async def test_deals_by_hand_one_for_each_contact_private_ones_for_their_responsible(desk):
    anna = await desk.company.hire()
    first, second = [
        await contacts.create(desk.db, desk.company.admin, CreateContact(name)) for name in "АБ"
    ]
    deal = await deals.create_deal(desk.office(anna), CreateDeal(first.id, "Поставка"))
    assert (deal.responsible_id, deal.automatic, deal.title) == (anna.id, False, "Поставка")
    with pytest.raises(Invalid) as caught:
        await deals.create_deal(desk.office(), CreateDeal(first.id))
    assert set(caught.value.errors) == {"contact_id"}
    secret = await deals.create_deal(desk.office(anna), CreateDeal(second.id, private=True))
    assert [each.id for each in await deals.deals(desk.office(anna))] == [secret.id, deal.id]
    assert [each.id for each in await deals.deals(desk.office())] == [deal.id]
    with pytest.raises(NotFound):
        await deals.deal(desk.office(), secret.id)
    assert (await deals.deal(desk.office(anna), secret.id)) == secret
    for wrong in (CreateDeal(new_id()), CreateDeal(second.id, responsible_id=new_id())):
        with pytest.raises(Invalid):
            await deals.create_deal(desk.office(), wrong)


async def test_rows_of_the_plugin_are_kept_apart_by_company(desk, issuer):
    other = await activate(
        desk.db, issuer, "boris@vasilek.example", company="Василёк", plugins=frozenset({"crm"})
    )
    office = DatabaseOffice(desk.db, Tenant(other.id, "Василёк"), other.admin)
    ours = await made(desk)
    contact = await contacts.create(desk.db, desk.company.admin, CreateContact("Иван"))
    deal = await deals.create_deal(desk.office(), CreateDeal(contact.id))
    assert await seen(office) == []
    assert await deals.deals(office) == []
    for look in (tasks.task(office, ours.id), deals.deal(office, deal.id)):
        with pytest.raises(NotFound):
            await look
    for field, command in (
        ("executor", CreateTask("x", executor=whom(desk.me))),
        ("contact_id", CreateTask("x", contact_id=contact.id)),
    ):
        with pytest.raises(Invalid) as caught:
            await tasks.create_task(office, command)
        assert set(caught.value.errors) == {field}
    async with desk.db.tenant(other.id) as session:
        for table in ("crm_tasks", "crm_deals", "crm_task_calls", "crm_comments"):
            assert await session.fetchval(f"SELECT count(*) FROM {table}") == 0


async def test_calling_back_attaches_the_call_and_begins_the_task(desk):
    anna, boris = await desk.company.hire(), await desk.company.hire("Борис Полевой")
    task = await made(desk, executor=whom(anna), number=CALLER)
    hidden = await made(desk, executor=whom(anna))
    office, asked = desk.office(anna), []

    async def call(number, employee_id=None):
        asked.append((number, employee_id))
        return new_id()

    office.call = call
    done = await tasks.call_back(office, task.id)
    assert asked == [(CALLER, None)]
    assert (done.task.status, done.task.version) == (TaskStatus.IN_WORK, 2)
    attached = await desk.rows("SELECT call_id FROM crm_task_calls WHERE task_id = $1", task.id)
    assert attached == [(done.call_id,)]
    assert (await tasks.task(office, task.id)).calls == ()  # it is not over yet
    with pytest.raises(Conflict):
        await tasks.call_back(office, hidden.id)
    other = desk.office(boris)
    other.call = call
    with pytest.raises(NotFound):
        await tasks.call_back(other, task.id)
    assert len(asked) == 1
