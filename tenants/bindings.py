"""The phones of lines, kept over a restart of the SIP process.

The registrar goes by its memory; what changed there is written behind its back, the changes of all
companies in one statement, never a query for a REGISTER. A process that starts puts back what is still
good: by UDP a phone is reached at the address that it registered from, also by the next process. A
connection ends with the process that had it, so what was registered on one is not kept.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from uuid import UUID

import msgspec
import structlog
from msgspec import Struct

from core.contracts import Line
from core.sip.binding import Contact
from tenants.crosstenant import Row, lines
from tenants.db import Database
from tenants.failures import DATABASE_AWAY

__all__ = ["DatabaseBindings"]

log = structlog.get_logger(__name__)

BEAT_SECONDS = 0.5
RETRY_SECONDS = 2.0
_BATCH = 2000


class _Row(Struct):
    """A row of ``line_bindings``."""

    tenant_id: UUID
    terminal_id: UUID
    login: str
    account: str
    contacts: Sequence[Contact]
    expires_at: datetime


class DatabaseBindings:
    """Implements ``core.sip.registrar.BindingStore``; one for each SIP process."""

    def __init__(self, database: Database, secret: bytes) -> None:
        """``secret`` seals what is noted of a line's password in order to see that it changed."""
        self._database = database
        self._secret = secret
        # By terminal; None if it is to be forgotten.
        self._waiting: dict[UUID, tuple[Line, Sequence[Contact]] | None] = {}
        self._accounts: dict[UUID, tuple[Line, str]] = {}
        self._stored: list[Row] = []
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def keep(self, line: Line, contacts: Sequence[Contact]) -> None:
        """To be written with the next beat; only the last word about a line counts."""
        self._waiting[line.terminal_id] = line, contacts
        self._changed.set()

    async def load(self) -> None:
        """Read what an earlier process kept."""
        self._stored = await lines.bindings(self._database)

    def restored(self, line: Callable[[str], Line | None]) -> Iterator[tuple[Line, list[Contact]]]:
        """What was read, of lines that ``line`` still knows with the same password; once."""
        stored, self._stored = self._stored, []
        for row in stored:
            known = line(row["login"])
            if known is None or self._account(known) != row["account"]:
                self._waiting[row["terminal_id"]] = None
                continue
            try:
                yield known, msgspec.json.decode(row["contacts"], type=list[Contact])
            except msgspec.MsgspecError as error:  # of another release: the phone will register again
                log.warning("bindings_unreadable", login=known.login, error=str(error))

    def start(self) -> None:
        """Write every change within a beat."""
        self._changed.set()
        self._task = asyncio.create_task(self._beat(), name="bindings")

    async def close(self) -> None:
        """Write what waits, as far as the database allows, and stop."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        with contextlib.suppress(*DATABASE_AWAY):
            async with asyncio.timeout(RETRY_SECONDS):
                await self._write_all()

    async def _beat(self) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            try:
                await self._write_all()
            except DATABASE_AWAY as error:
                log.warning("bindings_wait", error=type(error).__name__)
                self._changed.set()
                await asyncio.sleep(RETRY_SECONDS)
            await asyncio.sleep(BEAT_SECONDS)

    async def _write_all(self) -> None:
        while self._waiting:
            batch = dict(list(self._waiting.items())[:_BATCH])
            for terminal_id in batch:
                del self._waiting[terminal_id]
            try:
                await self._write(batch)
            except BaseException:
                self._waiting = {**batch, **self._waiting}  # what came meanwhile is newer
                raise

    async def _write(self, batch: dict[UUID, tuple[Line, Sequence[Contact]] | None]) -> None:
        rows = [self._row(*kept) for kept in batch.values() if kept is not None]
        rows = [row for row in rows if row.contacts]
        gone = list(batch.keys() - {row.terminal_id for row in rows})
        for terminal_id in gone:
            self._accounts.pop(terminal_id, None)
        await lines.write_bindings(self._database, msgspec.json.encode(rows).decode(), gone)

    def _row(self, line: Line, contacts: Sequence[Contact]) -> _Row:
        lasting = [contact for contact in contacts if _lasts(contact)]
        until = max([contact.expires_at for contact in lasting], default=0.0)
        return _Row(
            tenant_id=line.tenant_id,
            terminal_id=line.terminal_id,
            login=line.login,
            account=self._account(line),
            contacts=lasting,
            expires_at=datetime.fromtimestamp(until, UTC),
        )

    def _account(self, line: Line) -> str:
        """A word that another terminal or another password has not; it says nothing about either.

        Remembered as long as the line is the same object: phones refresh more often than lines change.
        """
        known = self._accounts.get(line.terminal_id)
        if known is not None and known[0] is line:
            return known[1]
        text = f"{line.tenant_id}:{line.terminal_id}:{sorted(line.ha1.items())}".encode()
        account = hashlib.blake2b(text, key=self._secret, digest_size=16).hexdigest()
        self._accounts[line.terminal_id] = line, account
        return account


def _lasts(contact: Contact) -> bool:
    """Whether the next process could reach it, and the database holds what its phone wrote."""
    return not contact.flow.reliable and "".join((contact.call_id, *contact.path)).isprintable()
