"""Recordings of calls and messages: who may find, hear and delete them.

Whoever may see a call now may hear it now (``visibility``); that is asked anew for every piece that is
fetched. What may not be seen does not exist.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
from msgspec import Struct

from core.errors import FieldError, Invalid, NotFound
from core.recordings import RecordingKind
from tenants.db import Database, Session
from tenants.services import audit, visibility
from tenants.services.actor import Actor, require_administrator, require_scope
from tenants.storage import Storage
from tenants.tables import RecordingState

__all__ = [
    "LONGEST_PAGE",
    "PAGE",
    "Peaks",
    "RecordingPage",
    "RecordingQuery",
    "RecordingState",
    "RecordingView",
    "Recordings",
    "Sound",
]

PAGE, LONGEST_PAGE = 50, 200
MEDIA_TYPES = {"mp3": "audio/mpeg", "ogg": "audio/ogg"}
_ROWS = f"""
SELECT r.id, r.call_id, r.kind, r.state, r.started_at, r.milliseconds, r.bytes, r.form, r.peaks
FROM recordings AS r JOIN calls AS c ON c.tenant_id = r.tenant_id AND c.id = r.call_id
WHERE r.state <> '{RecordingState.EMPTY}'
"""


class RecordingView(Struct, frozen=True):
    """A recording. Its sound is there once the state is ``ready``; ``channels`` is 2 where the client
    is heard on the left and the employee on the right, 1 for a message."""

    id: UUID
    call_id: UUID
    kind: RecordingKind
    state: RecordingState
    started_at: datetime
    milliseconds: int
    bytes: int
    channels: int


class RecordingQuery(Struct, frozen=True):
    """A period [start, end), and after which recording to go on."""

    start: datetime | None = None
    end: datetime | None = None
    kind: RecordingKind | None = None
    after: UUID | None = None
    limit: int = PAGE


class RecordingPage(Struct, frozen=True):
    """Recordings, latest first; ``next`` is the last one's id if there are more."""

    recordings: tuple[RecordingView, ...]
    next: UUID | None


class Peaks(Struct, frozen=True):
    """How loud each channel is over its whole length, from 0 to 255 in equal steps."""

    milliseconds: int
    channels: tuple[tuple[int, ...], ...]


class Sound(Struct, frozen=True):
    """A file to be heard, its form, and a name for whoever keeps it."""

    path: Path
    media_type: str
    name: str


class Recordings:
    """``storage`` is where the worker puts the sound."""

    def __init__(self, db: Database, storage: Storage) -> None:
        self._db = db
        self._storage = storage

    async def find(self, actor: Actor, query: RecordingQuery) -> RecordingPage:
        """The recordings of a period as far as their calls may be seen. Raises Invalid by field."""
        limit = min(max(query.limit, 1), LONGEST_PAGE)
        calls = visibility.calls(actor, 1)
        where, args = calls.sql, [*calls.args]
        for name, sign, value in (("start", ">=", query.start), ("end", "<", query.end)):
            if value is not None:
                if value.tzinfo is None:
                    raise Invalid(**{name: FieldError("Say in which time zone this is.")})
                args.append(value)
                where += f" AND r.started_at {sign} ${len(args)}"
        if query.kind is not None:
            args.append(query.kind)
            where += f" AND r.kind = ${len(args)}"
        if query.after is not None:
            args.append(query.after)
            where += (
                " AND (r.started_at, r.id) <"
                f" (SELECT a.started_at, a.id FROM recordings a WHERE a.id = ${len(args)})"
            )
        order = f"ORDER BY r.started_at DESC, r.id DESC LIMIT {limit + 1}"
        async with self._db.tenant(require_scope(actor, "recordings:read")) as session:
            rows = await session.fetch(f"{_ROWS} AND {where} {order}", *args)
        page = tuple(_view(dict(row)) for row in rows[:limit])
        return RecordingPage(page, page[-1].id if len(rows) > limit else None)

    async def of_call(self, actor: Actor, call_id: UUID) -> tuple[RecordingView, ...]:
        """Those of one call. Raises NotFound if the call is not to be seen."""
        calls = visibility.calls(actor, 2)
        async with self._db.tenant(require_scope(actor, "recordings:read")) as session:
            if not await session.fetchval(
                f"SELECT count(*) FROM calls AS c WHERE c.id = $1 AND {calls.sql}", call_id, *calls.args
            ):
                raise NotFound
            rows = await session.fetch(f"{_ROWS} AND c.id = $1 ORDER BY r.started_at, r.id", call_id)
        return tuple(_view(dict(row)) for row in rows)

    async def get(self, actor: Actor, recording_id: UUID) -> RecordingView:
        """One recording. Raises NotFound."""
        async with self._db.tenant(require_scope(actor, "recordings:read")) as session:
            return _view(await _row(session, actor, recording_id))

    async def peaks(self, actor: Actor, recording_id: UUID) -> Peaks:
        """What its waveform is drawn of. Raises NotFound."""
        async with self._db.tenant(require_scope(actor, "recordings:read")) as session:
            row = await _ready(session, actor, recording_id)
        channels = msgspec.json.decode(row["peaks"], type=tuple[tuple[int, ...], ...])
        return Peaks(row["milliseconds"], channels)

    async def sound(self, actor: Actor, recording_id: UUID) -> Sound:
        """The sound, for one piece of it, whichever; the first one of an hour is in the journal.

        Raises NotFound if it is not there, or not to be heard any more.
        """
        tenant_id = require_scope(actor, "recordings:read")
        async with self._db.tenant(tenant_id) as session:
            row = await _ready(session, actor, recording_id)
            if not await session.fetchval(_HEARD, recording_id, actor.user_id, actor.name):
                await audit.record(actor, "recording.heard", recording_id)
        path = await self._storage.get(tenant_id, f"{recording_id}.{row['form']}")
        if path is None:
            raise NotFound
        moment = row["started_at"].astimezone(UTC).strftime("%Y%m%d-%H%M%S")
        name = f"{row['kind']}-{moment}-{recording_id.hex[-6:]}.{row['form']}"
        return Sound(path, MEDIA_TYPES[row["form"]], name)

    async def delete(self, actor: Actor, recording_id: UUID) -> None:
        """Delete one for good; that there was one stays in the history. Raises NotFound, Forbidden."""
        tenant_id = require_administrator(actor, "recordings:write")
        async with self._db.tenant(tenant_id) as session:
            row = await _row(session, actor, recording_id)
            if row["state"] == RecordingState.DELETED:
                raise NotFound
            await session.execute(_DELETE, recording_id)
            await audit.record(actor, "recording.delete", recording_id, {"call": str(row["call_id"])})
        # The worker sweeps up what a crash leaves here, and what was received of one without sound.
        if row["form"]:
            await self._storage.delete(tenant_id, f"{recording_id}.{row['form']}")


_HEARD = """
SELECT EXISTS (SELECT FROM audit_entries WHERE action = 'recording.heard' AND object_id = $1
    AND user_id IS NOT DISTINCT FROM $2 AND actor = $3 AND at > now() - interval '1 hour')
"""
_DELETE = (
    "UPDATE recordings SET state = 'deleted', reason = 'deleted', bytes = 0, peaks = '[]' WHERE id = $1"
)


async def _row(session: Session, actor: Actor, recording_id: UUID) -> dict[str, Any]:
    calls = visibility.calls(actor, 2)
    row = await session.fetchrow(f"{_ROWS} AND r.id = $1 AND {calls.sql}", recording_id, *calls.args)
    if row is None:
        raise NotFound
    return dict(row)


async def _ready(session: Session, actor: Actor, recording_id: UUID) -> dict[str, Any]:
    row = await _row(session, actor, recording_id)
    if row["state"] != RecordingState.READY:
        raise NotFound
    return row


def _view(row: dict[str, Any]) -> RecordingView:
    kind = RecordingKind(row["kind"])
    return RecordingView(
        id=row["id"],
        call_id=row["call_id"],
        kind=kind,
        state=RecordingState(row["state"]),
        started_at=row["started_at"],
        milliseconds=row["milliseconds"],
        bytes=row["bytes"],
        channels=1 if kind is RecordingKind.MESSAGE else 2,
    )
