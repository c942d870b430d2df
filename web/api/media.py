"""Media over the API: the uploaded files, and the chains that are made of them."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from litestar import Controller, Request, Response, delete, get, patch, post
from litestar.params import FromPath, JSONBody, QueryParameter
from litestar.response import File
from msgspec import Struct

from tenants.services.media import CreateMedia, FileView, MediaView, UpdateMedia
from tenants.services.readymade import ReadyView
from web.api.access import TheActor, needs
from web.api.bodies import body_of, command_of
from web.api.intake import content_of
from web.api.schema import ApiOperation
from web.i18n import language, negotiate
from web.inject import TheContext
from web.pages import N_

__all__ = ["MediaController"]

NewMedia = body_of(CreateMedia)
MediaChanges = body_of(UpdateMedia, "id")
Name = Annotated[str, QueryParameter(description=N_("What the file is called: *.mp3."))]

_SOUND = {"cache-control": "no-store", "x-content-type-options": "nosniff"}


class FileList(Struct, frozen=True):
    """Uploaded files, newest first."""

    items: list[FileView]


class MediaList(Struct, frozen=True):
    """Media by name."""

    items: list[MediaView]


class ReadyList(Struct, frozen=True):
    """Ready-made media, by what they are for."""

    items: list[ReadyView]


class MediaController(Controller):
    """The same library for greetings, menus, announcements and music."""

    path = "/media"
    tags = ("Media",)

    @get("/files", operation_class=ApiOperation, **needs("media:read"))
    async def files(self, context: TheContext, actor: TheActor) -> FileList:
        """List the uploaded files.

        A file is not used by itself; make a media of it.
        """
        return FileList(await context.library.files(actor))

    @post(
        "/files",
        operation_class=ApiOperation,
        request_max_body_size=None,
        **needs("media:write", content="audio/mpeg"),
    )
    async def upload(
        self, request: Request[Any, Any, Any], context: TheContext, actor: TheActor, name: Name
    ) -> Response[FileView]:
        """Upload a file.

        The content is the MP3 file itself, at most 10 MB and 20 minutes.
        """
        made = await context.library.upload(actor, name, content_of(request))
        return Response(made, headers={"location": f"/api/v1/media/files/{made.id}"})

    @get("/files/{file_id:uuid}", operation_class=ApiOperation, **needs("media:read"))
    async def file(self, context: TheContext, actor: TheActor, file_id: FromPath[UUID]) -> FileView:
        """Get an uploaded file."""
        return await context.library.file(actor, file_id)

    @get(
        "/files/{file_id:uuid}/sound",
        operation_class=ApiOperation,
        media_type="audio/wav",
        **needs("media:read"),
    )
    async def file_sound(self, context: TheContext, actor: TheActor, file_id: FromPath[UUID]) -> File:
        """Listen to an uploaded file.

        As callers would hear it: WAV in one channel.
        """
        return _wav(await context.library.file_sound(actor, file_id))

    @delete(
        "/files/{file_id:uuid}", operation_class=ApiOperation, **needs("media:write", conflict=True)
    )
    async def delete_file(self, context: TheContext, actor: TheActor, file_id: FromPath[UUID]) -> None:
        """Delete an uploaded file.

        Not while a media has it in its chain: the answer then is 409 and names them.
        """
        await context.library.delete_file(actor, file_id)

    @get("/library", operation_class=ApiOperation, **needs("media:read"))
    async def library(
        self, request: Request[Any, Any, Any], context: TheContext, actor: TheActor
    ) -> ReadyList:
        """List the ready-made media.

        Greetings, off-hours, queue, announcements, voice messages and music that need no upload and no
        space. Choose one by its id wherever a media is chosen. Titles are in the language of
        Accept-Language, what is said in that of the company's callers.
        """
        words = language(negotiate(request.headers.get("Accept-Language", "")))
        return ReadyList(await context.readymade.entries(actor, words.gettext))

    @get(
        "/library/{media_id:uuid}/sound",
        operation_class=ApiOperation,
        media_type="audio/wav",
        **needs("media:read"),
    )
    async def library_sound(
        self, context: TheContext, actor: TheActor, media_id: FromPath[UUID]
    ) -> File:
        """Listen to a ready-made media.

        As callers of the company hear it: WAV in one channel.
        """
        return _wav(await context.readymade.sound(actor, media_id))

    @get("/", operation_class=ApiOperation, **needs("media:read"))
    async def index(self, context: TheContext, actor: TheActor) -> MediaList:
        """List the media."""
        return MediaList(await context.library.media(actor))

    @post("/", operation_class=ApiOperation, **needs("media:write"))
    async def create(
        self,
        context: TheContext,
        actor: TheActor,
        data: JSONBody[NewMedia],  # type: ignore[valid-type]
    ) -> Response[MediaView]:
        """Make a media.

        A chain of uploaded files and pauses, in any order.
        """
        made = await context.library.create(actor, command_of(CreateMedia, data))
        return Response(made, headers={"location": f"/api/v1/media/{made.id}"})

    @get("/{media_id:uuid}", operation_class=ApiOperation, **needs("media:read"))
    async def card(self, context: TheContext, actor: TheActor, media_id: FromPath[UUID]) -> MediaView:
        """Get a media."""
        return await context.library.get(actor, media_id)

    @get(
        "/{media_id:uuid}/sound",
        operation_class=ApiOperation,
        media_type="audio/wav",
        **needs("media:read"),
    )
    async def sound(self, context: TheContext, actor: TheActor, media_id: FromPath[UUID]) -> File:
        """Listen to a media.

        As callers hear it: WAV in one channel.
        """
        return _wav(await context.library.media_sound(actor, media_id))

    @delete("/{media_id:uuid}", operation_class=ApiOperation, **needs("media:write", conflict=True))
    async def remove(self, context: TheContext, actor: TheActor, media_id: FromPath[UUID]) -> None:
        """Delete a media.

        Not while something plays it: the answer then is 409 and names what does.
        """
        await context.library.delete(actor, media_id)

    @patch("/{media_id:uuid}", operation_class=ApiOperation, **needs("media:write", conflict=True))
    async def change(
        self,
        context: TheContext,
        actor: TheActor,
        media_id: FromPath[UUID],
        data: JSONBody[MediaChanges],  # type: ignore[valid-type]
    ) -> MediaView:
        """Change a media.

        Fields that are left out stay as they are. Calls that come from now on hear the new one.
        """
        return await context.library.update(actor, command_of(UpdateMedia, data, id=media_id))


def _wav(path: Any) -> File:
    return File(path, media_type="audio/wav", content_disposition_type="inline", headers=_SOUND)
