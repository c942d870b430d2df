"""The present moment on the board that other processes read: calls that go on, lines with a phone.

The SIP process keeps its present calls and lines here in memory and writes what changed of them to the
unlogged live tables, in every beat all calls in one transaction (``show_calls``, a function of the
schema) and each tenant's lines in one; registrations that are only renewed wait a little longer and
are written together. When the connection that listens
was lost, the server may have crashed and lost its unlogged tables, so the whole of it is written again.
A process that just started has no calls, so it begins by removing what is left of the one before.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID

import msgspec
import structlog
from msgspec import Struct

from core.contracts import CallFacts, Direction, Line
from tenants.crosstenant.calls import clear_board
from tenants.crosstenant.lines import renew_lines
from tenants.db import Database, Session
from tenants.failures import DATABASE_AWAY
from tenants.listener import LIVE, NOBODY, Listener
from tenants.tables import LiveCall, LiveCallState, LiveLine

__all__ = [
    "DatabaseLiveBoard",
    "PresentCall",
    "PresentLine",
    "live_calls",
    "live_lines",
    "talking_seconds",
]

log = structlog.get_logger(__name__)

BEAT_SECONDS = 0.2
RETRY_SECONDS = 2.0
RENEWAL_SECONDS = 2.0


class PresentCall(Struct, frozen=True):
    """A call that goes on now, with one of the employees it rings or talks with, if any."""

    call_id: UUID
    direction: Direction
    caller: str | None
    called: str
    state: LiveCallState
    started_at: datetime
    answered_at: datetime | None = None
    employee_id: UUID | None = None
    terminal_id: UUID | None = None
    queue: str | None = None
    queued_at: datetime | None = None
    priority: int = 0


class PresentLine(Struct, frozen=True):
    """A line that has a phone registered; ``source`` is its transport and address."""

    terminal_id: UUID
    registered_at: datetime
    expires_at: datetime
    user_agent: str
    source: str


async def talking_seconds(database: Database, tenant_id: UUID, since: datetime) -> dict[UUID, float]:
    """How long the conversations that go on have lasted after an instant, by employee."""
    async with database.tenant(tenant_id) as session:
        rows = await session.fetch(
            "SELECT employee_id, sum(extract(epoch FROM"
            " greatest(now() - greatest(answered_at, $1), interval '0')))::float8 AS seconds"
            f" FROM live_calls WHERE state = '{LiveCallState.TALKING}'"
            " AND employee_id IS NOT NULL AND answered_at IS NOT NULL GROUP BY employee_id",
            since,
        )
    return {row["employee_id"]: row["seconds"] for row in rows}


async def live_calls(database: Database, tenant_id: UUID) -> list[PresentCall]:
    """The tenant's present calls, oldest first; a call that rings several employees has several."""
    async with database.tenant(tenant_id):
        rows = await LiveCall.select().order_by(LiveCall.started_at, LiveCall.id)
    return msgspec.convert(rows, list[PresentCall])


async def live_lines(database: Database, tenant_id: UUID) -> list[PresentLine]:
    """The tenant's registered lines whose registration has not run out."""
    async with database.tenant(tenant_id):
        rows = await LiveLine.select().where(LiveLine.expires_at > datetime.now(UTC))
    return msgspec.convert(rows, list[PresentLine])


class _Queued(NamedTuple):
    """Where a caller waits, since when, and who goes before him."""

    at: float
    queue: str
    priority: int


class _Shown:
    """A call as the board shows it; rows are made of it only when they are written."""

    __slots__ = ("answered_at", "facts", "parties", "queued", "started_at", "state", "written")

    def __init__(self, facts: CallFacts, started_at: float) -> None:
        self.facts = facts
        self.started_at = started_at
        self.answered_at: float | None = None
        self.state = LiveCallState.STARTED
        self.parties: Mapping[UUID | None, UUID | None] = {}
        self.queued: _Queued | None = None
        self.written = False

    def rows(self) -> Iterator[PresentCall]:
        """One for each employee: who rings, talks or calls; one of nobody if there is none."""
        facts = self.facts
        parties = dict(self.parties)
        if facts.employee_id is not None:
            parties.setdefault(facts.employee_id, facts.terminal_id)
        for employee_id, terminal_id in (parties or {None: None}).items():
            yield PresentCall(
                call_id=facts.call_id,
                direction=facts.direction,
                caller=facts.caller,
                called=facts.called,
                state=self.state,
                started_at=_instant(self.started_at),
                answered_at=None if self.answered_at is None else _instant(self.answered_at),
                employee_id=employee_id,
                terminal_id=terminal_id,
                queue=self.queued.queue if self.queued else None,
                queued_at=_instant(self.queued.at) if self.queued else None,
                priority=self.queued.priority if self.queued else 0,
            )


class _Changes(Struct):
    """What ``show_calls`` is given for a tenant: of the dirty calls only these rows are present."""

    dirty: list[UUID]
    present: list[PresentCall]


class _Board:
    """One tenant's present lines, by terminal."""

    def __init__(self) -> None:
        self.lines: dict[UUID, PresentLine] = {}
        self.dirty: set[UUID] = set()

    def take_dirty(self) -> list[UUID]:
        """What must be written; it counts as written until it is put back."""
        lines = list(self.dirty)
        self.dirty.clear()
        return lines


class DatabaseLiveBoard:
    """Implements ``core.ports.LiveBoard``; one for each SIP process."""

    def __init__(self, database: Database, listener: Listener) -> None:
        self._database = database
        self._listener = listener
        self._calls: dict[UUID, _Shown] = {}
        self._dirty_calls: dict[UUID, UUID] = {}  # call → tenant
        self._boards: dict[UUID, _Board] = defaultdict(_Board)
        self._dirty: set[UUID] = set()  # tenants with lines to write
        self._changed = asyncio.Event()
        self._renewed: dict[UUID, datetime] = {}  # terminal → until when
        self._tasks: list[asyncio.Task[None]] = []
        self._cleaned = False

    def start(self) -> None:
        """Remove what an earlier process left, then write every change within a beat."""
        self._changed.set()
        self._tasks = [
            asyncio.create_task(self._beat(), name="live-board"),
            asyncio.create_task(self._rewrite_after_loss(), name="live-board-resync"),
            asyncio.create_task(self._renew(), name="live-board-renewals"),
        ]

    async def close(self) -> None:
        """Stop writing and take everything off the board, as far as the database allows."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        with contextlib.suppress(*DATABASE_AWAY):
            async with asyncio.timeout(RETRY_SECONDS):
                await clear_board(self._database)

    # --- what the calls say -----------------------------------------------------------------

    def call_started(self, facts: CallFacts, at: float) -> None:
        """A call appears among the present ones."""
        self._calls[facts.call_id] = _Shown(facts, at)
        self._touch_call(facts)

    def call_ringing(self, facts: CallFacts, at: float, employees: Iterable[UUID]) -> None:
        """The employees whose terminals ring now."""
        shown = self._shown(facts, at)
        shown.state = LiveCallState.RINGING
        shown.parties = dict.fromkeys(employees)
        self._touch_call(facts)

    def call_rang_out(self, facts: CallFacts) -> None:
        """Nobody rings any more, and nobody answered."""
        shown = self._calls.get(facts.call_id)
        if shown is not None:
            shown.state, shown.parties = LiveCallState.STARTED, {}
            self._touch_call(facts)

    def call_answered(
        self, facts: CallFacts, at: float, employee_id: UUID | None, terminal_id: UUID | None
    ) -> None:
        """«Сейчас разговаривают»."""
        shown = self._shown(facts, at)
        shown.state = LiveCallState.TALKING
        shown.answered_at = at
        shown.parties = {employee_id: terminal_id} if employee_id else {}
        self._touch_call(facts)

    def call_queued(self, facts: CallFacts, at: float, queue: str, priority: int) -> None:
        """The caller waits, and nobody rings."""
        shown = self._shown(facts, at)
        shown.state, shown.parties = LiveCallState.WAITING, {}
        shown.queued = _Queued(at, queue, priority)
        self._touch_call(facts)

    def call_left_queue(self, facts: CallFacts) -> None:
        """The caller waits no more: somebody answered, or it goes on otherwise."""
        shown = self._calls.get(facts.call_id)
        if shown is not None and shown.queued is not None:
            shown.queued = None
            if shown.state is not LiveCallState.TALKING:
                shown.state, shown.parties = LiveCallState.STARTED, {}
            self._touch_call(facts)

    def call_ended(self, facts: CallFacts) -> None:
        """The call leaves the board."""
        shown = self._calls.pop(facts.call_id, None)
        if shown is not None and shown.written:
            self._touch_call(facts)
        else:  # it was so short that nobody saw it
            self._dirty_calls.pop(facts.call_id, None)

    def line_registered(
        self, line: Line, at: float, expires_at: float, user_agent: str, source: str
    ) -> None:
        """A phone registered, or did so again; the first time counts as since when."""
        board = self._boards[line.tenant_id]
        before = board.lines.get(line.terminal_id)
        since = before.registered_at if before else _instant(at)
        until = _instant(expires_at)
        board.lines[line.terminal_id] = PresentLine(line.terminal_id, since, until, user_agent, source)
        if before and (before.user_agent, before.source) == (user_agent, source):
            self._renewed[line.terminal_id] = until
            return
        self._renewed.pop(line.terminal_id, None)
        board.dirty.add(line.terminal_id)
        self._touch(line.tenant_id)

    def line_unregistered(self, line: Line, at: float) -> None:
        """No phone is registered with the line any more."""
        board = self._boards[line.tenant_id]
        if board.lines.pop(line.terminal_id, None):
            board.dirty.add(line.terminal_id)
            self._touch(line.tenant_id)

    def _shown(self, facts: CallFacts, at: float) -> _Shown:
        shown = self._calls.get(facts.call_id)
        if shown is None:
            shown = self._calls[facts.call_id] = _Shown(facts, at)
        return shown

    def _touch_call(self, facts: CallFacts) -> None:
        self._dirty_calls[facts.call_id] = facts.tenant_id
        self._changed.set()

    def _touch(self, tenant_id: UUID) -> None:
        self._dirty.add(tenant_id)
        self._changed.set()

    # --- writing ----------------------------------------------------------------------------

    async def _beat(self) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            try:
                await self._write_all()
            except DATABASE_AWAY as error:
                log.warning("live_board_waits", error=type(error).__name__)
                self._changed.set()
                await asyncio.sleep(RETRY_SECONDS)
            await asyncio.sleep(BEAT_SECONDS)

    async def _renew(self) -> None:
        """Renewals are news for nobody: now and then those of all companies together."""
        while True:
            await asyncio.sleep(RENEWAL_SECONDS)
            renewed, self._renewed = self._renewed, {}
            try:
                if renewed:
                    await renew_lines(self._database, list(renewed), list(renewed.values()))
            except DATABASE_AWAY as error:
                log.warning("live_board_renewals_wait", error=type(error).__name__)
                self._renewed = {**renewed, **self._renewed}

    async def _write_all(self) -> None:
        if not self._cleaned:
            await clear_board(self._database)
            self._cleaned = True
        await self._write_calls()
        while self._dirty:
            await self._write_lines(self._dirty.pop())

    async def _write_calls(self) -> None:
        taken, self._dirty_calls = self._dirty_calls, {}
        if not taken:
            return
        changes: dict[UUID, _Changes] = {}
        for call_id, tenant_id in taken.items():
            change = changes.get(tenant_id)
            if change is None:
                change = changes[tenant_id] = _Changes([], [])
            change.dirty.append(call_id)
            shown = self._calls.get(call_id)
            if shown is not None:
                shown.written = True
                change.present += shown.rows()
        batches = {tenant: msgspec.json.encode(change).decode() for tenant, change in changes.items()}
        try:
            await self._database.each_tenant("show_calls", batches)
        except BaseException:
            self._dirty_calls = taken | self._dirty_calls
            raise

    async def _write_lines(self, tenant_id: UUID) -> None:
        board = self._boards[tenant_id]
        lines = board.take_dirty()
        try:
            async with self._database.tenant(tenant_id) as session:
                await _write_lines(session, board, lines)
        except BaseException:
            board.dirty.update(lines)
            self._dirty.add(tenant_id)
            raise
        if not (board.lines or tenant_id in self._dirty):
            del self._boards[tenant_id]

    async def _rewrite_after_loss(self) -> None:
        with self._listener.subscribe(LIVE, NOBODY) as subscription:
            while True:
                await subscription.take()
                self._rewrite()

    def _rewrite(self) -> None:
        self._dirty_calls |= {call_id: each.facts.tenant_id for call_id, each in self._calls.items()}
        for tenant_id, board in self._boards.items():
            board.dirty.update(board.lines)
            self._dirty.add(tenant_id)
        self._changed.set()


# Rows are updated where they exist: a registration that is only renewed shall notify nobody.
_PUT_LINES = """
INSERT INTO live_lines (tenant_id, terminal_id, registered_at, expires_at, user_agent, source)
SELECT $1, terminal_id, registered_at, expires_at, user_agent, source
FROM jsonb_populate_recordset(NULL::live_lines, $2::jsonb)
ON CONFLICT (terminal_id) DO UPDATE SET (registered_at, expires_at, user_agent, source) =
    (EXCLUDED.registered_at, EXCLUDED.expires_at, EXCLUDED.user_agent, EXCLUDED.source)
"""
_DROP_LINES = "DELETE FROM live_lines WHERE terminal_id = ANY($1)"


async def _write_lines(session: Session, board: _Board, dirty: Sequence[UUID]) -> None:
    present = [board.lines[terminal_id] for terminal_id in dirty if terminal_id in board.lines]
    gone = [terminal_id for terminal_id in dirty if terminal_id not in board.lines]
    if gone:
        await session.execute(_DROP_LINES, gone)
    if present:
        await session.execute(_PUT_LINES, session.tenant_id, msgspec.json.encode(present).decode())


def _instant(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)
