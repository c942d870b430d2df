"""Where the records of calls go: the database, or the journal while that is away.

A record travels as one JSON text (``core.contracts.Cdr``), to the database as to the journal. One
statement makes of it the row of the call, its steps and the ``CallEnded`` row of the outbox; it does
nothing if the call is there already, so a record may be replayed as often as one likes.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import msgspec
import structlog

from core.contracts import Cdr
from core.ids import new_id
from tenants.db import Database
from tenants.journal import Journal, Rejected
from tenants.listener import CALLS, LIVE

__all__ = ["JOURNAL_FOLDER", "DatabaseCallStore"]

log = structlog.get_logger(__name__)

JOURNAL_FOLDER = "journal"

SAVE_SECONDS = 5.0
"""How long a record waits for the database before it is journalled."""

AWAY_SECONDS = 1.0
"""How long records go straight to the journal after the database failed one."""

RETRY_SECONDS, LONGEST_RETRY_SECONDS = 0.5, 10.0
STRANDED = 10_000

_UUIDS = "number_id trunk_id scenario_id caller_employee_id answered_employee_id answered_terminal_id"
_TEXTS = "direction caller caller_name called outcome ended_by snapshot_hash"
_TIMES = "started_at ringing_at answered_at ended_at"
_NUMBERS = {"sip_status": "int", "seed": "bigint"}
_TYPES = (
    {"call_id": "uuid", "tenant_id": "uuid"}
    | dict.fromkeys(_UUIDS.split(), "uuid")
    | dict.fromkeys(_TEXTS.split(), "text")
    | dict.fromkeys(_TIMES.split(), "float8")
    | _NUMBERS
    | {"facts": "jsonb", "live": "jsonb"}
)
_FIELDS = ", ".join(f"{name} {kind}" for name, kind in _TYPES.items())
_COLUMNS = {
    {"call_id": "id"}.get(name, name): f"to_timestamp(r.{name})" if kind == "float8" else f"r.{name}"
    for name, kind in _TYPES.items()
} | {"ended_at": "to_timestamp(greatest(r.started_at, r.ended_at))"}  # clocks may be set back

STORE = f"""
WITH record AS (SELECT $1::jsonb AS cdr),
r AS (
    SELECT c.* FROM record, jsonb_to_record(cdr) AS c({_FIELDS})
),
call AS (
    INSERT INTO calls ({", ".join(_COLUMNS)})
    SELECT {", ".join(_COLUMNS.values())} FROM r
    ON CONFLICT (id) DO NOTHING
    RETURNING id, tenant_id
),
steps AS (
    INSERT INTO call_steps (tenant_id, call_id, seq, at, code, terminal_id, employee_id, address, data)
    SELECT call.tenant_id, call.id, s.seq, to_timestamp((s.step ->> 'at')::float8),
           s.step ->> 'code', (s.step ->> 'terminal_id')::uuid, (s.step ->> 'employee_id')::uuid,
           s.step ->> 'address', coalesce(s.step -> 'data', '{{}}')
    FROM call, record, jsonb_array_elements(cdr -> 'steps') WITH ORDINALITY AS s(step, seq)
)
INSERT INTO outbox (id, tenant_id, type, body, created_at)
SELECT $2, call.tenant_id, 'CallEnded',
       jsonb_build_object('type', 'CallEnded', 'id', $2::uuid, 'tenant_id', call.tenant_id,
                          'at', cdr -> 'ended_at', 'cdr', cdr),
       now()
FROM call, record
RETURNING pg_notify('{LIVE}', json_build_object('tenant_id', tenant_id, 'kind', '{CALLS}')::text)
"""


class _Owner(msgspec.Struct):
    """What must be known of a journalled record to store it."""

    call_id: UUID
    tenant_id: UUID


class DatabaseCallStore:
    """Implements ``core.ports.CallStore``."""

    def __init__(self, database: Database, folder: Path) -> None:
        """``folder`` is the data folder; the journal is below it."""
        self._database = database
        self._journal = Journal(folder / JOURNAL_FOLDER)
        self._away_until = 0.0
        self._wake = asyncio.Event()
        self._replayer: asyncio.Task[None] | None = None
        self._saving: set[asyncio.Task[None]] = set()
        # Only filled when database and disk both fail: the last that can be done is to keep trying.
        self._stranded: deque[bytes] = deque(maxlen=STRANDED)

    def start(self) -> None:
        """Replay what an earlier process left, and whatever is journalled from now on."""
        self._wake.set()
        self._replayer = asyncio.create_task(self._replay_always(), name="journal-replay")

    async def close(self) -> None:
        """Finish the records under way; what is journalled stays for the next start."""
        if self._saving:
            await asyncio.wait(self._saving)
        if self._replayer is not None:
            self._replayer.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._replayer
        await self._journal.close()

    @property
    def pending(self) -> bool:
        """Whether records wait for the database."""
        return bool(self._stranded) or self._journal.pending()

    async def save(self, cdr: Cdr) -> None:
        """Store the record, in the journal if need be. Never raises; outlives its caller."""
        saving = asyncio.create_task(self._save(cdr.call_id, cdr.tenant_id, encode(cdr)))
        self._saving.add(saving)
        saving.add_done_callback(self._saving.discard)
        await asyncio.shield(saving)

    async def _save(self, call_id: UUID, tenant_id: UUID, record: bytes) -> None:
        if time.monotonic() >= self._away_until:
            error = await self._try(tenant_id, record)
            if error is None:
                return
            log.warning("call_journalled", call_id=str(call_id), error=error)
            self._away_until = time.monotonic() + AWAY_SECONDS
        try:
            await self._journal.append(record)
        except OSError as error:
            log.critical("call_stranded", call_id=str(call_id), error=str(error))
            self._stranded.append(record)
        self._wake.set()

    async def _try(self, tenant_id: UUID, record: bytes) -> str | None:
        """Store it, or say what is wrong; a server that hangs is not waited for, not even to cancel."""
        attempt = asyncio.create_task(self._store(tenant_id, record))
        attempt.add_done_callback(_retrieve)
        await asyncio.wait({attempt}, timeout=SAVE_SECONDS)
        if not attempt.done():
            attempt.cancel()
            return "TimeoutError"
        error = attempt.exception()
        return type(error).__name__ if error else None

    async def _store(self, tenant_id: UUID, record: bytes) -> None:
        async with self._database.tenant(tenant_id) as session:
            await session.execute(STORE, record.decode(), new_id())

    # --- replay -----------------------------------------------------------------------------

    async def _replay_always(self) -> None:
        delay = RETRY_SECONDS
        while True:
            await self._wake.wait()
            self._wake.clear()
            try:
                await self.replay()
                delay = RETRY_SECONDS
            except Exception as error:  # the disk or the database; neither may end the replaying
                log.info("journal_replay_waits", error=type(error).__name__, seconds=delay)
                self._wake.set()
                await asyncio.sleep(delay)
                delay = min(delay * 2, LONGEST_RETRY_SECONDS)

    async def replay(self) -> int:
        """Store everything that waits; returns how much. Raises Unavailable with the rest kept."""
        while self._stranded:
            try:
                await self._apply(self._stranded[0])
            except Rejected as error:
                log.critical("stranded_call_lost", error=str(error))
            self._stranded.popleft()
        count = await self._journal.replay(self._apply)
        if count:
            log.info("journal_replayed", records=count)
        return count

    async def _apply(self, record: bytes) -> None:
        try:
            owner = msgspec.json.decode(record, type=_Owner)
            await self._store(owner.tenant_id, record)
        except (
            msgspec.MsgspecError,
            asyncpg.DataError,
            asyncpg.IntegrityConstraintViolationError,
        ) as error:
            raise Rejected(type(error).__name__) from error  # its text may quote the record


def _retrieve(attempt: asyncio.Task[None]) -> None:
    if not attempt.cancelled():
        attempt.exception()


def encode(cdr: Cdr) -> bytes:
    """The record as JSON that PostgreSQL takes: callers' names may hold anything a network sends."""
    try:
        record = msgspec.json.encode(cdr)
    except UnicodeEncodeError:
        record = b""
    if not record or b"\\u0000" in record:
        return msgspec.json.encode(_clean(msgspec.to_builtins(cdr)))
    return record


def _clean(value: Any) -> Any:
    """The same without NUL characters and lone surrogates, neither of which JSONB can hold."""
    if isinstance(value, str):
        return value.replace("\0", "").encode(errors="replace").decode()
    if isinstance(value, dict):
        return {_clean(name): _clean(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(item) for item in value]
    return value
