"""Media: what callers hear (features.md MED). Uploaded files, and the chains that are made of them.

A file alone cannot be used anywhere; a *media* is made of it first (MED-05). Every section offers the
same list of media (MED-08). A media is rendered when it is saved, so that a call only plays it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
from msgspec import UNSET, Struct, UnsetType

from core.errors import Conflict, FieldError, Invalid, NotFound, SunSimError
from core.ids import new_id
from core.media import clip
from core.media.clip import Clip
from tenants.db import Database, Session
from tenants.services import audit
from tenants.services.actor import Actor, require_administrator, require_scope
from tenants.services.chains import (
    FilePart,
    Part,
    Pause,
    as_json,
    checked_chain,
    files_of,
    from_json,
    plays,
)
from tenants.services.constraints import fields_for
from tenants.services.forms import checked
from tenants.services.soundspace import QuotaExceeded, SoundSpace
from tenants.services.uses import InUse, UseKind, deletion, lock_references, media_users, named
from tenants.storage import Storage
from tenants.tables import Media, UploadedFile

__all__ = [
    "LARGEST_FILE",
    "CreateMedia",
    "FilePart",
    "FileView",
    "Library",
    "MediaView",
    "Part",
    "Pause",
    "QuotaExceeded",
    "UpdateMedia",
    "UploadTooLarge",
]

LARGEST_FILE = 10 * 1024 * 1024
"""Bytes of an uploaded file, inclusive (MED-04, H-16)."""

_AT_ONCE = 2
"""So many decoders and renderings in one process; who comes later waits."""
_LONGEST_NAME = 120
_NAME_TAKEN = "Another media has this name."


class FileView(Struct, frozen=True):
    """An uploaded file. ``bytes`` count against the company's space."""

    id: UUID
    name: str
    milliseconds: int
    bytes: int
    created_at: datetime


class CreateMedia(Struct, frozen=True):
    """A chain of files and pauses, in any order, under a name (MED-06, MED-07)."""

    name: str
    chain: tuple[Part, ...]


class UpdateMedia(Struct, frozen=True):
    """Changes of a media; what is left out stays. ``version`` is the one that was looked at."""

    id: UUID
    version: int
    name: str | UnsetType = UNSET
    chain: tuple[Part, ...] | UnsetType = UNSET


class MediaView(Struct, frozen=True):
    """A media of the list that all sections share (MED-08)."""

    id: UUID
    name: str
    chain: tuple[Part, ...]
    milliseconds: int
    version: int


class UploadTooLarge(SunSimError):
    """A file may have at most 10 MB."""

    code = "too_large"
    http_status = 413


class _Rendered(Struct, frozen=True):
    """A chain's sound before it is kept, and by which hashes of its files it was made."""

    clip: Clip
    path: Path
    bytes: int
    hashes: dict[UUID, str]


class Library:
    """A company's sound, with the folder it is kept in and how many megabytes a company may keep.

    Sound is made while no connection to the database is held; files are put under the company's lock,
    in the transaction of the row that names them, and deleted by ``soundspace.sweep`` alone.
    """

    def __init__(self, db: Database, storage: Storage, megabytes: int) -> None:
        self._db = db
        self._storage = storage
        self._space = SoundSpace(db, storage, megabytes)
        self._making = asyncio.Semaphore(_AT_ONCE)

    # --- uploaded files ---------------------------------------------------------------------------

    async def files(self, actor: Actor) -> list[FileView]:
        """The tab «Загруженные файлы», newest first (MED-02)."""
        async with self._db.tenant(require_scope(actor, "media:read")):
            rows = await UploadedFile.select().order_by(UploadedFile.id, ascending=False)
        return [_file_view(row) for row in rows]

    async def upload(self, actor: Actor, name: str, content: AsyncIterable[bytes]) -> FileView:
        """Keep an MP3 file, read to the end or to the first byte too many (MED-03, MED-04).

        Raises UploadTooLarge, NotPlayable, TooLong, QuotaExceeded, and Invalid for its name.
        """
        tenant_id = require_administrator(actor, "media:write")
        values = checked({"name": name}, {"name": _file_name}, required=("name",))
        await self._space.check(tenant_id, 1)
        async with self._storage.incoming(tenant_id) as folder:
            original, sound = folder / "original", folder / "sound"
            size = await _received(content, original)
            await self._space.check(tenant_id, size)
            await self._storage.sync(original)
            async with self._making:
                made = await clip.decoded(original, sound)
            row = UploadedFile(
                id=new_id(),
                tenant_id=tenant_id,
                name=values["name"],
                bytes=size + sound.stat().st_size,
                milliseconds=made.milliseconds,
                hash=made.hash,
            )
            async with self._db.tenant(tenant_id) as session:
                await self._space.spend(session, tenant_id, row.bytes)
                await self._storage.put(tenant_id, f"{row.id}.mp3", original)
                await self._storage.put(tenant_id, f"{made.hash}.wav", sound)
                await UploadedFile.insert(row)
                after = {"name": row.name, "bytes": row.bytes}
                await audit.record(actor, "file.upload", row.id, after=after)
                return _file_view(await _file(row.id))

    async def file(self, actor: Actor, file_id: UUID) -> FileView:
        """One uploaded file. Raises NotFound."""
        async with self._db.tenant(require_scope(actor, "media:read")):
            return _file_view(await _file(file_id))

    async def delete_file(self, actor: Actor, file_id: UUID) -> None:
        """Delete an uploaded file. Raises InUse if a media has it in its chain (H-19), NotFound."""
        tenant_id = require_administrator(actor, "media:write")
        async with self._db.tenant(tenant_id) as session:
            await lock_references(session)
            row = await _file(file_id)
            media = await Media.select(Media.id, Media.name, Media.chain).order_by(Media.name)
            users = [each for each in media if file_id in files_of(from_json(each["chain"]))]
            if users:
                raise InUse(named(UseKind.MEDIA, users))
            await UploadedFile.delete().where(UploadedFile.id == file_id)
            await audit.record(actor, "file.delete", file_id, before={"name": row["name"]})
            await self._storage.let_go(tenant_id, f"{file_id}.mp3")
            await self._storage.let_go(tenant_id, f"{row['hash']}.wav")

    async def file_sound(self, actor: Actor, file_id: UUID) -> Path:
        """The clip of an uploaded file, to listen to. Raises NotFound."""
        tenant_id = require_scope(actor, "media:read")
        async with self._db.tenant(tenant_id):
            row = await _file(file_id)
        return await self._sound(tenant_id, row["hash"])

    # --- media ------------------------------------------------------------------------------------

    async def media(self, actor: Actor) -> list[MediaView]:
        """All media of the company by name (MED-08)."""
        async with self._db.tenant(require_scope(actor, "media:read")):
            return [_view(row) for row in await Media.select().order_by(Media.name)]

    async def get(self, actor: Actor, media_id: UUID) -> MediaView:
        """One media. Raises NotFound."""
        async with self._db.tenant(require_scope(actor, "media:read")):
            return _view(await _media(media_id))

    async def create(self, actor: Actor, command: CreateMedia) -> MediaView:
        """Make a media of uploaded files and pauses (MED-06). Raises Invalid, QuotaExceeded."""
        tenant_id = require_administrator(actor, "media:write")
        values = _checked({"name": command.name, "chain": command.chain})
        chain = values["chain"]
        async with (
            self._rendered(tenant_id, chain) as made,
            fields_for(media_name_key=("name", _NAME_TAKEN)),
            self._db.tenant(tenant_id) as session,
        ):
            await self._keep(session, tenant_id, made)
            row = Media(name=values["name"], **_sounding(chain, made))
            await Media.insert(row)
            await audit.record(actor, "media.create", row.id, after=_audited(values))
            return _view(await _media(row.id))

    async def update(self, actor: Actor, command: UpdateMedia) -> MediaView:
        """Change a media; calls that come from now on hear the new one.

        Raises Conflict if its version moved on, Invalid by field, QuotaExceeded, NotFound.
        """
        tenant_id = require_administrator(actor, "media:write")
        given = {"name": command.name, "chain": command.chain}
        values = _checked({name: value for name, value in given.items() if value is not UNSET})
        chain = values.get("chain")
        async with (
            self._rendered(tenant_id, chain, command.id) if chain else nullcontext() as made,
            fields_for(media_name_key=("name", _NAME_TAKEN)),
            self._db.tenant(tenant_id) as session,
        ):
            await lock_references(session)
            before = await _media(command.id)
            if before["version"] != command.version:
                raise Conflict
            changed: dict[Any, Any] = {Media.version: Media.version + 1}
            if "name" in values:
                changed[Media.name] = values["name"]
            if chain and made:
                await self._keep(session, tenant_id, made, instead_of=before["bytes"])
                changed |= _sounding(chain, made)
                # A call that plays the sound of before goes on.
                await self._storage.let_go(tenant_id, f"{before['hash']}.wav")
            await Media.update(changed).where(Media.id == command.id)
            was = {"name": before["name"], "chain": from_json(before["chain"])}
            await audit.record(
                actor, "media.update", command.id, *audit.changes(_audited(was), _audited(values))
            )
            return _view(await _media(command.id))

    async def delete(self, actor: Actor, media_id: UUID) -> None:
        """Delete a media. Raises InUse if something lets callers hear it (H-19), NotFound.

        Its sound stays for calls that play it now, and for those that are replayed.
        """
        tenant_id = require_administrator(actor, "media:write")
        async with deletion(), self._db.tenant(tenant_id) as session:
            await lock_references(session)
            row = await _media(media_id)
            if uses := await media_users(session, media_id):
                raise InUse(uses)
            await Media.delete().where(Media.id == media_id)
            await self._storage.let_go(tenant_id, f"{row['hash']}.wav")
            await audit.record(actor, "media.delete", media_id, before={"name": row["name"]})

    async def media_sound(self, actor: Actor, media_id: UUID) -> Path:
        """The rendered clip of a media, to listen to. Raises NotFound."""
        tenant_id = require_scope(actor, "media:read")
        async with self._db.tenant(tenant_id):
            row = await _media(media_id)
        return await self._sound(tenant_id, row["hash"])

    # --- inside -----------------------------------------------------------------------------------

    async def _sound(self, tenant_id: UUID, digest: str) -> Path:
        path = await self._storage.get(tenant_id, f"{digest}.wav")
        if path is None:
            raise NotFound
        return path

    @asynccontextmanager
    async def _rendered(
        self, tenant_id: UUID, chain: tuple[Part, ...], media_id: UUID | None = None
    ) -> AsyncIterator[_Rendered]:
        """The sound of a chain, of a media that is there or of a new one, for as long as the block.

        Raises Invalid, QuotaExceeded, TooLong, NotFound.
        """
        async with self._db.tenant(tenant_id):
            before = (await _media(media_id))["bytes"] if media_id else 0
            rows = await UploadedFile.select(
                UploadedFile.id, UploadedFile.hash, UploadedFile.milliseconds
            )
        try:
            whole = plays(chain, {row["id"]: row["milliseconds"] for row in rows})
        except FieldError as error:
            raise Invalid(chain=error) from None
        await self._space.check(tenant_id, clip.size(whole), before)
        hashes = {row["id"]: row["hash"] for row in rows if row["id"] in files_of(chain)}
        parts: list[Path | int] = [
            self._storage.path(tenant_id, f"{hashes[part.file]}.wav")
            if isinstance(part, FilePart)
            else part.milliseconds
            for part in chain
        ]
        async with self._storage.incoming(tenant_id) as folder:
            async with self._making:
                made = await asyncio.to_thread(clip.joined, parts, folder / "sound")
            path = folder / "sound"
            yield _Rendered(made, path, path.stat().st_size, hashes)

    async def _keep(
        self, session: Session, tenant_id: UUID, made: _Rendered, instead_of: int = 0
    ) -> None:
        """Keep what was rendered of files that are still there. Raises Invalid, QuotaExceeded."""
        await self._space.spend(session, tenant_id, made.bytes, instead_of)
        rows = await UploadedFile.select(UploadedFile.id, UploadedFile.hash)
        if not made.hashes.items() <= {row["id"]: row["hash"] for row in rows}.items():
            raise Invalid(chain=FieldError("There is no such file."))
        await self._storage.put(tenant_id, f"{made.clip.hash}.wav", made.path)


async def _received(content: AsyncIterable[bytes], target: Path) -> int:
    """Write what comes; how many bytes came. Raises UploadTooLarge."""
    size = 0
    with target.open("wb") as file:
        async for block in content:
            size += len(block)
            if size > LARGEST_FILE:
                raise UploadTooLarge
            file.write(block)
    return size


async def _file(file_id: UUID) -> dict[str, Any]:
    row = await UploadedFile.select().where(UploadedFile.id == file_id).first()
    if row is None:
        raise NotFound
    return row


async def _media(media_id: UUID) -> dict[str, Any]:
    row = await Media.select().where(Media.id == media_id).first()
    if row is None:
        raise NotFound
    return row


# --- fields -----------------------------------------------------------------------------------------


def _checked(given: dict[str, Any]) -> dict[str, Any]:
    return checked(given, {"name": _name, "chain": checked_chain}, required=("name", "chain"))


def _name(text: str) -> str:
    name = " ".join(text.split())
    if not name or len(name) > _LONGEST_NAME or not name.isprintable():
        raise FieldError("A name has 1 to 120 characters.")
    return name


def _file_name(text: str) -> str:
    name = _name(text.replace("\\", "/").rpartition("/")[2])
    if not name.lower().endswith(".mp3"):
        raise FieldError("Only *.mp3 files can be uploaded.")
    return name


def _audited(values: dict[str, Any]) -> dict[str, Any]:
    return msgspec.to_builtins(values)  # type: ignore[no-any-return]


def _file_view(row: dict[str, Any]) -> FileView:
    return FileView(row["id"], row["name"], row["milliseconds"], row["bytes"], row["created_at"])


def _view(row: dict[str, Any]) -> MediaView:
    chain = from_json(row["chain"])
    return MediaView(row["id"], row["name"], chain, row["milliseconds"], row["version"])


def _sounding(chain: tuple[Part, ...], made: _Rendered) -> dict[str, Any]:
    """The columns of a media that say what is heard."""
    return {
        "chain": as_json(chain),
        "bytes": made.bytes,
        "milliseconds": made.clip.milliseconds,
        "hash": made.clip.hash,
    }
