"""Schedules and calendars over the API."""

from __future__ import annotations

from uuid import UUID

from litestar import Controller, Response, delete, get, patch, post
from litestar.params import FromPath, JSONBody
from msgspec import Struct

from tenants.checktext import Removed
from tenants.services import calendars, schedules
from tenants.services.calendars import (
    CalendarView,
    CreateCalendar,
    LoadYear,
    MarkDays,
    OfficialYear,
    UpdateCalendar,
)
from tenants.services.schedules import CreateSchedule, ScheduleView, UpdateSchedule
from web.api.access import TheActor, needs
from web.api.bodies import body_of, command_of
from web.api.saving import TheSaving
from web.api.schema import ApiOperation
from web.inject import TheContext

__all__ = ["CalendarsController", "SchedulesController"]

NewSchedule = body_of(CreateSchedule)
ScheduleChanges = body_of(UpdateSchedule, "id")
NewCalendar = body_of(CreateCalendar)
CalendarChanges = body_of(UpdateCalendar, "id")
MarkedDays = body_of(MarkDays, "id")
LoadedYear = body_of(LoadYear, "id")

WRITE = needs("hours:write", conflict=True)


class ScheduleList(Struct, frozen=True):
    """Schedules by name, the default one first."""

    items: list[ScheduleView]


class CalendarList(Struct, frozen=True):
    """Calendars by name, the default one first."""

    items: list[CalendarView]


class OfficialYears(Struct, frozen=True):
    """Years, the latest last."""

    items: list[OfficialYear]


class SchedulesController(Controller):
    """Weeks of working time, for employees, telephones and branches of scenarios."""

    path = "/schedules"
    tags = ("Hours",)

    @get("/", operation_class=ApiOperation, **needs("hours:read"))
    async def index(self, context: TheContext, actor: TheActor) -> ScheduleList:
        """List the schedules.

        Each with its seven days from Monday. Intervals are in minutes from midnight; an end beyond
        1440 is in the night after the day.
        """
        return ScheduleList(await schedules.schedules(context.database, actor))

    @post("/", operation_class=ApiOperation, **needs("hours:write"))
    async def create(
        self,
        context: TheContext,
        actor: TheActor,
        saving: TheSaving,
        data: JSONBody[NewSchedule],  # type: ignore[valid-type]
    ) -> Response[ScheduleView]:
        """Create a schedule.

        A day without intervals is a day off; a lunch break is two intervals.
        """
        made = await saving(schedules.create(context.database, actor, command_of(CreateSchedule, data)))
        return Response(made, headers={"location": f"/api/v1/schedules/{made.id}"})

    @get("/{schedule_id:uuid}", operation_class=ApiOperation, **needs("hours:read"))
    async def one(
        self, context: TheContext, actor: TheActor, schedule_id: FromPath[UUID]
    ) -> ScheduleView:
        """Get a schedule."""
        return await schedules.get(context.database, actor, schedule_id)

    @patch("/{schedule_id:uuid}", operation_class=ApiOperation, **WRITE)
    async def change(
        self,
        context: TheContext,
        actor: TheActor,
        saving: TheSaving,
        schedule_id: FromPath[UUID],
        data: JSONBody[ScheduleChanges],  # type: ignore[valid-type]
    ) -> ScheduleView:
        """Change a schedule.

        Days that are sent replace the whole week. Send the version that you have read. The default
        schedule stays the default until another one is made it.
        """
        command = command_of(UpdateSchedule, data, id=schedule_id)
        return await saving(schedules.update(context.database, actor, command))

    @delete("/{schedule_id:uuid}", status_code=200, operation_class=ApiOperation, **WRITE)
    async def remove(
        self, context: TheContext, actor: TheActor, saving: TheSaving, schedule_id: FromPath[UUID]
    ) -> Removed:
        """Delete a schedule.

        Not the default one, and not one that is used: the answer then is 409 with the places.
        """
        return await saving.removal(schedules.delete(context.database, actor, schedule_id))


class CalendarsController(Controller):
    """Dates that are not as their weekday says, for employees and branches of scenarios."""

    path = "/calendars"
    tags = ("Hours",)

    @get("/", operation_class=ApiOperation, **needs("hours:read"))
    async def index(self, context: TheContext, actor: TheActor) -> CalendarList:
        """List the calendars.

        Each with its working days and days off; all other dates are as their weekday says.
        """
        return CalendarList(await calendars.calendars(context.database, actor))

    @post("/", operation_class=ApiOperation, **needs("hours:write"))
    async def create(
        self,
        context: TheContext,
        actor: TheActor,
        saving: TheSaving,
        data: JSONBody[NewCalendar],  # type: ignore[valid-type]
    ) -> Response[CalendarView]:
        """Create a calendar.

        With the public holidays of the official years that are named, and with days of its own. A
        working day may follow the schedule of another weekday; 0 is Monday.
        """
        made = await saving(calendars.create(context.database, actor, command_of(CreateCalendar, data)))
        return Response(made, headers={"location": f"/api/v1/calendars/{made.id}"})

    @get("/official", operation_class=ApiOperation, **needs("hours:read"))
    async def official(self, context: TheContext, actor: TheActor) -> OfficialYears:
        """List the public holidays.

        Year by year, with the days off that the government has moved. Of a year that is not yet
        published only the holidays themselves are known.
        """
        return OfficialYears(await calendars.official_years(context.database, actor))

    @get("/{calendar_id:uuid}", operation_class=ApiOperation, **needs("hours:read"))
    async def one(
        self, context: TheContext, actor: TheActor, calendar_id: FromPath[UUID]
    ) -> CalendarView:
        """Get a calendar."""
        return await calendars.get(context.database, actor, calendar_id)

    @patch("/{calendar_id:uuid}", operation_class=ApiOperation, **WRITE)
    async def change(
        self,
        context: TheContext,
        actor: TheActor,
        saving: TheSaving,
        calendar_id: FromPath[UUID],
        data: JSONBody[CalendarChanges],  # type: ignore[valid-type]
    ) -> CalendarView:
        """Change a calendar.

        Days that are sent replace all days. Send the version that you have read.
        """
        command = command_of(UpdateCalendar, data, id=calendar_id)
        return await saving(calendars.update(context.database, actor, command))

    @post("/{calendar_id:uuid}/days", status_code=200, operation_class=ApiOperation, **WRITE)
    async def mark(
        self,
        context: TheContext,
        actor: TheActor,
        saving: TheSaving,
        calendar_id: FromPath[UUID],
        data: JSONBody[MarkedDays],  # type: ignore[valid-type]
    ) -> CalendarView:
        """Set the type of days.

        Of a day or of all days of a period, both ends included.
        """
        command = command_of(MarkDays, data, id=calendar_id)
        return await saving(calendars.mark(context.database, actor, command))

    @post("/{calendar_id:uuid}/official", status_code=200, operation_class=ApiOperation, **WRITE)
    async def load(
        self,
        context: TheContext,
        actor: TheActor,
        saving: TheSaving,
        calendar_id: FromPath[UUID],
        data: JSONBody[LoadedYear],  # type: ignore[valid-type]
    ) -> CalendarView:
        """Load the public holidays of a year.

        Or renew them, when more is known: days that the company has changed stay as they are.
        """
        command = command_of(LoadYear, data, id=calendar_id)
        return await saving(calendars.load_year(context.database, actor, command))

    @delete("/{calendar_id:uuid}", status_code=200, operation_class=ApiOperation, **WRITE)
    async def remove(
        self, context: TheContext, actor: TheActor, saving: TheSaving, calendar_id: FromPath[UUID]
    ) -> Removed:
        """Delete a calendar.

        Not the default one, and not one that is used: the answer then is 409 with the places.
        """
        return await saving.removal(calendars.delete(context.database, actor, calendar_id))
