"""Makes sound of what was recorded, in the ``worker`` role; and forgets what need not be kept.

A recording is a row that was written with its call, and files with what the media servers received. In
the order of the steps, so that a process may die between any two of them:

1. the row is claimed: nobody else tries while the claim is renewed, and a claim that is not is over
   soon; an attempt is counted, so that what kills its maker is not tried for ever,
2. the sound is made in a folder of its own, and put under the recording's id, which replaces what an
   earlier attempt left there,
3. the row says so,
4. the received files go, once no recording of the call needs them.

What is left by somebody who died before the fourth step, or whose call left no record, is swept up.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import structlog

from core.background import end
from core.errors import Unavailable
from core.media.mixdown import SOUND, Job, Result
from core.media.render import NotRendered, RenderingPrevented, TooSlow, render
from core.recordings import Part, RecordingKind
from core.settings import RecordingSettings
from tenants.captures import Captures
from tenants.crosstenant.recordings import (
    recorded_calls,
    recordings_due,
    recordings_in_state,
    tenants_with_recordings,
)
from tenants.db import Database
from tenants.failures import DATABASE_AWAY, told
from tenants.storage import Storage
from tenants.tables import RecordingState

__all__ = ["ENDINGS", "RecordingMaker"]

log = structlog.get_logger(__name__)

ENDINGS = {"mp3": "mp3", "opus": "ogg"}
"""By the form of a recording, the ending of its file's name."""

MOST_ATTEMPTS = 8
SLOW_ATTEMPTS = 2
"""Of what takes longer than it may: it keeps the others waiting."""
CLAIM_SECONDS = 60.0
_RETRY_SECONDS, _LONGEST_RETRY = 5, 3600
_PREVENTED_SECONDS = 300
_LOOK_SECONDS = 2.0
"""After which what has come meanwhile is begun beside what takes longer."""
_EMPTY_SECONDS = 1.0
_DAY = 24 * 3600.0
_YOUNG = 3600.0
"""Seconds in which a file may belong to a call that goes on, or is just being stored."""

Render = Callable[[Job, Path], Awaitable[Result]]

_CLAIM = """
UPDATE recordings SET attempts = attempts + 1, retry_at = now() + make_interval(secs => $2)
WHERE id = $1 AND state = 'waiting' AND retry_at <= now()
RETURNING id, call_id, kind, source, parts, attempts,
    (SELECT recording_form FROM contracts WHERE tenant_id = recordings.tenant_id) AS form
"""
_RENEW = "UPDATE recordings SET retry_at = now() + make_interval(secs => $2) WHERE id = $1"
_SETTLE = """
UPDATE recordings SET state = $2, reason = $3, form = $4, bytes = $5, milliseconds = $6,
    peaks = $7::jsonb, ready_at = now()
WHERE id = $1 AND state = 'waiting' RETURNING true
"""
_PUT_OFF = """
UPDATE recordings SET reason = $2, retry_at = now() + make_interval(secs => $3), attempts = $4
WHERE id = $1 AND state = 'waiting'
"""
_NEEDED = "SELECT EXISTS (SELECT FROM recordings WHERE call_id = $1 AND state IN ('waiting', 'failed'))"


class RecordingMaker:
    """``storage`` keeps the sound, ``captures`` has what was received."""

    def __init__(
        self,
        database: Database,
        storage: Storage,
        captures: Captures,
        settings: RecordingSettings,
        *,
        render: Render = render,
        claim_seconds: float = CLAIM_SECONDS,
    ) -> None:
        self._db = database
        self._storage = storage
        self._captures = captures
        self._settings = settings
        self._render = render
        self._claim = claim_seconds
        self.states: dict[str, int] = {}
        """How many recordings waited for their sound, and how many got none, when last counted."""

    async def work(self) -> int:
        """Make what is due until nothing is, several at a time; how many there were.

        As many as the settings say are of one company at most; one more is for the others, so that
        nobody waits for the end of another one's long conversations.
        """
        begun = 0
        most = self._settings.at_once or len(os.sched_getaffinity(0))
        making: dict[asyncio.Task[None], tuple[UUID, UUID]] = {}
        try:
            while True:
                begun += await self._begin(making, most)
                if not making:
                    return begun
                done, _ = await asyncio.wait(
                    making, timeout=_LOOK_SECONDS, return_when=asyncio.FIRST_COMPLETED
                )
                for task in done:
                    del making[task]
                    task.result()
        finally:
            for task in making:
                task.cancel()
            await asyncio.gather(*making, return_exceptions=True)

    async def _begin(self, making: dict[asyncio.Task[None], tuple[UUID, UUID]], most: int) -> int:
        """Begin as many as there is room for; how many."""
        room = most + 1 - len(making)
        if not room:
            return 0
        due = await recordings_due(self._db, dict(making.values()), most, room)
        for row in due:
            key = row["id"], row["tenant_id"]
            making[asyncio.create_task(self._make(key[1], key[0]))] = key
        return len(due)

    async def _make(self, tenant_id: UUID, recording_id: UUID) -> None:
        async with self._db.tenant(tenant_id) as session:
            row = await session.fetchrow(_CLAIM, recording_id, self._claim)
        if row is None:
            return  # another worker was quicker, or somebody deleted it
        if row["attempts"] > MOST_ATTEMPTS:  # whoever made the last ones died before he could say so
            await self._settle(tenant_id, dict(row), RecordingState.FAILED, reason="its maker died")
            return
        try:
            async with self._claimed(tenant_id, recording_id):
                settled = await self._try(tenant_id, dict(row))
        except asyncio.CancelledError:  # we are stopped; the recording is not to blame
            with suppress(Unavailable, *DATABASE_AWAY):
                await self._put_off(tenant_id, dict(row), "", 0, counts=False)
            raise
        except (RenderingPrevented, OSError) as error:
            log.warning("recording.prevented", recording=str(row["id"]), problem=str(error))
            await self._put_off(tenant_id, dict(row), _reason(error), _PREVENTED_SECONDS, counts=False)
            return
        except (NotRendered, ValueError, msgspec.MsgspecError) as error:
            await self._failed(tenant_id, dict(row), error)
            return
        if settled:
            await self._tidy(tenant_id, row["call_id"], row["source"])

    async def _try(self, tenant_id: UUID, row: dict[str, Any]) -> bool:
        """Steps 2 and 3; whether the row says what became of it."""
        files = await self._captures.of(row["source"])
        if not files:
            if not await self._captures.seen():
                raise RenderingPrevented(problem="no folder")
            raise NotRendered(problem="no files")
        parts = msgspec.json.decode(row["parts"], type=tuple[Part, ...])
        job = Job(parts, tuple(str(path.resolve()) for path in files), row["form"])
        name = f"{row['id']}.{ENDINGS[job.form]}"
        async with self._storage.incoming(tenant_id) as folder:
            made = await self._render(job, folder)
            if made.unknown and not made.packets:
                raise NotRendered(problem="unknown codec")
            state = _state(RecordingKind(row["kind"]), made)
            size = 0
            if state is RecordingState.READY:
                size = (folder / SOUND).stat().st_size
                await self._storage.sync(folder / SOUND)
                await self._storage.put(tenant_id, name, folder / SOUND)
        return await self._settle(tenant_id, row, state, size=size, made=made)

    async def _settle(
        self,
        tenant_id: UUID,
        row: dict[str, Any],
        state: RecordingState,
        *,
        reason: str = "",
        size: int = 0,
        made: Result | None = None,
    ) -> bool:
        peaks = msgspec.json.encode(made.peaks if made else ()).decode()
        async with self._db.tenant(tenant_id) as session:
            settled = await session.fetchval(
                *(_SETTLE, row["id"], state, reason, ENDINGS[row["form"]], size),
                *(made.milliseconds if made else 0, peaks),
            )
        log.info("recording.settled", recording=str(row["id"]), state=state)
        return bool(settled)

    async def _failed(self, tenant_id: UUID, row: dict[str, Any], error: Exception) -> None:
        reason = _reason(error)
        log.warning("recording.not_made", recording=str(row["id"]), problem=reason)
        most = SLOW_ATTEMPTS if isinstance(error, TooSlow) else MOST_ATTEMPTS
        if row["attempts"] >= most:
            await self._settle(tenant_id, row, RecordingState.FAILED, reason=reason)
            return
        seconds = min(_RETRY_SECONDS * 4 ** (row["attempts"] - 1), _LONGEST_RETRY)
        await self._put_off(tenant_id, row, reason, seconds, counts=True)

    async def _put_off(
        self, tenant_id: UUID, row: dict[str, Any], reason: str, seconds: float, *, counts: bool
    ) -> None:
        """Try again later; ``counts`` says whether this was one of the attempts that it has."""
        attempts = row["attempts"] - (not counts)
        async with self._db.tenant(tenant_id) as session:
            await session.execute(_PUT_OFF, row["id"], reason, seconds, attempts)

    @asynccontextmanager
    async def _claimed(self, tenant_id: UUID, recording_id: UUID) -> AsyncIterator[None]:
        """Renew the claim during the block."""
        renewing = asyncio.create_task(self._renew(tenant_id, recording_id))
        try:
            yield
        finally:
            await end(renewing)

    async def _renew(self, tenant_id: UUID, recording_id: UUID) -> None:
        while True:
            await asyncio.sleep(self._claim / 3)
            with suppress(Unavailable, *DATABASE_AWAY):
                async with self._db.tenant(tenant_id) as session:
                    await session.execute(_RENEW, recording_id, self._claim)

    async def _tidy(self, tenant_id: UUID, call_id: UUID, source: str) -> None:
        """Step 4."""
        async with self._db.tenant(tenant_id) as session:
            needed = await session.fetchval(_NEEDED, call_id)
        if not needed:
            await self._captures.delete(source)

    async def count(self) -> None:
        """For the metrics."""
        found = await recordings_in_state(self._db)
        self.states = {RecordingState.WAITING: 0, RecordingState.FAILED: 0, **found}

    # --- what need not be kept --------------------------------------------------------------------

    async def expire(self) -> None:
        """Forget the recordings that are older than their companies want; then ``sweep``."""
        for tenant_id in await tenants_with_recordings(self._db):
            with told("recordings.not_expired", tenant=tenant_id):
                await self._expire(tenant_id)
        await self.sweep()

    async def _expire(self, tenant_id: UUID) -> None:
        expired = _EXPIRED_AT_ONCE
        while expired == _EXPIRED_AT_ONCE:
            async with self._db.tenant(tenant_id) as session:
                rows = await session.fetch(_EXPIRE, self._settings.days, _EXPIRED_AT_ONCE)
            expired = len(rows)

    async def sweep(self) -> None:
        """Delete the files that nothing refers to any more."""
        for tenant_id in await self._storage.tenants():
            with told("recordings.not_swept", tenant=tenant_id):
                await self._sweep_sound(tenant_id)
        await self._sweep_captures()

    async def _sweep_sound(self, tenant_id: UUID) -> None:
        """Of a company that the database does not know nothing is deleted: it may be the wrong one."""
        await self._storage.clear(tenant_id, _DAY)
        old = await self._storage.old(tenant_id, _YOUNG)
        async with self._db.tenant(tenant_id) as session:
            if not await session.fetchval("SELECT EXISTS (SELECT FROM contracts)"):
                return
            rows = await session.fetch(_WITH_SOUND)  # one moment: what waits may be ready in the next
        kept = {f"{row['id']}.{row['form']}" for row in rows if row["state"] == RecordingState.READY}
        begun = tuple(str(row["id"]) for row in rows if row["state"] == RecordingState.WAITING)
        for name in old - kept:
            if not name.startswith(begun):
                await self._storage.delete(tenant_id, name)

    async def _sweep_captures(self) -> None:
        found = await self._captures.all()
        old = [each for each in found if each.age > _YOUNG]
        states = await recorded_calls(self._db, {each.call_id for each in old})
        for each in old:
            now = states.get(each.call_id)
            # Without a row the call may go on, or its record may wait in the journal.
            needed = now is None or RecordingState.FAILED in now
            if RecordingState.WAITING in (now or ()):
                continue
            if not needed or each.age > self._settings.failed_days * _DAY:
                await asyncio.to_thread(each.path.unlink, missing_ok=True)


_WITH_SOUND = "SELECT id, form, state FROM recordings WHERE state IN ('ready', 'waiting')"
_EXPIRE = """
UPDATE recordings SET state = 'deleted', reason = 'retention', bytes = 0, peaks = '[]'
WHERE id IN (
    SELECT id FROM recordings
    WHERE state = 'ready' AND started_at < now() - make_interval(days => coalesce(
        nullif((SELECT coalesce(recording_days, $1) FROM contracts), 0), 1000000))
    LIMIT $2
) RETURNING id
"""
_EXPIRED_AT_ONCE = 1000


def _state(kind: RecordingKind, made: Result) -> RecordingState:
    """A message in which hardly anything is heard is none (PRC-03)."""
    if kind is RecordingKind.MESSAGE and made.sounding < _EMPTY_SECONDS:
        return RecordingState.EMPTY
    return RecordingState.READY


def _reason(error: Exception) -> str:
    return str(error) if isinstance(error, NotRendered) else type(error).__name__
