"""Where the records of calls go: the database, or the journal while that is away.

A record travels as one JSON text (``core.contracts.Cdr``), to the database as to the journal. The
database makes of it the row of the call, its steps and the ``CallEnded`` row of the outbox
(``store_calls``, a function of the schema); it does nothing if the call is there already, so a record
may be replayed as often as one likes.

Records that come while others are written wait for the next batch, so that many calls cost one
transaction; one that comes alone is written at once.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

import asyncpg
import msgspec
import structlog

from core.background import end
from core.contracts import Cdr
from core.ids import new_id
from core.metrics import RECORD_SECONDS
from tenants.db import Database
from tenants.journal import Journal, Rejected

__all__ = ["JOURNAL_FOLDER", "DatabaseCallStore"]

log = structlog.get_logger(__name__)

JOURNAL_FOLDER = "journal"

SAVE_SECONDS = 5.0
"""How long a record waits for the database before it is journalled."""

BATCH_SECONDS = 0.1
"""The least time between two batches."""

AWAY_SECONDS = 1.0
"""How long records go straight to the journal after the database failed one."""

RETRY_SECONDS, LONGEST_RETRY_SECONDS = 0.5, 10.0
STRANDED = 10_000

_REFUSED = (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError)
"""The database can never take such a record."""


class _Owner(msgspec.Struct):
    """What must be known of a journalled record to store it."""

    call_id: UUID
    tenant_id: UUID


class _Waiting(NamedTuple):
    """A record on its way, and the future of all who wait for it."""

    tenant_id: UUID
    record: bytes
    done: asyncio.Future[None]
    since: float


class DatabaseCallStore:
    """Implements ``core.ports.CallStore``."""

    def __init__(self, database: Database, folder: Path) -> None:
        """``folder`` is the data folder; the journal is below it."""
        self._database = database
        self._journal = Journal(folder / JOURNAL_FOLDER)
        self._away_until = 0.0
        self._wake = asyncio.Event()
        self._replayer: asyncio.Task[None] | None = None
        self._waiting: dict[UUID, _Waiting] = {}
        self._writing: dict[UUID, _Waiting] = {}
        self._writer: asyncio.Task[None] | None = None
        self._closing = False
        # Only filled when database and disk both fail: the last that can be done is to keep trying.
        self._stranded: deque[bytes] = deque(maxlen=STRANDED)

    def start(self) -> None:
        """Replay what an earlier process left, and whatever is journalled from now on."""
        self._wake.set()
        self._replayer = asyncio.create_task(self._replay_always(), name="journal-replay")

    async def close(self) -> None:
        """Finish the records under way; what is journalled stays for the next start."""
        self._closing = True
        while unsaved := [each.done for each in (*self._writing.values(), *self._waiting.values())]:
            await asyncio.wait(unsaved)
        await end(self._replayer)
        await self._journal.close()

    @property
    def pending(self) -> bool:
        """Whether records wait for the database."""
        return bool(self._stranded) or self._journal.pending()

    @property
    def waiting(self) -> int:
        """Records on their way to the database or the journal."""
        return len(self._waiting) + len(self._writing)

    def journalled(self) -> int:
        """Bytes of records that wait in the journal until the database is back."""
        return self._journal.size()

    async def save(self, cdr: Cdr) -> None:
        """Store the record, in the journal if need be. Never raises; outlives its caller."""
        waiting = self._waiting.get(cdr.call_id)
        if waiting is None:
            done = asyncio.get_running_loop().create_future()
            waiting = _Waiting(cdr.tenant_id, encode(cdr), done, time.monotonic())
            self._waiting[cdr.call_id] = waiting
            if self._writer is None:
                self._writer = asyncio.create_task(self._write_batches(), name="call-records")
        await asyncio.shield(waiting.done)

    # --- batches ----------------------------------------------------------------------------

    async def _write_batches(self) -> None:
        while self._waiting:
            self._writing, self._waiting = self._waiting, {}
            try:
                await self._write(self._writing)
            except Exception:  # whatever it is, the records that come next must be written
                log.exception("call_batch_failed")
            now = time.monotonic()
            for each in self._writing.values():
                RECORD_SECONDS.observe(now - each.since)
                if not each.done.done():
                    each.done.set_result(None)
            self._writing = {}
            if not self._closing:
                await asyncio.sleep(BATCH_SECONDS)
        self._writer = None

    async def _write(self, batch: Mapping[UUID, _Waiting]) -> None:
        rest: Mapping[UUID, _Waiting] = batch
        if time.monotonic() >= self._away_until:
            rest = await self._refused(batch)
        if rest:
            await asyncio.gather(*(self._keep(each.record) for each in rest.values()))
            self._wake.set()

    async def _refused(self, batch: Mapping[UUID, _Waiting]) -> Mapping[UUID, _Waiting]:
        """Store them; what could not be. One that the database refuses must not take others along."""
        error = await self._try([(each.tenant_id, each.record) for each in batch.values()])
        if error is None:
            return {}
        if isinstance(error, _REFUSED) and len(batch) > 1:
            found = [await self._refused({call_id: each}) for call_id, each in batch.items()]
            return {call_id: each for some in found for call_id, each in some.items()}
        log.warning("call_journalled", calls=len(batch), error=type(error).__name__)
        if not isinstance(error, _REFUSED):
            self._away_until = time.monotonic() + AWAY_SECONDS
        return batch

    async def _keep(self, record: bytes) -> None:
        try:
            await self._journal.append(record)
        except OSError as error:
            log.critical("call_stranded", error=str(error))
            self._stranded.append(record)

    async def _try(self, records: Sequence[tuple[UUID, bytes]]) -> BaseException | None:
        """Store them, or say what is wrong; a hanging server is not waited for, not even to cancel."""
        attempt = asyncio.create_task(self._store(records))
        attempt.add_done_callback(_retrieve)
        await asyncio.wait({attempt}, timeout=SAVE_SECONDS)
        if not attempt.done():
            attempt.cancel()
            return TimeoutError()
        return attempt.exception()

    async def _store(self, records: Iterable[tuple[UUID, bytes]]) -> None:
        """All in one transaction. Each gets the id that its event has in the outbox."""
        batches: dict[UUID, list[bytes]] = {}
        for tenant_id, record in records:
            entry = b'{"event_id":"%b","cdr":%b}' % (str(new_id()).encode(), record)
            batches.setdefault(tenant_id, []).append(entry)
        joined = {tenant: f"[{b','.join(entries).decode()}]" for tenant, entries in batches.items()}
        await self._database.each_tenant("store_calls", joined)

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
            await self._store([(owner.tenant_id, record)])
        except (msgspec.MsgspecError, *_REFUSED) as error:
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
