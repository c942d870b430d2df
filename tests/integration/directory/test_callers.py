"""Everybody who called is a contact, and missed calls say who shall be the manager."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from core.contracts import ContactKind, Direction
from core.ids import new_id
from tenants import callers, tables
from tenants.callstore import DatabaseCallStore
from tenants.outbox import Outbox
from tests.integration.directory.conftest import call_of

CALLER = "+79031112233"


@pytest.fixture
async def ended(database, listener, tmp_path, company):
    """Stores calls and has their consequences."""
    store = DatabaseCallStore(database, tmp_path)

    async def end(*cdrs, at_once=1):
        for cdr in cdrs:
            await store.save(cdr)
        boxes = [Outbox(database, (), listener, callers.CONSUMERS) for _ in range(at_once)]
        await asyncio.gather(*(box.drain() for box in boxes))

    yield end
    await store.close()


async def contacts(database, company):
    async with database.tenant(company.id) as session:
        rows = await session.fetch(
            "SELECT n.e164, c.kind, c.name, c.manager_id, c.pending_manager FROM contacts c"
            " LEFT JOIN contact_numbers n ON n.contact_id = c.id ORDER BY n.e164"
        )
    return [tuple(row.values()) for row in rows]


@pytest.mark.spec("CON-01", "CON-12", at="rule")
async def test_trap_13_everybody_who_called_is_a_contact_without_a_manager(
    database, ended, company, make_company
):
    other = await make_company(2)
    manager = f'{{"kind": "employee", "ref": "{company.employee_id}"}}'
    async with database.tenant(company.id) as session:
        await session.execute("UPDATE contracts SET default_manager = $1", manager)
    await ended(call_of(company), call_of(company), call_of(other), call_of(company, caller="+4930123"))
    found = await contacts(database, company)
    unsaved = (ContactKind.UNSAVED, "", None, None)
    assert found == [("+4930123", *unsaved), (CALLER, *unsaved)]
    assert await contacts(database, other) == [(CALLER, *unsaved)]


async def test_who_is_no_caller_is_no_contact(database, ended, company):
    async with database.tenant(company.id):
        mobile = tables.Terminal(
            employee_id=company.employee_id, kind="external", address="+79160000009"
        )
        await tables.Terminal.insert(mobile)
    await ended(
        call_of(company, caller=None),
        call_of(company, caller="0"),
        call_of(company, caller="+79160000009"),
        call_of(company, caller=company.e164),
        call_of(company, direction=Direction.OUTGOING, caller=company.e164, called=CALLER),
        call_of(company, direction=Direction.INTERNAL, caller="101", called="102"),
    )
    assert await contacts(database, company) == []


async def test_many_calls_of_one_at_once_and_a_contact_that_is_there(database, ended, company):
    async with database.tenant(company.id):
        known = tables.Contact(kind=ContactKind.BUSINESS, name="Иван")
        await tables.Contact.insert(known)
        await tables.ContactNumber.insert(
            tables.ContactNumber(contact_id=known.id, e164="+74990000001")
        )
    calls = [call_of(company, caller=f"+7903000000{n % 2}") for n in range(12)]
    await ended(*calls, call_of(company, caller="+74990000001"), at_once=4)
    numbers = [row[0] for row in await contacts(database, company)]
    assert numbers == ["+74990000001", "+79030000000", "+79030000001"]


@pytest.mark.spec("PMA-03", at="rule")
async def test_the_latest_missed_call_chooses_in_whatever_order_they_are_looked_at(
    database, ended, company
):
    someone = company.employee_id
    async with database.tenant(company.id):
        other = tables.Employee(name="Петров")
        await tables.Employee.insert(other)
    first = call_of(company, missed_manager=other.id)
    latest = msgspec.structs.replace(
        call_of(company, missed_manager=someone), started_at=first.started_at + 5
    )
    await ended(latest)
    await ended(first)
    await ended(call_of(company), call_of(company, missed_manager=new_id()))  # answered; dismissed
    assert await contacts(database, company) == [(CALLER, ContactKind.UNSAVED, "", None, someone)]
    async with database.tenant(company.id) as session:
        await session.execute("DELETE FROM employees WHERE id = $1", someone)
    assert (await contacts(database, company))[0][4] is None


async def test_a_saved_contact_keeps_who_it_has(database, ended, company):
    async with database.tenant(company.id):
        known = tables.Contact(kind=ContactKind.BUSINESS, name="Иван")
        await tables.Contact.insert(known)
        await tables.ContactNumber.insert(tables.ContactNumber(contact_id=known.id, e164=CALLER))
    await ended(call_of(company, missed_manager=company.employee_id))
    assert await contacts(database, company) == [(CALLER, ContactKind.BUSINESS, "Иван", None, None)]
