"""A company in the hands of a plugin: the one of the database, and the one of ``core.testing``."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from core.contracts import CallStep, ContactKind, Direction, StepCode, Tenant
from core.errors import Forbidden, Invalid, Unavailable
from core.ids import new_id
from core.office import Viewer
from core.testing import MemoryOffice, make_cdr, make_facts
from tenants.services import contacts
from tenants.services.contacts import CreateContact
from tests.integration.plugins.conftest import CALLER

OWN = "+74951110001"


class InMemory:
    """The fake, filled like the other one."""

    def __init__(self) -> None:
        self.tenant = Tenant(new_id(), "Ромашка")
        self.made = MemoryOffice(self.tenant)
        self.made.own_numbers.add(OWN)

    def office(self, who=None):
        return self.made.seen_by(Viewer(None, who)) if who else self.made

    async def hire(self):
        self.made.employees.add(who := new_id())
        return who

    async def group(self, *members):
        self.made.members[key := new_id()] = set(members)
        return key

    async def save(self, number, kind):
        return self.made.save(number, kind).id

    async def ended(self, cdr):
        self.made.calls[cdr.call_id] = cdr

    async def journal(self):
        return [(entry.action, entry.object_id) for entry in self.made.journal]


class InDatabase:
    """A company of the database."""

    def __init__(self, desk) -> None:
        self.desk, self.tenant, self.people = desk, desk.tenant, {}

    def office(self, who=None):
        return self.desk.office(self.people[who] if who else None)

    async def hire(self):
        hired = await self.desk.company.hire(f"Анна {len(self.people)}")
        self.people[hired.id] = hired
        return hired.id

    async def group(self, *members):
        return (await self.desk.group(*(self.people[each] for each in members))).id

    async def save(self, number, kind):
        command = CreateContact("Иван", kind=kind, numbers=(number,))
        return (await contacts.create(self.desk.db, self.desk.company.admin, command)).id

    async def ended(self, cdr):
        await self.desk.store.save(cdr)

    async def journal(self):
        sql = "SELECT action, object_id FROM audit_entries WHERE action LIKE 'visit.%' ORDER BY id"
        return [(action, str(key)) for action, key in await self.desk.rows(sql)]


@pytest.fixture(params=["memory", "database"])
def company(request):
    return InMemory() if request.param == "memory" else InDatabase(request.getfixturevalue("desk"))


async def test_clients_are_found_and_made(company):
    office, anna = company.office(), company.office(await company.hire())
    saved = await company.save("+79030000001", ContactKind.BUSINESS)
    private = await company.save("+79030000002", ContactKind.PERSONAL)
    async with office.transaction():
        assert await office.client(CALLER) is None
        new = await office.client(CALLER, make=True)
        assert (new.kind, new.manager_id) == (ContactKind.UNSAVED, None)
        assert await office.client(CALLER) == new
        assert (await office.client("+79030000001")).id == saved
        assert (await office.client("+79030000002")).id == private
        for nobody in (OWN, "101", "anonymous", ""):
            assert await office.client(nobody, make=True) is None
    async with anna.transaction():
        assert (await anna.client(CALLER)).id == new.id
        assert await anna.client("+79030000002", make=True) is None
    assert office.visible("NULL", "x.contact_id") == "TRUE"
    assert "x.contact_id" in anna.visible("NULL", "x.contact_id") != "TRUE"


async def test_all_of_a_transaction_happens_or_nothing(company):
    office, first, second = company.office(), new_id(), new_id()
    async with office.transaction():
        await office.note("visit.create", first, after={"x": 1})
    with pytest.raises(ZeroDivisionError):
        async with office.transaction():
            await office.client(CALLER, make=True)
            await office.note("visit.create", second)
            raise ZeroDivisionError
    with pytest.raises(asyncio.CancelledError):
        async with office.transaction():
            await office.note("visit.create", second)
            raise asyncio.CancelledError
    async with office.transaction():
        assert await office.client(CALLER) is None
        with pytest.raises(ZeroDivisionError):
            async with office.transaction():
                await office.note("visit.change", second)
                raise ZeroDivisionError
        await office.note("visit.change", first, {"x": 1}, {"x": 2})
    written = [(action, str(key)) for action, key in await company.journal()]
    assert written == [("visit.create", str(first)), ("visit.change", str(first))]


async def test_outside_of_a_transaction_nothing_is_asked(company):
    office = company.office()
    for ask in (office.client(CALLER), office.groups(new_id()), office.visible_calls([new_id()])):
        with pytest.raises(RuntimeError):
            await ask
    for ask in (office.consequences(), office.note("visit.create", new_id())):
        with pytest.raises(RuntimeError):
            await ask


async def test_groups_consequences_and_the_day(company):
    anna, boris = await company.hire(), await company.hire()
    group, office = await company.group(anna), company.office(anna)
    async with office.transaction():
        assert await office.groups(anna) == {group}
        assert await office.groups(boris) == frozenset()
        wants = await office.consequences()
    assert (wants.auto_deals, wants.check_duplicates) == (False, True)
    assert (office.viewer.employee_id, office.viewer.administrator) == (anna, False)
    assert company.office().viewer.administrator
    assert office.tenant == company.tenant
    before = datetime.now(UTC)
    start, end = office.today()
    assert start <= datetime.now(UTC)
    assert before < end
    assert (end - start).total_seconds() == 24 * 3600  # Moscow does not change its clocks
    assert start.hour == 21


async def test_calls_are_seen_by_who_took_part_but_not_those_of_personal_contacts(company):
    anna, boris = await company.hire(), await company.hire()
    await company.save("+79030000002", ContactKind.PERSONAL)
    rang = CallStep(1_800_000_001.0, StepCode.RINGING, employee_id=anna)
    made = {
        "rang": make_cdr(make_facts(company.tenant, caller=CALLER), steps=(rang,)),
        "private": make_cdr(make_facts(company.tenant, caller="+79030000002"), steps=(rang,)),
        "out": make_cdr(
            make_facts(company.tenant, caller=OWN),
            direction=Direction.OUTGOING,
            called=CALLER,
            caller_employee_id=boris,
        ),
    }
    for cdr in made.values():
        await company.ended(cdr)
    asked = [*(cdr.call_id for cdr in made.values()), new_id()]
    for who, expected in ((None, {"rang", "private", "out"}), (anna, {"rang"}), (boris, {"out"})):
        office = company.office(who)
        async with office.transaction():
            seen = await office.visible_calls(asked)
        assert seen == {made[name].call_id for name in expected}


async def test_calls_that_cannot_be_made_are_refused(company):
    anna, boris = await company.hire(), await company.hire()
    for office, number, who, field in (
        (company.office(), CALLER, new_id(), "employee_id"),
        (company.office(anna), "no number", None, "number"),
    ):
        with pytest.raises(Invalid) as caught:
            await office.call(number, who)
        assert set(caught.value.errors) == {field}
    with pytest.raises(Forbidden):
        await company.office(anna).call(CALLER, boris)


async def test_the_fake_notes_calls_and_can_be_without_a_telephone_system():
    company = InMemory()
    anna = await company.hire()
    office = company.office(anna)
    await office.call("8 903 111-22-33")
    assert company.made.connected == [(CALLER, anna)]
    async with office.transaction():
        with pytest.raises(RuntimeError):
            await office.call(CALLER)
    office.reachable = False
    with pytest.raises(Unavailable):
        await office.call(CALLER)
