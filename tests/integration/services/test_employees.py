"""Cards of employees: who sees and changes what, extensions, caller ID, accounts."""

import pytest
from msgspec import structs

from core.contracts import AvailabilityMode, Recording, TerminalKind
from core.errors import Conflict, Forbidden, Invalid, NotFound, Unauthenticated
from core.hours import PeriodKind
from core.ids import new_id
from tenants.services import audit, calendars, employees, groups, schedules, sessions
from tenants.services.actor import Role
from tenants.services.employees import UpdateEmployee
from tenants.services.periods import Period
from tenants.services.schedules import CreateSchedule
from tenants.services.sessions import Login
from tenants.services.terminals import ChangeTerminal
from tenants.tables import Group, UserStatus
from tests.support.company import PASSWORD, activate, directory_of, person


async def change(company, card, actor=None, **values):
    command = UpdateEmployee(card.id, card.version, **values)
    return await employees.update(company.db, actor or company.admin, command)


@pytest.mark.spec("EMP-01", at="rule")
async def test_one_external_number_is_set_changed_and_removed(company, vault):
    card = await company.hire(external_number="8 916 000-00-01")
    assert card.external_number == "+79160000001"
    card = await change(company, card, external_number="+7 916 000 00 02")
    assert card.external_number == "+79160000002"
    async with directory_of(company.db, vault) as directory:
        ringing = directory.snapshot(company.id).terminals
    assert [
        t.address for t in ringing if t.employee_id == card.id and t.kind is TerminalKind.EXTERNAL
    ] == ["+79160000002"]
    card = await change(company, card, external_number=None)
    assert card.external_number is None
    card = await change(company, card, external_number="")
    assert card.external_number is None
    for wrong in ("here", "+493012345678", "8 809 123-45-67"):
        with pytest.raises(Invalid) as caught:
            await change(company, card, external_number=wrong)
        assert set(caught.value.errors) == {"external_number"}


@pytest.mark.spec("EMP-12", at="rule")
async def test_an_extension_is_set_and_unique_among_employees_and_groups(company, vault):
    card = await company.hire(extension="102")
    assert card.extension == "102"
    card = await change(company, card, extension="777777")
    async with directory_of(company.db, vault) as directory:
        known = {e.id: e.extension for e in directory.snapshot(company.id).employees}
    assert known[card.id] == "777777"
    async with company.db.tenant(company.id):
        await Group.insert(Group(name="Продажи", extension="200"))
    for taken in ("101", "200"):
        with pytest.raises(Invalid) as caught:
            await change(company, card, extension=taken)
        assert caught.value.errors["extension"].message == groups.EXTENSION_TAKEN
    with pytest.raises(Invalid):
        await company.hire("Ещё один", extension="101")
    for wrong in ("1", "1234567", "12a"):
        with pytest.raises(Invalid):
            await change(company, card, extension=wrong)
    assert (await change(company, card, extension=None)).extension is None


async def test_another_company_may_use_the_same_extension(company):
    other = await activate(company.db, company.issuer, "x@y.example", extension="101")
    assert other.activated.employee.extension == "101"


@pytest.mark.spec("EMP-14", at="rule")
async def test_the_caller_id_is_one_of_the_numbers_if_there_are_several(company, vault):
    choices = await employees.caller_id_choices(company.db, company.admin)
    assert [choice.e164 for choice in choices] == ["+74951110001", "+74951110002"]
    card = await company.hire(caller_id=choices[1].id)
    assert card.caller_id == choices[1].id
    async with directory_of(company.db, vault) as directory:
        known = {e.id: e.caller_id for e in directory.snapshot(company.id).employees}
    assert known[card.id] == choices[1].id
    with pytest.raises(Invalid) as caught:
        await change(company, card, caller_id=new_id())
    assert set(caught.value.errors) == {"caller_id"}


@pytest.mark.spec("EMP-14", at="rule")
async def test_with_one_number_there_is_no_choice(database, issuer):
    company = await activate(database, issuer, numbers=("+74951110001",))
    assert await employees.caller_id_choices(database, company.admin) == []
    with pytest.raises(Invalid):
        await company.hire(caller_id=company.activated.numbers[0].id)


async def test_another_companys_number_is_no_choice(company):
    other = await activate(
        company.db, company.issuer, "x@y.example", numbers=("+74952220001", "+74952220002")
    )
    with pytest.raises(Invalid):
        await company.hire(caller_id=other.activated.numbers[0].id)


async def test_of_two_edits_the_second_is_told(company):
    card = await company.hire()
    assert (await change(company, card, name="Анна Новая")).version == card.version + 1
    with pytest.raises(Conflict):
        await change(company, card, name="Анна Другая")


async def test_everybody_sees_the_cards_but_only_their_own_lines(company):
    boris = await company.hire("Борис Кузнецов")
    cards = await employees.employees(company.db, person(boris, company.id))
    assert [card.name for card in cards] == ["Ольга Иванова", "Борис Кузнецов"]
    assert [len(card.lines) for card in cards] == [0, 3]
    assert [card.editable for card in cards] == [False, False]
    assert [len(c.lines) for c in await employees.employees(company.db, company.admin)] == [3, 3]


@pytest.mark.spec("AVL-02", at="rule")
async def test_an_employee_changes_only_a_few_things_of_only_themselves(company):
    boris = await company.hire("Борис Кузнецов")
    me = person(boris, company.id)
    mine = await change(
        company, boris, me, mode=AvailabilityMode.UNAVAILABLE, external_number="89160000001"
    )
    assert (mine.mode, mine.external_number) == (AvailabilityMode.UNAVAILABLE, "+79160000001")
    assert (await change(company, mine, me, timezone="Asia/Omsk")).timezone == "Asia/Omsk"
    for forbidden in ({"role": Role.ADMINISTRATOR}, {"extension": "105"}, {"email": "b@x.ru"}):
        with pytest.raises(Forbidden):
            await change(company, structs.replace(mine, version=mine.version + 1), me, **forbidden)
    with pytest.raises(Forbidden):
        await change(company, company.activated.employee, me, mode=AvailabilityMode.AVAILABLE)
    mine = await change(
        company,
        structs.replace(mine, version=mine.version + 1),
        company.admin,
        mode=AvailabilityMode.AVAILABLE,
    )
    assert mine.mode is AvailabilityMode.AVAILABLE
    with pytest.raises(Forbidden):
        await employees.create(company.db, company.issuer, me, employees.CreateEmployee("Ещё один"))


@pytest.mark.spec("EMP-07", "EMP-08", "EMP-09", "EMP-15", at="rule")
async def test_each_telephone_has_its_own_settings(company):
    card = await company.hire(external_number="89160000001")
    assert [each.kind for each in card.terminals] == list(TerminalKind)
    for each in card.terminals:
        assert (each.active, each.main, each.channels, each.schedule_id) == (True, True, 1, None)
    hours = await schedules.create(company.db, company.admin, CreateSchedule("Офис"))
    wanted = {
        TerminalKind.SIP: ChangeTerminal(channels=3, ring_seconds=7, main=False),
        TerminalKind.EXTERNAL: ChangeTerminal(schedule_id=hours.id, active=False),
    }
    changed = await change(company, card, person(card, company.id), terminals=wanted)
    by_kind = {each.kind: each for each in changed.terminals}
    sip, external = by_kind[TerminalKind.SIP], by_kind[TerminalKind.EXTERNAL]
    assert (sip.channels, sip.ring_seconds, sip.main, sip.active) == (3, 7, False, True)
    assert (external.schedule_id, external.active, external.channels) == (hours.id, False, 1)
    assert by_kind[TerminalKind.WEB] == card.terminals[3]
    entry = (await audit.entries(company.db, company.admin))[0]
    assert entry.before["terminals"]["sip"] == {"channels": 1, "ring_seconds": 25, "main": True}
    for wrong in ({"channels": 0}, {"channels": 101}, {"ring_seconds": 601}, {"schedule_id": new_id()}):
        with pytest.raises(Invalid) as caught:
            await change(company, changed, terminals={TerminalKind.SIP: ChangeTerminal(**wrong)})
        assert set(caught.value.errors) == {"terminals"}
    vera = await company.hire("Вера")
    with pytest.raises(Invalid):  # she has no external number
        await change(company, vera, terminals={TerminalKind.EXTERNAL: ChangeTerminal(channels=2)})
    with pytest.raises(Invalid):  # one is the main one
        none = {each.kind: ChangeTerminal(main=False) for each in vera.terminals}
        await change(company, vera, terminals=none)


@pytest.mark.spec("EMP-17", "EMP-18", "EMP-19", "EMP-13", "EMP-21", "INV-02", at="rule")
async def test_an_employee_has_hours_and_extra_periods(company):
    hours = await schedules.create(company.db, company.admin, CreateSchedule("Офис"))
    (calendar,) = await calendars.calendars(company.db, company.admin)
    card = await company.hire(schedule_id=hours.id, calendar_id=calendar.id)
    assert (card.schedule_id, card.calendar_id, card.extra_periods) == (hours.id, calendar.id, ())
    late = Period(PeriodKind.AVAILABLE, "2026-12-28T19:00", "2026-12-28T21:30")
    vacation = Period(PeriodKind.UNAVAILABLE, "2026-12-01T00:00", "2026-12-15T00:00")
    me = person(card, company.id)
    more = await change(company, card, dialled_from_menu=True, recording=Recording.ON)
    assert (more.dialled_from_menu, more.recording) == (True, Recording.ON)
    card = more
    mine = await change(company, card, me, extra_periods=(late, vacation), timezone="Asia/Omsk")
    assert mine.extra_periods == (vacation, late)
    with pytest.raises(Forbidden):
        await change(company, mine, me, schedule_id=None)
    free = await change(company, mine, schedule_id=None, calendar_id=None, extra_periods=())
    assert (free.schedule_id, free.calendar_id, free.extra_periods) == (None, None, ())
    for wrong in (
        structs.replace(late, end=late.start),
        structs.replace(late, end="2026-12-28T18:59"),
        structs.replace(late, start="2026-02-30T10:00"),
    ):
        with pytest.raises(Invalid) as caught:
            await change(company, free, extra_periods=(wrong,))
        assert set(caught.value.errors) == {"extra_periods"}
    for field in ("schedule_id", "calendar_id"):
        with pytest.raises(Invalid) as caught:
            await change(company, free, **{field: new_id()})
        assert set(caught.value.errors) == {field}


async def test_the_last_administrator_stays_one(company):
    first = company.activated.employee
    with pytest.raises(Invalid) as caught:
        await change(company, first, role=Role.EMPLOYEE)
    assert set(caught.value.errors) == {"role"}
    await company.hire("Второй", role=Role.ADMINISTRATOR)
    assert (await change(company, first, role=Role.EMPLOYEE)).role is Role.EMPLOYEE


async def test_nobody_can_be_made_operator(company):
    with pytest.raises(Invalid):
        await company.hire(role=Role.OPERATOR)


async def test_an_employee_with_an_email_is_invited_and_cannot_log_in_yet(company, throttle):
    card = await company.hire(email="Anna@Romashka.example")
    assert (card.email, card.account) == ("anna@romashka.example", UserStatus.INVITED)
    with pytest.raises(Unauthenticated):
        await sessions.login(company.db, throttle, Login("anna@romashka.example", ""), 12)


async def test_an_email_is_unique_over_all_companies(company):
    await activate(company.db, company.issuer, "x@y.example")
    for taken in ("olga@romashka.example", "X@y.example"):
        with pytest.raises(Invalid) as caught:
            await company.hire(email=taken)
        assert set(caught.value.errors) == {"email"}


async def test_the_login_follows_the_email_of_the_card(company, throttle):
    await change(company, company.activated.employee, email="new@romashka.example")
    await sessions.login(company.db, throttle, Login("new@romashka.example", PASSWORD), 12)
    with pytest.raises(Unauthenticated):
        await sessions.login(company.db, throttle, Login("olga@romashka.example", PASSWORD), 12)
    card = await employees.get(company.db, company.admin, company.activated.employee.id)
    with pytest.raises(Invalid):
        await change(company, card, email=None)
    # Who was only invited may lose the invitation.
    anna = await company.hire(email="anna@romashka.example")
    assert (await change(company, anna, email=None)).account is None


async def test_another_companys_card_does_not_exist(company):
    other = await activate(company.db, company.issuer, "x@y.example")
    foreign = other.activated.employee
    with pytest.raises(NotFound):
        await employees.get(company.db, company.admin, foreign.id)
    with pytest.raises(NotFound):
        await change(company, foreign, name="Чужой")


async def test_names_that_cannot_be(company):
    for name in ("", "  ", "x" * 121, "a\x00b", "a\u202eb"):
        with pytest.raises(Invalid) as caught:
            await company.hire(name)
        assert set(caught.value.errors) == {"name"}


async def test_changes_are_in_the_audit_with_what_was_before(company):
    card = await company.hire(extension="102")
    await change(company, card, extension="103", external_number="89160000001")
    entry = next(
        e
        for e in await audit.entries(company.db, company.admin)
        if e.action == "employee.update" and e.object_id == card.id
    )
    assert entry.actor == "Ольга Иванова"
    assert entry.before == {"extension": "102", "external_number": None}
    assert entry.after == {"extension": "103", "external_number": "+79160000001"}
