"""Recordings over the API."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from litestar import Controller, Request, Response, delete, get
from litestar.params import FromPath, QueryParameter
from msgspec import Struct

from core.recordings import RecordingKind
from tenants.services import recordings
from tenants.services.recordings import Peaks, RecordingQuery, RecordingView
from web.api.access import TheActor, needs
from web.api.schema import ApiOperation
from web.audio import send
from web.inject import TheContext
from web.pages import N_

__all__ = ["CallRecordingsController", "RecordingsController"]

Start = Annotated[
    datetime | None, QueryParameter(name="start", description=N_("Begun at this instant or later."))
]
End = Annotated[datetime | None, QueryParameter(name="end", description=N_("Begun earlier."))]
Kind = Annotated[
    RecordingKind | None, QueryParameter(description=N_("Only conversations, or only messages."))
]
After = Annotated[UUID | None, QueryParameter(description=N_("The “next” of the page before."))]
Limit = Annotated[
    int,
    QueryParameter(ge=1, le=recordings.LONGEST_PAGE, description=N_("Recordings in one page.")),
]


class RecordingList(Struct, frozen=True):
    """Recordings, latest first; ``next`` leads to the next page, null on the last one."""

    items: list[RecordingView]
    next: UUID | None


class RecordingsController(Controller):
    """Recorded conversations and voice messages, of the calls that may be seen."""

    path = "/recordings"
    tags = ("Recordings",)

    @get("/", operation_class=ApiOperation, **needs("recordings:read"))
    async def index(
        self,
        context: TheContext,
        actor: TheActor,
        start: Start = None,
        end: End = None,
        kind: Kind = None,
        after: After = None,
        limit: Limit = recordings.PAGE,
    ) -> RecordingList:
        """List the recordings.

        Latest first, in pages.
        """
        query = RecordingQuery(start, end, kind, after, limit)
        page = await context.recordings.find(actor, query)
        return RecordingList(list(page.recordings), page.next)

    @get("/{recording_id:uuid}", operation_class=ApiOperation, **needs("recordings:read"))
    async def card(
        self, context: TheContext, actor: TheActor, recording_id: FromPath[UUID]
    ) -> RecordingView:
        """Get a recording."""
        return await context.recordings.get(actor, recording_id)

    @get("/{recording_id:uuid}/peaks", operation_class=ApiOperation, **needs("recordings:read"))
    async def peaks(self, context: TheContext, actor: TheActor, recording_id: FromPath[UUID]) -> Peaks:
        """Get the peaks of a recording.

        To draw a waveform of.
        """
        return await context.recordings.peaks(actor, recording_id)

    @get(
        "/{recording_id:uuid}/audio",
        operation_class=ApiOperation,
        media_type="audio/mpeg",
        **needs("recordings:read"),
    )
    async def audio(
        self,
        request: Request[Any, Any, Any],
        context: TheContext,
        actor: TheActor,
        recording_id: FromPath[UUID],
    ) -> Response[Any]:
        """Listen to a recording.

        MP3, or Opus in Ogg, as the company chose. Pieces are sent for a Range; whether it may be heard
        is asked for each of them.
        """
        return await send(request, context.recordings, actor, recording_id)

    @delete("/{recording_id:uuid}", operation_class=ApiOperation, **needs("recordings:write"))
    async def remove(self, context: TheContext, actor: TheActor, recording_id: FromPath[UUID]) -> None:
        """Delete a recording.

        For good; that there was one stays in the history of the call.
        """
        await context.recordings.delete(actor, recording_id)


class CallRecordingsController(Controller):
    """The recordings of one call."""

    path = "/calls/{call_id:uuid}/recordings"
    tags = ("Recordings",)

    @get("/", operation_class=ApiOperation, **needs("recordings:read"))
    async def of_call(
        self, context: TheContext, actor: TheActor, call_id: FromPath[UUID]
    ) -> list[RecordingView]:
        """List the recordings of a call."""
        return list(await context.recordings.of_call(actor, call_id))
