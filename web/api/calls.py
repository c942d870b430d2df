"""The history of calls over the API, and the calls of this moment."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

from litestar import Controller, Request, delete, get, post, put
from litestar.params import FromPath, JSONBody, QueryParameter
from msgspec import Struct
from msgspec.structs import replace

from core.contracts import Direction
from core.errors import FieldError, Invalid
from tenants.explain import Explanation
from tenants.services import callcontrol, calls, calltags, contracts, decisions
from tenants.services.callcontrol import ConnectCall, MadeCall
from tenants.services.calls import CallCard, CallQuery, CallRow, PresentCall
from tenants.services.calltags import TagCall
from web.api.access import TheActor, needs
from web.api.bodies import body_of, command_of
from web.api.schema import ApiOperation
from web.i18n import language, negotiate
from web.inject import TheContext
from web.pages import N_

__all__ = ["CallsController"]

Start = Annotated[
    datetime | None,
    QueryParameter(
        name="start", description=N_("From this instant on; without it from today’s midnight.")
    ),
]
End = Annotated[
    datetime | None,
    QueryParameter(
        name="end", description=N_("Before this instant; without it up to the end of today.")
    ),
]
Cursor = Annotated[
    str | None,
    QueryParameter(description=N_("The “next” of the page before.")),
]
Limit = Annotated[
    int, QueryParameter(ge=1, le=calls.LONGEST_PAGE, description=N_("Calls in one page."))
]
Way = Annotated[Direction | None, QueryParameter(description=N_("Only calls that go this way."))]
Unanswered = Annotated[bool, QueryParameter(description=N_("Only calls that nobody answered."))]
MissedBy = Annotated[
    UUID | None,
    QueryParameter(
        description=N_(
            "Only calls that rang this employee, who did not talk; others may have answered them."
        )
    ),
]


Under = Annotated[
    str | None,
    QueryParameter(
        description=N_("The version of another configuration, or “now”; without it the call’s own.")
    ),
]


NewCall = body_of(ConnectCall)


class CallList(Struct, frozen=True):
    """Calls, latest first; ``next`` is the cursor of the next page, null on the last one."""

    items: list[CallRow]
    next: str | None


class PresentCallList(Struct, frozen=True):
    """Calls that go on now, oldest first."""

    items: list[PresentCall]


class CallTags(Struct, frozen=True):
    """Tags of a call by name."""

    tags: tuple[UUID, ...]


class RecordingPause(Struct, frozen=True):
    """Whether what is said is left out of the recording."""

    paused: bool


class CallsController(Controller):
    """The history, which is read only, and the calls of this moment, which can be ended."""

    path = "/calls"
    tags = ("Calls",)

    @get("/", operation_class=ApiOperation, **needs("calls:read"))
    async def index(
        self,
        context: TheContext,
        actor: TheActor,
        start: Start = None,
        end: End = None,
        direction: Way = None,
        unanswered: Unanswered = False,
        missed_by: MissedBy = None,
        cursor: Cursor = None,
        limit: Limit = calls.PAGE,
    ) -> CallList:
        """List the calls of a period.

        Without a period those of today, on the clock of the company. Latest first, in pages.
        """
        today = calls.day(datetime.now(UTC), (await contracts.get(context.database, actor)).timezone)
        query = replace(
            today,
            start=_instant("start", start) or today.start,
            end=_instant("end", end) or today.end,
            direction=direction,
            unanswered=unanswered,
            missed_by=missed_by,
            cursor=cursor,
            limit=limit,
        )
        page = await calls.history(context.database, actor, _ordered(query))
        return CallList(list(page.calls), page.next)

    @get("/present", operation_class=ApiOperation, **needs("calls:read"))
    async def present(self, context: TheContext, actor: TheActor) -> PresentCallList:
        """List the calls of this moment.

        Who rings, who waits in a queue or listens to a menu, and who talks now.
        """
        return PresentCallList(await calls.present(context.database, actor))

    @post("/", status_code=202, operation_class=ApiOperation, **needs("calls:write"))
    async def connect(
        self,
        context: TheContext,
        actor: TheActor,
        data: JSONBody[NewCall],  # type: ignore[valid-type]
    ) -> MadeCall:
        """Connect an employee with a number.

        The employee’s telephones ring first; once he is there the number is dialled. The answer comes
        before that: follow the call by its id among those of this moment, then in the history.
        """
        return await callcontrol.connect(context.database, actor, command_of(ConnectCall, data))

    @delete("/present/{call_id:uuid}", operation_class=ApiOperation, **needs("calls:write"))
    async def hang_up(self, context: TheContext, actor: TheActor, call_id: FromPath[UUID]) -> None:
        """Hang up a call that goes on.

        It ends for both sides; its record says who wanted it.
        """
        await callcontrol.hang_up(context.database, actor, call_id)

    @put(
        "/present/{call_id:uuid}/recording",
        operation_class=ApiOperation,
        **needs("calls:write", conflict=True),
    )
    async def pause_recording(
        self,
        context: TheContext,
        actor: TheActor,
        call_id: FromPath[UUID],
        data: JSONBody[RecordingPause],
    ) -> None:
        """Pause the recording of a call that goes on, or go on with it.

        What is said while it is paused is not in the recording; its log says who wanted that. Where
        nothing is recorded or paused, the answer is 409.
        """
        await callcontrol.pause_recording(context.database, actor, call_id, data.paused)

    @get("/{call_id:uuid}", operation_class=ApiOperation, **needs("calls:read"))
    async def card(
        self,
        request: Request[Any, Any, Any],
        context: TheContext,
        actor: TheActor,
        call_id: FromPath[UUID],
    ) -> CallCard:
        """Get a call with its course.

        The steps are what happened, for programs; the trace says the same in sentences, in the
        language of Accept-Language.
        """
        words = language(negotiate(request.headers.get("Accept-Language", "")))
        return await calls.card(context.database, actor, call_id, words.gettext)

    @put("/{call_id:uuid}/tags", operation_class=ApiOperation, **needs("calls:write"))
    async def tag(
        self, context: TheContext, actor: TheActor, call_id: FromPath[UUID], data: JSONBody[CallTags]
    ) -> CallTags:
        """Give a call its tags.

        They replace those that it has.
        """
        given = TagCall(call_id, data.tags)
        return CallTags(await calltags.put(context.database, actor, given))

    @get("/{call_id:uuid}/decision", operation_class=ApiOperation, **needs("calls:read"))
    async def decision(
        self,
        request: Request[Any, Any, Any],
        context: TheContext,
        actor: TheActor,
        call_id: FromPath[UUID],
        snapshot: Under = None,
    ) -> Explanation:
        """Decide a past call again.

        Under the configuration that the call had, the answer is what it was, to the last second.
        Under another one it says what would have become of the call: telephones whose state nobody
        noted then count as registered and free, and are named.
        """
        words = language(negotiate(request.headers.get("Accept-Language", "")))
        return await decisions.of_call(context.database, actor, call_id, snapshot, words.gettext)


def _instant(name: str, value: datetime | None) -> datetime | None:
    if value is None:
        return None
    if value.tzinfo is None:
        raise Invalid(None, **{name: FieldError(N_("An instant needs its offset from UTC."))})
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise Invalid(None, **{name: FieldError(N_("There is no such instant."))}) from None


def _ordered(query: CallQuery) -> CallQuery:
    if query.end <= query.start:
        raise Invalid(end=FieldError(N_("The end must be after the start.")))
    return query
