"""The present moment on the board that other processes read: calls that go on, lines with a phone.

The SIP process keeps its present calls and lines here in memory and writes what changed of them to the
unlogged live tables, one short transaction for each tenant and beat; registrations that are only
renewed wait a little longer and are written together. When the connection that listens
was lost, the server may have crashed and lost its unlogged tables, so the whole of it is written again.
A process that just started has no calls, so it begins by removing what is left of the one before.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from uuid import UUID

import msgspec
import structlog
from msgspec import Struct

from core.contracts import CallFacts, Direction, Line
from tenants.crosstenant import clear_board, renew_lines
from tenants.db import Database, Session
from tenants.failures import DATABASE_AWAY
from tenants.listener import LIVE, NOBODY, Listener
from tenants.tables import LiveCall, LiveCallState, LiveLine

__all__ = ["DatabaseLiveBoard", "PresentCall", "PresentLine", "live_calls", "live_lines"]

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


class PresentLine(Struct, frozen=True):
    """A line that has a phone registered; ``source`` is its transport and address."""

    terminal_id: UUID
    registered_at: datetime
    expires_at: datetime
    user_agent: str
    source: str


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


class _Board:
    """One tenant's present calls (by call, one entry for each party) and lines (by terminal)."""

    def __init__(self) -> None:
        self.calls: dict[UUID, tuple[PresentCall, ...]] = {}
        self.lines: dict[UUID, PresentLine] = {}
        self.dirty_calls: set[UUID] = set()
        self.dirty_lines: set[UUID] = set()

    def take_dirty(self) -> tuple[list[UUID], list[UUID]]:
        """What must be written; it counts as written until ``put_back``."""
        calls, lines = list(self.dirty_calls), list(self.dirty_lines)
        self.dirty_calls.clear()
        self.dirty_lines.clear()
        return calls, lines

    def put_back(self, calls: Iterable[UUID], lines: Iterable[UUID]) -> None:
        """These must be written (again), also if they are gone by now."""
        self.dirty_calls.update(calls)
        self.dirty_lines.update(lines)


class DatabaseLiveBoard:
    """Implements ``core.ports.LiveBoard``; one for each SIP process."""

    def __init__(self, database: Database, listener: Listener) -> None:
        self._database = database
        self._listener = listener
        self._boards: dict[UUID, _Board] = defaultdict(_Board)
        self._dirty: set[UUID] = set()
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
        self._put_call(facts, LiveCallState.STARTED, _instant(at), None, ())

    def call_ringing(self, facts: CallFacts, at: float, employees: Iterable[UUID]) -> None:
        """The employees whose terminals ring now."""
        parties = [(employee_id, None) for employee_id in employees]
        self._put_call(facts, LiveCallState.RINGING, self._started(facts, at), None, parties)

    def call_answered(
        self, facts: CallFacts, at: float, employee_id: UUID | None, terminal_id: UUID | None
    ) -> None:
        """«Сейчас разговаривают»."""
        parties = [(employee_id, terminal_id)] if employee_id else ()
        started = self._started(facts, at)
        self._put_call(facts, LiveCallState.TALKING, started, _instant(at), parties)

    def call_ended(self, facts: CallFacts) -> None:
        """The call leaves the board."""
        board = self._boards[facts.tenant_id]
        if board.calls.pop(facts.call_id, None):
            board.dirty_calls.add(facts.call_id)
            self._touch(facts.tenant_id)

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
        board.dirty_lines.add(line.terminal_id)
        self._touch(line.tenant_id)

    def line_unregistered(self, line: Line, at: float) -> None:
        """No phone is registered with the line any more."""
        board = self._boards[line.tenant_id]
        if board.lines.pop(line.terminal_id, None):
            board.dirty_lines.add(line.terminal_id)
            self._touch(line.tenant_id)

    def _started(self, facts: CallFacts, at: float) -> datetime:
        known = self._boards[facts.tenant_id].calls.get(facts.call_id)
        return known[0].started_at if known else _instant(at)

    def _put_call(
        self,
        facts: CallFacts,
        state: LiveCallState,
        started_at: datetime,
        answered_at: datetime | None,
        parties: Sequence[tuple[UUID | None, UUID | None]],
    ) -> None:
        """The employee who calls is a party too; a call without any employee has one entry."""
        everybody = dict(parties)
        if facts.employee_id is not None:
            everybody.setdefault(facts.employee_id, facts.terminal_id)
        board = self._boards[facts.tenant_id]
        board.calls[facts.call_id] = tuple(
            PresentCall(
                call_id=facts.call_id,
                direction=facts.direction,
                caller=facts.caller,
                called=facts.called,
                state=state,
                started_at=started_at,
                answered_at=answered_at,
                employee_id=employee_id,
                terminal_id=terminal_id,
            )
            for employee_id, terminal_id in (everybody or {None: None}).items()
        )
        board.dirty_calls.add(facts.call_id)
        self._touch(facts.tenant_id)

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
        while self._dirty:
            await self._write(self._dirty.pop())

    async def _write(self, tenant_id: UUID) -> None:
        board = self._boards[tenant_id]
        calls, lines = board.take_dirty()
        try:
            async with self._database.tenant(tenant_id) as session:
                if calls:
                    await _write_calls(session, board, calls)
                if lines:
                    await _write_lines(session, board, lines)
        except BaseException:
            board.put_back(calls, lines)
            self._dirty.add(tenant_id)
            raise
        if not (board.calls or board.lines or tenant_id in self._dirty):
            del self._boards[tenant_id]

    async def _rewrite_after_loss(self) -> None:
        with self._listener.subscribe(LIVE, NOBODY) as subscription:
            while True:
                await subscription.take()
                self._rewrite()

    def _rewrite(self) -> None:
        for tenant_id, board in self._boards.items():
            board.put_back(board.calls, board.lines)
            self._dirty.add(tenant_id)
        self._changed.set()


# Rows are updated where they exist: a registration that is only renewed shall notify nobody.
_PUT_CALLS = """
INSERT INTO live_calls (tenant_id, call_id, direction, caller, called, state, started_at, answered_at,
                        employee_id, terminal_id)
SELECT $1, call_id, direction, caller, called, state, started_at, answered_at, employee_id, terminal_id
FROM jsonb_populate_recordset(NULL::live_calls, $2::jsonb)
ON CONFLICT (call_id, employee_id) DO UPDATE
SET (state, answered_at, terminal_id) = (EXCLUDED.state, EXCLUDED.answered_at, EXCLUDED.terminal_id)
"""
_DROP_CALLS = """
DELETE FROM live_calls l WHERE call_id = ANY($1) AND NOT EXISTS (
    SELECT FROM jsonb_populate_recordset(NULL::live_calls, $2::jsonb) present
    WHERE present.call_id = l.call_id AND present.employee_id IS NOT DISTINCT FROM l.employee_id)
"""
_PUT_LINES = """
INSERT INTO live_lines (tenant_id, terminal_id, registered_at, expires_at, user_agent, source)
SELECT $1, terminal_id, registered_at, expires_at, user_agent, source
FROM jsonb_populate_recordset(NULL::live_lines, $2::jsonb)
ON CONFLICT (terminal_id) DO UPDATE SET (registered_at, expires_at, user_agent, source) =
    (EXCLUDED.registered_at, EXCLUDED.expires_at, EXCLUDED.user_agent, EXCLUDED.source)
"""
_DROP_LINES = "DELETE FROM live_lines WHERE terminal_id = ANY($1)"


async def _write_calls(session: Session, board: _Board, dirty: Sequence[UUID]) -> None:
    parties = [party for call_id in dirty for party in board.calls.get(call_id, ())]
    present = msgspec.json.encode(parties).decode()
    await session.execute(_DROP_CALLS, dirty, present)
    if parties:
        await session.execute(_PUT_CALLS, session.tenant_id, present)


async def _write_lines(session: Session, board: _Board, dirty: Sequence[UUID]) -> None:
    present = [board.lines[terminal_id] for terminal_id in dirty if terminal_id in board.lines]
    gone = [terminal_id for terminal_id in dirty if terminal_id not in board.lines]
    if gone:
        await session.execute(_DROP_LINES, gone)
    if present:
        await session.execute(_PUT_LINES, session.tenant_id, msgspec.json.encode(present).decode())


def _instant(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)
