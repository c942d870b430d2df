"""«Настройки ВАТС» and the manager whom a newly saved contact gets (features.md SET, PMA)."""

import pytest

from core.contracts import Addressee, AddresseeKind, ContactKind, MissedManager
from core.errors import Conflict, Forbidden, Invalid, NotFound
from core.features import DEFAULTS, Feature
from core.ids import new_id
from tenants.services import audit, company_settings, contacts
from tenants.services.company_settings import UpdateSettings
from tenants.services.contacts import CreateContact, UpdateContact
from tests.support.company import directory_of, person

EMPLOYEE, EXTENSION = AddresseeKind.EMPLOYEE, AddresseeKind.EXTENSION
CALLER = "+79031112233"


async def change(company, **fields):
    now = await company_settings.get(company.db, company.admin)
    command = UpdateSettings(now.version, **fields)
    return await company_settings.update(company.db, company.admin, command)


async def save(company, name="Иван", **fields):
    return await contacts.create(company.db, company.admin, CreateContact(name, **fields))


async def caller(company, pending=None):
    """Somebody who has called, and whom a missed call wants to have this manager."""
    key = new_id()
    async with company.db.tenant(company.id) as session:
        await session.execute(
            "INSERT INTO contacts (id, tenant_id, kind, name, pending_manager, pending_since)"
            " VALUES ($1, $2, 'unsaved', '', $3, now())",
            *(key, company.id, pending),
        )
        await session.execute(
            "INSERT INTO contact_numbers (id, tenant_id, contact_id, e164) VALUES ($1, $2, $1, $3)",
            *(key, company.id, CALLER),
        )
    return await contacts.get(company.db, company.admin, key)


async def saved(company, found, **fields):
    fields = {"kind": ContactKind.BUSINESS, "name": "Иван"} | fields
    command = UpdateContact(found.id, found.version, **fields)
    return (await contacts.update(company.db, company.admin, command)).manager_id


@pytest.mark.spec("SET-01", "SET-02", "SET-03", at="rule")
async def test_time_zone_and_recording_hold_for_the_whole_contract(company, vault):
    before = await company_settings.get(company.db, company.admin)
    assert (before.timezone, before.recording) == ("Europe/Moscow", False)
    after = await change(company, timezone="Asia/Yekaterinburg", recording=True, recording_pause=True)
    assert (after.timezone, after.recording) == ("Asia/Yekaterinburg", True)
    async with directory_of(company.db, vault) as directory:
        snapshot = directory.snapshot(company.id)
    assert (snapshot.timezone, snapshot.recording, snapshot.recording_pause) == (
        *("Asia/Yekaterinburg", True),
        True,
    )
    with pytest.raises(Invalid) as caught:
        await change(company, timezone="Middle/Earth", language="x")
    assert set(caught.value.errors) == {"timezone", "language"}
    assert await company_settings.get(company.db, company.admin) == after


@pytest.mark.spec("SET-05", "SET-06", "SET-07", "TSK-03", at="rule")
async def test_settings_are_read_changed_and_noted(company, vault):
    me = company.activated.employee
    before = await company_settings.get(company.db, company.admin)
    assert (before.default_manager, before.missed_manager) == (None, MissedManager.DEFAULT)
    assert (before.outgoing_tasks, before.auto_deals, before.check_duplicates) == (False, False, True)
    after = await change(
        company,
        default_manager=Addressee(EMPLOYEE, str(me.id)),
        missed_manager=MissedManager.LAST,
        outgoing_tasks=True,
        auto_deals=True,
        check_duplicates=False,
    )
    assert after == await company_settings.get(company.db, company.admin)
    assert (after.outgoing_tasks, after.auto_deals, after.check_duplicates) == (True, True, False)
    async with directory_of(company.db, vault) as directory:
        snapshot = directory.snapshot(company.id)
    assert snapshot.default_manager == Addressee(EMPLOYEE, str(me.id))
    assert (snapshot.missed_manager, snapshot.outgoing_tasks) == (MissedManager.LAST, True)
    entry = next(iter(await audit.entries(company.db, company.admin)))
    assert (entry.action, entry.before["auto_deals"], entry.after["auto_deals"]) == (
        *("settings.update", False),
        True,
    )
    with pytest.raises(Conflict):
        await company_settings.update(company.db, company.admin, UpdateSettings(before.version))


@pytest.mark.spec("PMA-01", "PMA-02", at="rule")
async def test_the_default_manager_is_an_employee_or_the_extension_of_one(company):
    named = await change(company, default_manager=Addressee(EXTENSION, " 101 "))
    assert named.default_manager == Addressee(EXTENSION, "101")
    wrong = (
        Addressee(EXTENSION, "999"),
        Addressee(EMPLOYEE, str(new_id())),
        Addressee(EMPLOYEE, "x"),
        Addressee(AddresseeKind.GROUP, str(company.activated.employee.id)),
        Addressee(AddresseeKind.EXTERNAL, "+79160000001"),
    )
    for each in wrong:
        with pytest.raises(Invalid) as caught:
            await change(company, default_manager=each)
        assert set(caught.value.errors) == {"default_manager"}
    assert (await change(company, default_manager=None)).default_manager is None


async def test_only_administrators_change_them(company):
    employee = person(await company.hire(), company.id)
    assert (await company_settings.get(company.db, employee)).version == 1
    with pytest.raises(Forbidden):
        await company_settings.update(company.db, employee, UpdateSettings(1, auto_deals=True))


@pytest.mark.spec("PMA-02", "CON-12", at="rule")
async def test_trap_13_a_contact_gets_its_manager_when_it_is_saved(company):
    me, anna = company.activated.employee.id, (await company.hire(extension="102")).id
    assert (await save(company)).manager_id is None
    await change(company, default_manager=Addressee(EXTENSION, "102"))
    assert (await save(company)).manager_id == anna
    assert (await save(company, manager_id=me)).manager_id == me
    assert (await save(company, manager_id=None)).manager_id is None
    assert (await save(company, kind=ContactKind.PERSONAL)).manager_id is None
    found = await caller(company)
    assert found.manager_id is None
    assert await saved(company, found) == anna
    again = await contacts.get(company.db, company.admin, found.id)
    assert await saved(company, again, manager_id=None) is None  # saved already: nobody comes back
    last = await contacts.get(company.db, company.admin, found.id)
    assert await saved(company, last, name="Пётр") is None


@pytest.mark.spec("CON-03", "CON-12", at="rule")
async def test_who_is_saved_with_the_number_of_a_caller_is_that_caller(company):
    me, anna = company.activated.employee.id, (await company.hire()).id
    await change(company, default_manager=Addressee(EMPLOYEE, str(me)))
    found = await caller(company, pending=anna)
    numbers = ("+74990000001", CALLER)
    made = await save(company, numbers=numbers)
    assert (made.id, made.numbers, made.manager_id) == (found.id, numbers, anna)
    assert made.version > found.version
    for number in ("+74990000001", CALLER):  # of somebody who is saved
        with pytest.raises(Invalid) as caught:
            await save(company, "Пётр", numbers=(number,))
        assert set(caught.value.errors) == {"numbers"}


async def test_a_callers_number_may_be_given_to_somebody_who_is_saved(company):
    known = await save(company, numbers=("+74990000001",))
    found = await caller(company)
    command = UpdateContact(known.id, known.version, numbers=("+74990000001", CALLER))
    after = await contacts.update(company.db, company.admin, command)
    assert after.numbers == ("+74990000001", CALLER)
    with pytest.raises(NotFound):
        await contacts.get(company.db, company.admin, found.id)


@pytest.mark.spec("PMA-03", "CON-12", at="rule")
@pytest.mark.parametrize("wanted", ["candidate", "mine", "personal"])
async def test_whom_missed_calls_have_chosen_becomes_the_manager_then(company, wanted):
    me, anna = company.activated.employee.id, (await company.hire()).id
    await change(company, default_manager=Addressee(EMPLOYEE, str(me)))
    found = await caller(company, pending=anna)
    if wanted == "candidate":
        assert await saved(company, found) == anna
    elif wanted == "mine":
        assert await saved(company, found, manager_id=me) == me
    else:
        assert await saved(company, found, kind=ContactKind.PERSONAL) is None


async def test_feature_codes_are_chosen_and_cannot_be_mistaken_for_each_other(company, vault):
    usual = (await company_settings.get(company.db, company.admin)).feature_codes
    assert usual == {each.feature: each.code for each in DEFAULTS}
    for codes in (
        {Feature.PICKUP: "8"},
        {Feature.PICKUP: "*"},
        {Feature.PICKUP: "*1234567"},
        {Feature.PICKUP: "*8", Feature.CONSULT: "*8"},
        {Feature.PICKUP: "*8", Feature.CONSULT: "*81"},
    ):
        with pytest.raises(Invalid) as refused:
            await change(company, feature_codes=codes)
        assert set(refused.value.errors) == {"feature_codes"}
    chosen = {Feature.PICKUP: "*77", Feature.TRANSFER: "**"}
    assert (await change(company, feature_codes=chosen)).feature_codes == chosen
    async with directory_of(company.db, vault) as directory:
        snapshot = directory.snapshot(company.id)
    assert {each.feature: each.code for each in snapshot.feature_codes} == chosen
