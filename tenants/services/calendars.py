"""Calendars [Календари]: dates that are not as their weekday says (features.md CAL, ACC-05).

A company's calendar holds its own days and, year by year, the official ones: public holidays and moved
days off (``tenants.officialdays``). Loading a year again, because the government has decided meanwhile,
keeps whatever the company changed itself (H-18): of each date, what is as it was loaded follows the new
official state, everything else stays.

Everybody may read calendars, administrators change them (H-8). They serve filters of scenarios and
employees alike (CAL-08).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from core.errors import Conflict, FieldError, Invalid, NotFound
from core.hours import CalendarDay
from core.routing.zones import clock
from tenants.checktext import Checked
from tenants.db import Database, Session
from tenants.officialdays import FIRST_YEAR, MOVED, official_days, published
from tenants.services import audit, uses
from tenants.services.actor import Actor, require_administrator, require_scope
from tenants.services.forms import checked, given, proper_name
from tenants.services.uses import Use, UseKind
from tenants.tables import Calendar, Tenant

__all__ = [
    "CalendarView",
    "CreateCalendar",
    "DayType",
    "LoadYear",
    "MarkDays",
    "OfficialYear",
    "UpdateCalendar",
    "calendars",
    "create",
    "delete",
    "first_calendar",
    "get",
    "load_year",
    "mark",
    "official_years",
    "update",
]

DEFAULT_NAME = "По умолчанию"
_MOST_DAYS = 4000
_LONGEST_RANGE = 731

Days = tuple[CalendarDay, ...]
_Official = dict[int, Days]


class CalendarView(Checked, frozen=True):
    """A calendar; ``days`` are by date. ``official_years`` are those whose public holidays were
    loaded, ``outdated_years`` those of them of which more is known by now."""

    id: UUID
    name: str
    days: Days
    is_default: bool
    version: int
    official_years: tuple[int, ...]
    outdated_years: tuple[int, ...]


class CreateCalendar(Struct, frozen=True):
    """A new calendar (CAL-03) with the official days of some years and days of one's own."""

    name: str
    days: Days = ()
    official_years: tuple[int, ...] = ()


class UpdateCalendar(Struct, frozen=True):
    """Changes of a calendar; what is left out stays, ``days`` replace all days. With ``is_default`` it
    becomes the default in place of the present one."""

    id: UUID
    version: int
    name: str | UnsetType = UNSET
    days: Days | UnsetType = UNSET
    is_default: bool | UnsetType = UNSET


class DayType(StrEnum):
    """What a date is made: working, a day off, or as its weekday says (CAL-05)."""

    WORKING = "working"
    DAY_OFF = "day_off"
    USUAL = "usual"


class MarkDays(Struct, frozen=True):
    """Set the type of a day, or of all days of a period, both ends included (CAL-06). Working days
    may follow the schedule of the weekday ``like``; 0 is Monday (CAL-04)."""

    id: UUID
    version: int
    first: date
    last: date
    type: DayType
    like: Annotated[int, Meta(ge=0, le=6)] | None = None


class LoadYear(Struct, frozen=True):
    """Load the official days of a year into a calendar, or bring them up to date."""

    id: UUID
    version: int
    year: int


class OfficialYear(Struct, frozen=True):
    """The public holidays of a year. Until the moved days off are ``published`` (in autumn, for the
    next year) only the holidays themselves are known."""

    year: int
    published: bool
    days: Days


# --- reading ----------------------------------------------------------------------------------


async def calendars(db: Database, actor: Actor) -> list[CalendarView]:
    """All calendars, the default one first, then by name."""
    async with db.tenant(require_scope(actor, "hours:read")):
        rows = await Calendar.select()
    return [_view(row) for row in sorted(rows, key=lambda r: (not r["is_default"], r["name"], r["id"]))]


async def get(db: Database, actor: Actor, calendar_id: UUID) -> CalendarView:
    """One calendar. Raises NotFound."""
    async with db.tenant(require_scope(actor, "hours:read")):
        return _view(await _row(calendar_id))


async def official_years(db: Database, actor: Actor) -> list[OfficialYear]:
    """What there is to be loaded: up to the year after the present one, the latest last."""
    async with db.tenant(require_scope(actor, "hours:read")):
        this = await _this_year()
    return [OfficialYear(year, published(year), official_days(year)) for year in _years(this)]


# --- writing ----------------------------------------------------------------------------------


async def create(db: Database, actor: Actor, command: CreateCalendar) -> CalendarView:
    """A new calendar; never the default. Raises Invalid."""
    values = _checked(given(command))
    async with db.tenant(require_administrator(actor, "hours:write")):
        official = {year: await _official(year, "official_years") for year in values["official_years"]}
        loaded = {day.date: day for days in official.values() for day in days}
        days = {**loaded, **{day.date: day for day in values["days"]}}
        made = await _insert(actor, values["name"], tuple(days.values()), official)
        return _view(await _row(made))


async def first_calendar(actor: Actor) -> None:
    """The calendar of a new company, in its open session: «По умолчанию» with the official days of
    this year and, as far as they are known, of the years around it (ACC-05, CAL-01)."""
    this = await _this_year()
    around = [year for year in (this - 1, this, this + 1) if published(year) or year == this]
    official = {year: official_days(year) for year in around}
    days = tuple(day for year in around for day in official[year])
    await _insert(actor, DEFAULT_NAME, days, official, is_default=True)


async def update(db: Database, actor: Actor, command: UpdateCalendar) -> CalendarView:
    """Change a calendar; calls go by it at once. Raises Conflict if its version moved on, Invalid by
    field, NotFound."""
    values = _checked(given(command, "id", "version"))
    async with db.tenant(require_administrator(actor, "hours:write")) as session:
        if "is_default" in values:
            await uses.lock_references(session)  # two new defaults, one after the other
        before = await _lock(command.id, command.version)
        await _move_default(before, values)
        return await _save(actor, before, values)


async def mark(db: Database, actor: Actor, command: MarkDays) -> CalendarView:
    """Set the type of a period of dates (CAL-05, CAL-06). Raises as ``update``."""
    count = (command.last - command.first).days + 1
    if not 0 < count <= _LONGEST_RANGE:
        raise Invalid(last=FieldError("A period has 1 to 731 days."))
    if command.like is not None and command.type is not DayType.WORKING:
        raise Invalid(like=FieldError("Only a working day follows another weekday."))
    dates = [command.first + timedelta(days=number) for number in range(count)]
    async with db.tenant(require_administrator(actor, "hours:write")):
        before = await _lock(command.id, command.version)
        days = {day.date: day for day in _days(before)}
        for each in dates:
            days.pop(each, None)
            if command.type is not DayType.USUAL:
                days[each] = CalendarDay(each, command.type is DayType.WORKING, command.like)
        return await _save(actor, before, {"days": _whole(days.values())})


async def load_year(db: Database, actor: Actor, command: LoadYear) -> CalendarView:
    """Load or renew the official days of a year; the company's own changes stay (ACC-05, H-18).

    Raises as ``update``, and Invalid for a year of which nothing is known.
    """
    async with db.tenant(require_administrator(actor, "hours:write")):
        new = {day.date: day for day in await _official(command.year, "year")}
        before = await _lock(command.id, command.version)
        loaded = _loaded(before)
        base = {day.date: day for day in loaded.get(command.year, ())}
        days = {day.date: day for day in _days(before)}
        for each in base.keys() | new.keys():
            if days.get(each) != base.get(each):
                continue  # changed by the company
            days.pop(each, None)
            if each in new:
                days[each] = new[each]
        loaded[command.year] = tuple(new.values())
        values = {"days": _whole(days.values()), "official": loaded}
        return await _save(actor, before, values)


async def delete(db: Database, actor: Actor, calendar_id: UUID) -> None:
    """Delete a calendar that nobody uses. Raises InUse naming the places, Conflict for the default
    one, NotFound."""
    tenant_id = require_administrator(actor, "hours:write")
    async with uses.deletion(), db.tenant(tenant_id) as session:
        await uses.lock_references(session)
        row = await _row(calendar_id, lock=True)
        if row["is_default"]:
            raise Conflict(
                "The default calendar cannot be deleted. Make another one the default first."
            )
        if found := await _uses(session, calendar_id):
            raise uses.InUse(found)
        await Calendar.delete().where(Calendar.id == calendar_id)
        await audit.record(actor, "calendar.delete", calendar_id, before={"name": row["name"]})


# --- rows -------------------------------------------------------------------------------------


async def _row(calendar_id: UUID, lock: bool = False) -> dict[str, Any]:
    query = Calendar.select().where(Calendar.id == calendar_id)
    row = await (query.lock_rows("UPDATE") if lock else query).first()
    if row is None:
        raise NotFound
    return row


async def _lock(calendar_id: UUID, version: int) -> dict[str, Any]:
    row = await _row(calendar_id, lock=True)
    if row["version"] != version:
        raise Conflict
    return row


async def _insert(
    actor: Actor, name: str, days: Days, official: _Official, is_default: bool = False
) -> UUID:
    calendar = Calendar(
        name=name, days=_json(_whole(days)), official=_json(official), is_default=is_default
    )
    await Calendar.insert(calendar)
    after = {"name": name, "official_years": sorted(official)}
    await audit.record(actor, "calendar.create", calendar.id, after=after)
    return calendar.id


async def _save(actor: Actor, before: dict[str, Any], values: dict[str, Any]) -> CalendarView:
    """Write the new values of a locked row. The audit names only the days that changed."""
    plain = values.keys() - {"days", "official"}
    old = {name: before[name] for name in plain}
    new = {name: values[name] for name in plain}
    if "days" in values:
        was = {str(day.date): day for day in _days(before)}
        now = {str(day.date): day for day in values["days"]}
        dates = sorted(each for each in was.keys() | now.keys() if was.get(each) != now.get(each))
        old["days"] = {each: was.get(each) for each in dates}
        new["days"] = {each: now.get(each) for each in dates}
    stored = {
        name: _json(values[name]) if name in ("days", "official") else values[name] for name in values
    }
    its = Calendar.id == before["id"]
    await Calendar.update({**stored, Calendar.version: Calendar.version + 1}).where(its)
    await audit.record(actor, "calendar.update", before["id"], *audit.changes(old, new))
    return _view(await _row(before["id"]))


async def _move_default(before: dict[str, Any], values: dict[str, Any]) -> None:
    """The old default is released."""
    if values.get("is_default", before["is_default"]) == before["is_default"]:
        return
    if before["is_default"]:
        raise Invalid(is_default=FieldError("Make another calendar the default instead."))
    released = {Calendar.is_default: False, Calendar.version: Calendar.version + 1}
    await Calendar.update(released).where(Calendar.is_default == True)  # noqa: E712


async def _uses(session: Session, calendar_id: UUID) -> list[Use]:
    people = await session.fetch(
        "SELECT id, name FROM employees WHERE calendar_id = $1 ORDER BY position, id", calendar_id
    )
    named = uses.named(UseKind.EMPLOYEE, people)
    return [*named, *await uses.scenarios_naming(session, calendar_id)]


# --- official days ----------------------------------------------------------------------------


async def _this_year() -> int:
    """By the company's clock."""
    row = await Tenant.select(Tenant.timezone).first()
    return datetime.now(UTC).astimezone(clock(row["timezone"])).year


def _years(this: int) -> range:
    return range(FIRST_YEAR, max(this + 1, *MOVED) + 1)


async def _official(year: int, field: str) -> Days:
    if year not in _years(await _this_year()):
        raise Invalid(**{field: FieldError("Nothing is known of the public holidays of that year.")})
    return official_days(year)


# --- checks and views -------------------------------------------------------------------------


def _checked(values: dict[str, Any]) -> dict[str, Any]:
    checks = {"name": proper_name, "days": _checked_days}
    return checked(values, checks, required=("name", "days"))


def _whole(days: Iterable[CalendarDay]) -> Days:
    """What a calendar holds after a change. Raises Invalid."""
    found: Days = checked({"days": tuple(days)}, {"days": _checked_days})["days"]
    return found


def _checked_days(days: Iterable[CalendarDay]) -> Days:
    """Each date once, in order. Raises FieldError."""
    found = tuple(sorted(days, key=lambda day: day.date))
    if len(found) > _MOST_DAYS:
        raise FieldError("A calendar has at most 4000 days.")
    if len({day.date for day in found}) < len(found):
        raise FieldError("A date stands in the calendar twice.")
    if any(day.like is not None and not day.working for day in found):
        raise FieldError("Only a working day follows another weekday.")
    return found


def _json(value: Days | _Official) -> str:
    return msgspec.json.encode(value).decode()


def _days(row: dict[str, Any]) -> Days:
    return msgspec.json.decode(row["days"], type=Days)


def _loaded(row: dict[str, Any]) -> _Official:
    return msgspec.json.decode(row["official"], type=_Official)


def _view(row: dict[str, Any]) -> CalendarView:
    loaded = _loaded(row)
    return CalendarView(
        id=row["id"],
        name=row["name"],
        days=_days(row),
        is_default=row["is_default"],
        version=row["version"],
        official_years=tuple(sorted(loaded)),
        outdated_years=tuple(y for y, days in sorted(loaded.items()) if days != official_days(y)),
    )
