"""Work schedules [График рабочего времени]: weeks of intervals (features.md SCH).

Everybody may read them, administrators change them (H-8). Exactly one is the default: it is given up by
making another one the default, never otherwise, and cannot be deleted (SCH-08, SCH-09).
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any
from uuid import UUID

import msgspec
from msgspec import UNSET, Struct, UnsetType

from core.errors import Conflict, FieldError, Invalid, NotFound
from core.hours import Interval
from tenants.checktext import Checked
from tenants.db import Database, Session
from tenants.services import audit, uses
from tenants.services.actor import Actor, require_administrator, require_scope
from tenants.services.forms import checked, given, proper_name
from tenants.services.uses import Use, UseKind
from tenants.tables import Schedule

__all__ = [
    "CreateSchedule",
    "ScheduleView",
    "UpdateSchedule",
    "Week",
    "create",
    "delete",
    "get",
    "schedules",
    "update",
]

_DAY = 24 * 60
_MOST_INTERVALS = 48

Week = tuple[tuple[Interval, ...], ...]
"""The seven days from Monday; a day without intervals is non-working (SCH-04, SCH-06)."""


class ScheduleView(Checked, frozen=True):
    """A schedule. ``days`` are the seven days from Monday; a day without intervals is non-working."""

    id: UUID
    name: str
    days: Week
    is_default: bool
    version: int


class CreateSchedule(Struct, frozen=True):
    """A new schedule (SCH-02). Intervals are in minutes from the midnight with which the day begins;
    an end beyond 1440 is in the night after it."""

    name: str
    days: Week = ((),) * 7


class UpdateSchedule(Struct, frozen=True):
    """Changes of a schedule; what is left out stays. With ``is_default`` it becomes the default in
    place of the present one (SCH-07, SCH-09)."""

    id: UUID
    version: int
    name: str | UnsetType = UNSET
    days: Week | UnsetType = UNSET
    is_default: bool | UnsetType = UNSET


# --- reading ----------------------------------------------------------------------------------


async def schedules(db: Database, actor: Actor) -> list[ScheduleView]:
    """All schedules, the default one first, then by name."""
    async with db.tenant(require_scope(actor, "hours:read")):
        rows = await Schedule.select()
    return [_view(row) for row in sorted(rows, key=lambda r: (not r["is_default"], r["name"], r["id"]))]


async def get(db: Database, actor: Actor, schedule_id: UUID) -> ScheduleView:
    """One schedule. Raises NotFound."""
    async with db.tenant(require_scope(actor, "hours:read")):
        return _view(await _row(schedule_id))


# --- writing ----------------------------------------------------------------------------------


async def create(db: Database, actor: Actor, command: CreateSchedule) -> ScheduleView:
    """A new schedule; never the default. Raises Invalid."""
    async with db.tenant(require_administrator(actor, "hours:write")):
        schedule = Schedule(**_checked(given(command)))
        await Schedule.insert(schedule)
        await audit.record(actor, "schedule.create", schedule.id, after={"name": schedule.name})
        return _view(await _row(schedule.id))


async def update(db: Database, actor: Actor, command: UpdateSchedule) -> ScheduleView:
    """Change a schedule; calls go by it at once. Raises Conflict if its version moved on, Invalid by
    field, NotFound."""
    values = _checked(given(command, "id", "version"))
    async with db.tenant(require_administrator(actor, "hours:write")) as session:
        if "is_default" in values:
            await uses.lock_references(session)  # two new defaults, one after the other
        before = await _row(command.id, lock=True)
        if before["version"] != command.version:
            raise Conflict
        await _move_default(before, values)
        its = Schedule.id == command.id
        await Schedule.update({**values, Schedule.version: Schedule.version + 1}).where(its)
        await audit.record(actor, "schedule.update", command.id, *_changes(before, values))
        return _view(await _row(command.id))


async def delete(db: Database, actor: Actor, schedule_id: UUID) -> None:
    """Delete a schedule that nobody uses. Raises InUse naming the places, Conflict for the default
    one (SCH-08), NotFound."""
    tenant_id = require_administrator(actor, "hours:write")
    async with uses.deletion(), db.tenant(tenant_id) as session:
        await uses.lock_references(session)
        row = await _row(schedule_id, lock=True)
        if row["is_default"]:
            raise Conflict(
                "The default schedule cannot be deleted. Make another one the default first."
            )
        if found := await _uses(session, schedule_id):
            raise uses.InUse(found)
        await Schedule.delete().where(Schedule.id == schedule_id)
        await audit.record(actor, "schedule.delete", schedule_id, before={"name": row["name"]})


async def _row(schedule_id: UUID, lock: bool = False) -> dict[str, Any]:
    query = Schedule.select().where(Schedule.id == schedule_id)
    row = await (query.lock_rows("UPDATE") if lock else query).first()
    if row is None:
        raise NotFound
    return row


async def _move_default(before: dict[str, Any], values: dict[str, Any]) -> None:
    """The old default is released (SCH-09)."""
    if values.get("is_default", before["is_default"]) == before["is_default"]:
        return
    if before["is_default"]:
        raise Invalid(is_default=FieldError("Make another schedule the default instead."))
    released = {Schedule.is_default: False, Schedule.version: Schedule.version + 1}
    await Schedule.update(released).where(Schedule.is_default == True)  # noqa: E712


async def _uses(session: Session, schedule_id: UUID) -> list[Use]:
    people = await session.fetch(
        "SELECT id, name FROM employees WHERE schedule_id = $1 ORDER BY position, id", schedule_id
    )
    telephones = await session.fetch(
        "SELECT t.id, e.name FROM terminals t"
        " JOIN employees e ON e.tenant_id = t.tenant_id AND e.id = t.employee_id"
        " WHERE t.schedule_id = $1 ORDER BY e.position, t.position, t.id",
        schedule_id,
    )
    return [
        *uses.named(UseKind.EMPLOYEE, people),
        *uses.named(UseKind.TERMINAL, telephones),
        *await uses.scenarios_naming(session, schedule_id),
    ]


# --- checks and views -------------------------------------------------------------------------


def _checked(values: dict[str, Any]) -> dict[str, Any]:
    """In stored form, ``days`` as ``week``. Raises Invalid."""
    values = checked(values, {"name": proper_name, "days": _week}, required=("name", "days"))
    if "days" in values:
        values["week"] = values.pop("days")
    return values


def _week(days: Week) -> str:
    """As it is stored, the intervals of each day in order. Raises FieldError."""
    if len(days) != 7:
        raise FieldError("A schedule has seven days.")
    week = []
    for day in days:
        rows = sorted((each.start, each.end) for each in day)
        if len(rows) > _MOST_INTERVALS:
            raise FieldError("A day has at most 48 intervals.")
        for start, end in rows:
            if not 0 <= start < min(end, _DAY) or end - start > _DAY:
                raise FieldError("An interval begins within its day and lasts up to 24 hours.")
        if any(after[0] < before[1] for before, after in pairwise(rows)):
            raise FieldError("The intervals of a day must not overlap.")
        week.append(rows)
    return msgspec.json.encode(week).decode()


def _changes(before: dict[str, Any], values: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    old = before | {"week": msgspec.json.decode(before["week"])}
    new = values | ({"week": msgspec.json.decode(values["week"])} if "week" in values else {})
    return audit.changes(old, new)


def _view(row: dict[str, Any]) -> ScheduleView:
    week = msgspec.json.decode(row["week"], type=tuple[tuple[tuple[int, int], ...], ...])
    days = tuple(tuple(Interval(start, end) for start, end in day) for day in week)
    return ScheduleView(row["id"], row["name"], days, row["is_default"], row["version"])
