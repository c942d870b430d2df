"""What somebody wants of a call that goes on: a row with an answer, from any process to the SIP one.

``ask`` writes the row and waits; a notice wakes the executor of each SIP process, and the one that has
the call does what is wanted and writes the answer in the same transaction. Whoever asked takes the row
away: with its answer, or without one when the time is over, and then nobody can execute it any more.
So what was reported as failed never happens later, and nothing is done twice: who asked goes on
asking while the database is away, and an executor whose answer was not written remembers it.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from enum import StrEnum
from typing import Protocol
from uuid import UUID

import msgspec
import structlog
from msgspec import Struct

from core.background import end
from core.errors import Unavailable
from core.ids import new_id
from tenants.crosstenant.calls import tenants_with_commands
from tenants.db import Database, Session
from tenants.failures import DATABASE_AWAY
from tenants.listener import COMMANDS, Listener

__all__ = [
    "Answer",
    "Calls",
    "Command",
    "CommandExecutor",
    "Connect",
    "HangUp",
    "PauseRecording",
    "ask",
]

log = structlog.get_logger(__name__)

ANSWER_SECONDS = 10.0
_GLANCE, _LONGEST_GLANCE = 0.02, 0.2
_RETRY_SECONDS = 1.0
_REMEMBERED = 1000  # answers that may not have been written


class HangUp(Struct, frozen=True, tag="hang_up"):
    """End the call; ``who`` wants it, for the record."""

    call_id: UUID
    who: str = ""


class PauseRecording(Struct, frozen=True, tag="pause_recording"):
    """Pause what is recorded of the call, or go on with it; ``who`` wants it, for the record."""

    call_id: UUID
    paused: bool
    who: str = ""


class Connect(Struct, frozen=True, tag="connect"):
    """Connect an employee with an extension or a number, his telephones first, in a call of this id."""

    call_id: UUID
    employee_id: UUID
    number: str


Command = HangUp | PauseRecording | Connect


class Answer(StrEnum):
    """What became of a command."""

    DONE = "done"
    NOTHING = "nothing"  # there was nothing to be done


class Calls(Protocol):
    """The calls of a process, as far as commands reach."""

    def hang_up(self, tenant_id: UUID, call_id: UUID, who: str) -> bool:
        """End a call; whether this company has it here."""
        ...

    def pause_recording(self, tenant_id: UUID, call_id: UUID, paused: bool, who: str) -> bool | None:
        """Pause or go on; whether that changed anything, ``None`` if the call is not here."""
        ...

    def call_for(self, tenant_id: UUID, call_id: UUID, employee_id: UUID, number: str) -> bool:
        """Begin a call; whether calls are made here now."""
        ...


async def ask(
    database: Database, tenant_id: UUID, command: Command, seconds: float = ANSWER_SECONDS
) -> Answer:
    """Have it done, within so many seconds. Not to be called inside a session, which would hide the
    row. Raises Unavailable if no process has the call or answers; nothing will be done then."""
    command_id = new_id()
    async with database.tenant(tenant_id) as session:
        await session.execute(
            "INSERT INTO call_commands (id, tenant_id, body, expires_at)"
            " VALUES ($1, $2, $3::jsonb, now() + make_interval(secs => $4))",
            command_id,
            tenant_id,
            msgspec.json.encode(command).decode(),
            seconds,
        )
    loop = asyncio.get_running_loop()
    deadline, glance = loop.time() + seconds, _GLANCE
    while loop.time() < deadline:
        await asyncio.sleep(glance)
        glance = min(glance * 1.5, _LONGEST_GLANCE)
        with suppress(*DATABASE_AWAY):  # the answer may be there all the same
            answer = await _take(database, tenant_id, command_id, answered=True)
            if answer is not None:
                return answer
    answer = await _take(database, tenant_id, command_id, answered=False)
    if answer is None:
        raise Unavailable("The telephone service does not answer.")
    return answer


async def _take(
    database: Database, tenant_id: UUID, command_id: UUID, *, answered: bool
) -> Answer | None:
    """Take the row away, only once it is ``answered`` or at any rate; the answer it had."""
    condition = " AND answered_at IS NOT NULL" if answered else ""
    async with database.tenant(tenant_id) as session:
        text = await session.fetchval(
            f"DELETE FROM call_commands WHERE id = $1{condition} RETURNING answer", command_id
        )
    return None if text is None else Answer(text)


class CommandExecutor:
    """One for each SIP process."""

    def __init__(self, database: Database, listener: Listener, calls: Calls) -> None:
        self._database = database
        self._listener = listener
        self._calls = calls
        self._task: asyncio.Task[None] | None = None
        self._answers: dict[UUID, Answer] = {}

    def start(self) -> None:
        """Execute commands from now on."""
        self._task = asyncio.create_task(self._run(), name="call-commands")

    async def close(self) -> None:
        """Leave what comes to others."""
        await end(self._task)

    async def _run(self) -> None:
        with self._listener.subscribe(COMMANDS) as subscription:
            while True:
                for notice in await subscription.take():
                    try:
                        await self._obey(notice.tenant_id)
                    except DATABASE_AWAY as error:  # a resync follows, and who asked gives up
                        log.warning("call_commands_wait", error=type(error).__name__)
                        await asyncio.sleep(_RETRY_SECONDS)

    async def _obey(self, tenant_id: UUID | None) -> None:
        """What one company wants; after a lost connection, what any does."""
        everybody = await tenants_with_commands(self._database) if tenant_id is None else [tenant_id]
        for each in everybody:
            async with self._database.tenant(each) as session:
                # Waits for whoever looks at a row now: that process may not be the one with the call.
                rows = await session.fetch(
                    "SELECT id, body FROM call_commands"
                    " WHERE answered_at IS NULL AND expires_at > now()"
                    " ORDER BY created_at FOR UPDATE"
                )
                for row in rows:
                    await self._execute(session, each, row["id"], row["body"])

    async def _execute(self, session: Session, tenant_id: UUID, command_id: UUID, body: str) -> None:
        """Do it if the call is here; else another process has it, or nobody any more."""
        try:
            command = msgspec.json.decode(body, type=Command)
        except msgspec.MsgspecError:
            log.warning("call_command_unknown", tenant=str(tenant_id))
            return
        answer = self._answers.pop(command_id, None) or self._carry_out(tenant_id, command)
        if answer is not None:
            self._remember(command_id, answer)
            log.info("call_command_done", call=str(command.call_id), tenant=str(tenant_id))
            await session.execute(
                "UPDATE call_commands SET answer = $2, answered_at = now() WHERE id = $1",
                command_id,
                answer,
            )

    def _remember(self, command_id: UUID, answer: Answer) -> None:
        """The transaction may yet fail, and the command come again."""
        self._answers[command_id] = answer
        if len(self._answers) > _REMEMBERED:
            del self._answers[next(iter(self._answers))]

    def _carry_out(self, tenant_id: UUID, command: Command) -> Answer | None:
        """What became of it; ``None`` if the call is not here."""
        if isinstance(command, HangUp):
            here = self._calls.hang_up(tenant_id, command.call_id, command.who)
            return Answer.DONE if here else None
        if isinstance(command, Connect):
            begun = self._calls.call_for(
                tenant_id, command.call_id, command.employee_id, command.number
            )
            return Answer.DONE if begun else None
        done = self._calls.pause_recording(tenant_id, command.call_id, command.paused, command.who)
        return None if done is None else Answer.DONE if done else Answer.NOTHING
