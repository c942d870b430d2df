"""Who calls: from the tables of contacts to the facts of a call, on a real database."""

from __future__ import annotations

import asyncpg
import msgspec
import pytest

from core.contracts import Addressee, AddresseeKind, Contact, ContactKind, MissedManager, Recording
from core.scenarios import KeyAction, Menu, MenuKey
from tenants import tables
from tenants.directory import MemoryDirectory
from tests.support.waiting import until

CALLER, OTHER = "+79031112233", "+442071838750"
BUSINESS = ContactKind.BUSINESS


async def save(database, company, *numbers, tags=(), **contact):
    """A contact with these numbers; returns its id."""
    async with database.tenant(company.id):
        row = tables.Contact(**contact)
        await tables.Contact.insert(row)
        for number in numbers:
            await tables.ContactNumber.insert(tables.ContactNumber(contact_id=row.id, e164=number))
        for tag_id in tags:
            await tables.ContactTag.insert(tables.ContactTag(contact_id=row.id, tag_id=tag_id))
    return row.id


async def tag(database, company, name="VIP", kind="contact"):
    async with database.tenant(company.id):
        row = tables.Tag(kind=kind, name=name)
        await tables.Tag.insert(row)
    return row.id


async def version(database, company):
    async with database.tenant(company.id) as session:
        return await session.fetchval("SELECT version FROM contact_versions")


async def test_a_contact_is_known_to_calls_within_a_moment_and_to_its_company_only(
    database, directory, company, make_company
):
    other = await make_company(2, "Лютик")
    vip = await tag(database, company)
    manager = company.employee_id
    await save(database, company, CALLER, OTHER, kind=BUSINESS, manager_id=manager, tags=[vip])
    await until(lambda: directory.contact(company.id, CALLER))
    expected = Contact(BUSINESS, frozenset({vip}), manager)
    assert directory.contact(company.id, CALLER) == directory.contact(company.id, OTHER) == expected
    for number in ("+79031112234", "+7", "", None, "101", "+x"):
        assert directory.contact(company.id, number) is None
    assert directory.contact(other.id, CALLER) is None

    await save(database, other, CALLER, kind=ContactKind.PERSONAL)
    await until(lambda: directory.contact(other.id, CALLER))
    assert directory.contact(other.id, CALLER) == Contact(ContactKind.PERSONAL)
    assert directory.contact(company.id, CALLER) == expected


async def test_every_change_of_a_contact_is_followed(database, directory, company):
    vip, spam = await tag(database, company), await tag(database, company, "Спам")
    contact = await save(database, company, CALLER, kind=BUSINESS, manager_id=company.employee_id)

    async def change(sql, *args):
        async with database.tenant(company.id) as session:
            await session.execute(sql, *args)

    def known(number=CALLER):
        return directory.contact(company.id, number)

    await until(lambda: known() == Contact(BUSINESS, manager_id=company.employee_id))
    for each in (vip, spam):
        await change(
            "INSERT INTO contact_tags (tenant_id, contact_id, tag_id) VALUES ($1, $2, $3)",
            *(company.id, contact, each),
        )
    await until(lambda: known().tags == {vip, spam})
    await change("DELETE FROM contact_tags WHERE tag_id = $1", spam)
    await until(lambda: known().tags == {vip})
    await change("UPDATE contacts SET kind = 'personal', manager_id = NULL")
    await until(lambda: known() == Contact(ContactKind.PERSONAL, frozenset({vip})))
    await change("UPDATE contact_numbers SET e164 = $1", OTHER)
    await until(lambda: known(OTHER) is not None)
    assert known() is None
    await change("DELETE FROM contacts")
    await until(lambda: known(OTHER) is None)


async def test_an_employee_who_is_deleted_is_nobodys_manager(database, directory, company):
    await save(database, company, CALLER, kind=BUSINESS, manager_id=company.employee_id)
    await until(lambda: directory.contact(company.id, CALLER))
    async with database.tenant(company.id) as session:
        await session.execute("DELETE FROM employees")
    await until(lambda: directory.contact(company.id, CALLER) == Contact(BUSINESS))


async def test_strangers_who_merely_call_change_nothing(database, directory, company):
    await save(database, company, OTHER, kind=BUSINESS)
    await until(lambda: directory.contact(company.id, OTHER))
    before = await version(database, company)
    await save(database, company, CALLER)
    assert await version(database, company) == before
    vip = await tag(database, company)
    await save(database, company, "+79031112234", tags=[vip])  # tagged, though not saved (CON-02)
    await until(lambda: directory.contact(company.id, "+79031112234"))
    assert directory.contact(company.id, "+79031112234").kind is ContactKind.UNSAVED
    assert directory.contact(company.id, CALLER) is None


async def test_what_was_saved_before_the_start_is_known(database, listener, vault, company):
    await save(database, company, CALLER, kind=BUSINESS)
    directory = MemoryDirectory(database, listener, vault)
    await directory.start()
    assert directory.contact(company.id, CALLER) == Contact(BUSINESS)
    await directory.close()


async def test_a_number_is_one_contacts(database, company):
    await save(database, company, CALLER, kind=BUSINESS)
    with pytest.raises(asyncpg.UniqueViolationError):
        await save(database, company, CALLER)


async def test_tags_menus_and_services_are_part_of_the_snapshot(database, directory, company):
    vip = await tag(database, company)
    await tag(database, company, "Жалоба", kind="call")
    menu = Menu(company.id, "", keys=(MenuKey("0", KeyAction.SKIP),), enabled=True)
    manager = Addressee(AddresseeKind.EXTENSION, "101")
    async with database.tenant(company.id):
        media = tables.Media(name="Приветствие", hash="0" * 64)
        await tables.Media.insert(media)
        body = msgspec.json.encode(menu).decode()
        await tables.Menu.insert(row := tables.Menu(name="Меню", body=body))
        await tables.ExtensionList.insert(tables.ExtensionList(name="Все"))
        await tables.Contract.update(
            recording=True,
            announcement=media.id,
            default_manager=msgspec.json.encode(manager).decode(),
            missed_manager=MissedManager.LAST,
        ).where(tables.Contract.tenant_id == company.id)
        await tables.Employee.update(recording="on", dialled_from_menu=True).where(
            tables.Employee.id == company.employee_id
        )
    await until(lambda: directory.snapshot(company.id).menus)
    found = directory.snapshot(company.id)
    assert [(each.id, each.name) for each in found.tags] == [(vip, "VIP")]
    assert [(each.id, each.name) for each in found.media] == [(media.id, "Приветствие")]
    assert found.menus == (msgspec.structs.replace(menu, id=row.id, name="Меню"),)
    assert [(each.name, each.numbers) for each in found.extension_lists] == [("Все", None)]
    assert (found.recording, found.announcement, found.default_manager) == (True, media.id, manager)
    assert found.missed_manager is MissedManager.LAST
    assert found.employees[0].recording is Recording.ON
    assert found.employees[0].dialled_from_menu
