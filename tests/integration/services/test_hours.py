"""Schedules and calendars as a company keeps them (features.md SCH, CAL, ACC-05)."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import msgspec
import pytest
from msgspec import structs

from core.errors import Conflict, Forbidden, Invalid, NotFound
from core.hours import CalendarDay, Interval
from core.ids import new_id
from tenants import officialdays
from tenants.services import audit, calendars, schedules
from tenants.services.calendars import CreateCalendar, DayType, LoadYear, MarkDays, UpdateCalendar
from tenants.services.schedules import CreateSchedule, UpdateSchedule
from tenants.services.uses import InUse
from tenants.tables import Calendar, Employee, Terminal
from tests.support.company import activate, person

MORNING, EVENING = Interval(9 * 60, 13 * 60), Interval(14 * 60, 18 * 60)
WEEK = ((EVENING, MORNING), *((MORNING, EVENING),) * 4, (), ())


async def made(company, name="Офис", days=WEEK):
    return await schedules.create(company.db, company.admin, CreateSchedule(name, days))


async def change(company, schedule, **fields):
    command = UpdateSchedule(schedule.id, schedule.version, **fields)
    return await schedules.update(company.db, company.admin, command)


async def calendar(company, **fields):
    return await calendars.create(
        company.db, company.admin, CreateCalendar(**{"name": "Наш", **fields})
    )


# --- schedules --------------------------------------------------------------------------------


@pytest.mark.spec("SCH-02", "SCH-04", at="rule")
async def test_a_schedule_has_several_intervals_a_day_in_order(company):
    office = await made(company)
    assert office.days[0] == office.days[1] == (MORNING, EVENING)
    assert office.days[5] == ()
    assert await schedules.get(company.db, company.admin, office.id) == office
    boris = person(await company.hire("Борис"), company.id)
    listed = await schedules.schedules(company.db, boris)
    assert [(each.name, each.is_default) for each in listed] == [
        ("Рабочее время", True),
        ("Офис", False),
    ]


@pytest.mark.spec("SCH-06", "SCH-07", at="rule")
async def test_a_schedule_is_renamed_and_days_become_non_working(company):
    office = await made(company)
    renamed = await change(company, office, name="  Новый   офис ")
    assert (renamed.name, renamed.days, renamed.version) == ("Новый офис", office.days, 2)
    free = await change(company, renamed, days=((),) * 7)
    assert free.days == ((),) * 7
    with pytest.raises(Conflict):
        await change(company, office, name="Другой")
    entry = (await audit.entries(company.db, company.admin))[0]
    assert (entry.action, entry.object_id) == ("schedule.update", office.id)
    assert entry.after == {"week": [[]] * 7}


async def test_intervals_that_cannot_be(company):
    for day in (
        (Interval(60, 60),),
        (Interval(120, 60),),
        (Interval(1440, 1500),),
        (Interval(0, 1441),),
        (Interval(0, 60), Interval(59, 120)),
        tuple(Interval(at, at + 1) for at in range(0, 98, 2)),
    ):
        with pytest.raises(Invalid) as caught:
            await made(company, days=(day, *((),) * 6))
        assert set(caught.value.errors) == {"days"}, day


@pytest.mark.spec("SCH-08", "SCH-09", at="rule")
async def test_exactly_one_schedule_is_the_default_and_it_stays(company):
    office = await made(company)
    (first,) = (
        each for each in await schedules.schedules(company.db, company.admin) if each.is_default
    )
    with pytest.raises(Conflict):
        await schedules.delete(company.db, company.admin, first.id)
    with pytest.raises(Invalid):
        await change(company, first, is_default=False)
    assert (await change(company, office, is_default=True)).is_default
    listed = await schedules.schedules(company.db, company.admin)
    assert [each.id for each in listed if each.is_default] == [office.id]
    await schedules.delete(company.db, company.admin, first.id)
    assert len(await schedules.schedules(company.db, company.admin)) == 1


async def test_what_is_used_is_not_deleted_and_the_places_are_named(company):
    office, night = await made(company), await made(company, "Ночь")
    boris = await company.hire("Борис Кузнецов")
    async with company.db.tenant(company.id):
        await Employee.update({Employee.schedule_id: office.id}).where(Employee.id == boris.id)
        await Terminal.update({Terminal.schedule_id: office.id}).where(Terminal.id == boris.lines[0].id)
    with pytest.raises(InUse) as caught:
        await schedules.delete(company.db, company.admin, office.id)
    assert [(use.kind, use.name) for use in caught.value.uses] == [
        ("employee", "Борис Кузнецов"),
        ("terminal", "Борис Кузнецов"),
    ]
    assert caught.value.message.startswith("This is still used: «Борис Кузнецов».")
    await schedules.delete(company.db, company.admin, night.id)


async def test_only_administrators_of_the_company_change_hours(company):
    office, ours = await made(company), await calendar(company)
    boris = person(await company.hire("Борис"), company.id)
    with pytest.raises(Forbidden):
        await schedules.create(company.db, boris, CreateSchedule("Моё"))
    with pytest.raises(Forbidden):
        await calendars.delete(company.db, boris, ours.id)
    stranger = (await activate(company.db, company.issuer, "x@y.example")).admin
    for attempt in (
        schedules.get(company.db, stranger, office.id),
        schedules.update(company.db, stranger, UpdateSchedule(office.id, 1, name="x")),
        schedules.delete(company.db, stranger, office.id),
        calendars.get(company.db, stranger, ours.id),
        calendars.update(company.db, stranger, UpdateCalendar(ours.id, 1, name="x")),
        calendars.delete(company.db, stranger, ours.id),
        calendars.delete(company.db, company.admin, new_id()),
    ):
        with pytest.raises(NotFound):
            await attempt


# --- calendars --------------------------------------------------------------------------------


async def test_the_years_of_a_company_in_a_zone_that_nobody_knows(company):
    """Whatever was imported: its calls are routed by UTC, and so is this year."""
    async with company.db.tenant(company.id) as session:
        await session.execute("UPDATE tenants SET timezone = 'No/Where'")
    known = {each.year for each in await calendars.official_years(company.db, company.admin)}
    assert datetime.now(UTC).year in known


@pytest.mark.spec("ACC-05", "CAL-01", at="rule")
async def test_a_new_company_has_the_public_holidays_of_the_year_and_its_neighbours(company):
    (first,) = await calendars.calendars(company.db, company.admin)
    assert (first.name, first.is_default, first.outdated_years) == ("По умолчанию", True, ())
    known = {each.year: each for each in await calendars.official_years(company.db, company.admin)}
    this = datetime.now(ZoneInfo("Europe/Moscow")).year
    assert {this - 1, this} <= set(first.official_years)
    for year in first.official_years:
        days = tuple(day for day in first.days if day.date.year == year)
        assert days == known[year].days


@pytest.mark.spec("CAL-03", "CAL-04", "CAL-05", "CAL-06", at="rule")
async def test_days_and_periods_are_marked(company):
    ours = await calendar(company)
    assert ours.days == ()

    async def mark(first, last, kind, like=None):
        command = MarkDays(ours.id, ours.version, first, last, kind, like)
        return await calendars.mark(company.db, company.admin, command)

    may = [date(2027, 5, day) for day in range(1, 11)]
    ours = await mark(may[0], may[9], DayType.DAY_OFF)
    assert ours.days == tuple(CalendarDay(day, False) for day in may)
    ours = await mark(may[0], may[0], DayType.WORKING, like=0)
    assert ours.days[0] == CalendarDay(may[0], True, 0)
    ours = await mark(may[1], may[9], DayType.USUAL)
    assert ours.days == (CalendarDay(may[0], True, 0),)
    for first, last, kind, like, field in (
        (may[1], may[0], DayType.DAY_OFF, None, "last"),
        (may[0], date(2037, 1, 1), DayType.DAY_OFF, None, "last"),
        (may[0], may[0], DayType.DAY_OFF, 3, "like"),
    ):
        with pytest.raises(Invalid) as caught:
            await mark(first, last, kind, like)
        assert set(caught.value.errors) == {field}
    entry = (await audit.entries(company.db, company.admin))[0]
    assert entry.action == "calendar.update"
    assert entry.before["days"].keys() == {str(day) for day in may[1:]}


async def test_a_calendar_is_replaced_renamed_and_deleted(company):
    new_year = CalendarDay(date(2028, 1, 1), False)
    ours = await calendar(company, days=(new_year,))
    (first,) = (
        each for each in await calendars.calendars(company.db, company.admin) if each.is_default
    )
    shop = (CalendarDay(date(2028, 1, 2), True, 5), new_year)
    command = UpdateCalendar(ours.id, 1, name="Магазин", days=shop, is_default=True)
    changed = await calendars.update(company.db, company.admin, command)
    assert (changed.name, changed.days, changed.is_default) == ("Магазин", shop[::-1], True)
    with pytest.raises(Conflict):
        await calendars.update(company.db, company.admin, command)
    for wrong in ((new_year, new_year), (structs.replace(new_year, like=2),)):
        with pytest.raises(Invalid) as caught:
            await calendar(company, days=wrong)
        assert set(caught.value.errors) == {"days"}
    boris = await company.hire("Борис Кузнецов")
    async with company.db.tenant(company.id):
        await Employee.update({Employee.calendar_id: first.id}).where(Employee.id == boris.id)
    with pytest.raises(InUse):
        await calendars.delete(company.db, company.admin, first.id)
    async with company.db.tenant(company.id):
        await Employee.update({Employee.calendar_id: None}).where(Employee.id == boris.id)
    await calendars.delete(company.db, company.admin, first.id)
    with pytest.raises(Conflict):
        await calendars.delete(company.db, company.admin, ours.id)


@pytest.mark.spec("ACC-05", "CAL-02", at="rule")
async def test_a_year_is_renewed_and_the_companys_own_days_stay(company, monkeypatch):
    after = max(officialdays.MOVED) + 1
    monkeypatch.setattr(calendars, "_years", lambda this: range(2024, after + 1))
    told = {each.year: each for each in await calendars.official_years(company.db, company.admin)}
    assert (told[after].published, told[after - 1].published) == (False, True)
    ours = await calendar(company, official_years=(after,))
    assert ours.days == officialdays.official_days(after)
    assert not any(day.working for day in ours.days)
    mine = date(after, 6, 12)  # we work on this holiday, and close on a day of our own
    closed = date(after, 7, 1)
    for day, kind in ((mine, DayType.USUAL), (closed, DayType.DAY_OFF)):
        command = MarkDays(ours.id, ours.version, day, day, kind)
        ours = await calendars.mark(company.db, company.admin, command)
    moved = ((1, 2), (5, 2)), ((1, 3), (12, 29))
    monkeypatch.setitem(officialdays.MOVED, after, moved)
    ours = await calendars.get(company.db, company.admin, ours.id)
    assert ours.outdated_years == (after,)
    command = LoadYear(ours.id, ours.version, after)
    renewed = await calendars.load_year(company.db, company.admin, command)
    days = {day.date: day.working for day in renewed.days}
    assert days[date(after, 5, 2)] is days[date(after, 12, 29)] is days[closed] is False
    assert mine not in days
    assert renewed.outdated_years == ()
    again = LoadYear(ours.id, renewed.version, after)
    assert (await calendars.load_year(company.db, company.admin, again)).days == renewed.days


async def test_years_of_which_nothing_is_known_are_refused(company):
    ours = await calendar(company)
    for year in (1990, 2150):
        with pytest.raises(Invalid) as caught:
            await calendars.load_year(company.db, company.admin, LoadYear(ours.id, 1, year))
        assert set(caught.value.errors) == {"year"}
        with pytest.raises(Invalid):
            await calendar(company, official_years=(year,))


async def test_what_is_stored_is_what_calls_read(company):
    """The form of ``core.hours``, whose reading is tested with the directory."""
    ours = await calendar(company, days=(CalendarDay(date(2028, 1, 2), True, 5),))
    async with company.db.tenant(company.id):
        row = await Calendar.select(Calendar.days).where(Calendar.id == ours.id).first()
    assert msgspec.json.decode(row["days"], type=tuple[CalendarDay, ...]) == ours.days
