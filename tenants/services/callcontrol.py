"""What people do to calls that go on, from pages, API and CLI; the SIP process does it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog
from msgspec import Struct

from core.contracts import Direction
from core.errors import Conflict, FieldError, Forbidden, Invalid, NotFound, Unavailable
from core.ids import new_id
from tenants.callcommands import Answer, Connect, HangUp, PauseRecording, ask
from tenants.crosstenant.calls import present_calls
from tenants.db import Database
from tenants.failures import DATABASE_AWAY
from tenants.services import audit, phones, visibility
from tenants.services.actor import (
    Actor,
    operator,
    require_administrator,
    require_operator,
    require_scope,
)
from tenants.tables import LiveCallState

__all__ = [
    "ConnectCall",
    "MadeCall",
    "NothingRecorded",
    "PresentCallAnywhere",
    "SomeGoOn",
    "connect",
    "everywhere",
    "find",
    "hang_up",
    "hang_up_all",
    "pause_recording",
]

log = structlog.get_logger(__name__)

_AT_ONCE = 4
_SHORTEST = 4


class SomeGoOn(Unavailable):
    """{ended} calls were ended; {left} go on, as the telephone service did not answer for them."""

    code = "some_calls_go_on"


class NothingRecorded(Conflict):
    """Nothing of this call is recorded now that could be paused, or nothing is paused."""

    code = "nothing_recorded"


class PresentCallAnywhere(Struct, frozen=True):
    """A call of some company that goes on now. ``legs`` counts the parties that it has or rings;
    ``parties`` names those who are employees."""

    call_id: UUID
    tenant_id: UUID
    tenant: str
    direction: Direction
    caller: str | None
    called: str
    state: LiveCallState
    since: datetime
    legs: int
    parties: tuple[str, ...]


class ConnectCall(Struct, frozen=True):
    """Who wants to talk (without one whoever asks), and the extension or number that is dialled."""

    number: str
    employee_id: UUID | None = None


class MadeCall(Struct, frozen=True):
    """The id of the call, by which it is among the present ones and in the history."""

    call_id: UUID


async def hang_up(db: Database, actor: Actor, call_id: UUID) -> None:
    """End a call for both sides. An employee may end those that they are a party of.

    Raises NotFound for a call that is not there or not to be seen, Unavailable if nobody could do it.
    """
    tenant_id = require_scope(actor, "calls:write")
    await _require_present(db, actor, tenant_id, call_id)
    try:
        await ask(db, tenant_id, HangUp(call_id, who=actor.name or actor.role.value))
    except Exception:
        await _require_present(db, actor, tenant_id, call_id)  # it ended by itself meanwhile
        raise
    await _journal(db, actor, tenant_id, "call.hang_up", call_id)


async def pause_recording(db: Database, actor: Actor, call_id: UUID, paused: bool) -> None:
    """Leave out of the recording what is said from now on, or record again. An employee may in calls
    that they are a party of, if the company allows it.

    Raises NotFound as above, Forbidden, NothingRecorded, Unavailable.
    """
    tenant_id = require_scope(actor, "calls:write")
    await _require_present(db, actor, tenant_id, call_id)
    if not actor.is_administrator:
        async with db.tenant(tenant_id) as session:
            if not await session.fetchval("SELECT recording_pause FROM contracts"):
                raise Forbidden
    command = PauseRecording(call_id, paused, who=actor.name or actor.role.value)
    if await ask(db, tenant_id, command) is not Answer.DONE:
        raise NothingRecorded
    await _journal(db, actor, tenant_id, "call.pause_recording", call_id, paused=paused)


async def connect(db: Database, actor: Actor, command: ConnectCall) -> MadeCall:
    """Have an employee connected with a number (click-to-call): his telephones ring, and once he is
    there the number is dialled, with his caller ID and the limits of his own calls.

    An employee without rights over others calls for himself. Returns at once; how the call ended
    stands in the history. Raises Invalid by field, Forbidden, Unavailable.
    """
    tenant_id = require_scope(actor, "calls:write")
    employee_id = command.employee_id or actor.employee_id
    if employee_id is None:
        raise Invalid(employee_id=FieldError("Say who is to be called."))
    if employee_id != actor.employee_id:
        require_administrator(actor, "calls:write")
    try:
        number = phones.dialled(command.number)
    except FieldError as error:
        raise Invalid(number=error) from None
    async with db.tenant(tenant_id) as session:
        if not await session.fetchval("SELECT count(*) FROM employees WHERE id = $1", employee_id):
            raise Invalid(employee_id=FieldError("There is no such employee."))
    call_id = new_id()
    await ask(db, tenant_id, Connect(call_id, employee_id, number))
    await _journal(db, actor, tenant_id, "call.connect", call_id, employee_id=str(employee_id))
    return MadeCall(call_id)


async def _journal(
    db: Database, actor: Actor, tenant_id: UUID, action: str, call_id: UUID, **after: object
) -> None:
    """It is done: a database that is away by now makes it no failure."""
    try:
        async with db.tenant(tenant_id):
            await audit.record(actor, action, call_id, after=after or None)
    except DATABASE_AWAY as error:
        log.error("audit.not_written", action=action, call=str(call_id), error=type(error).__name__)


async def _require_present(db: Database, actor: Actor, tenant_id: UUID, call_id: UUID) -> None:
    visible = visibility.live_calls(actor, 2)
    async with db.tenant(tenant_id) as session:
        found = await session.fetchval(
            f"SELECT count(*) FROM live_calls AS c WHERE c.call_id = $1 AND {visible.sql}",
            call_id,
            *visible.args,
        )
    if not found:
        raise NotFound


# --- the operator's ---------------------------------------------------------------------------


async def everywhere(
    db: Database, actor: Actor, tenant_id: UUID | None = None
) -> list[PresentCallAnywhere]:
    """The calls of this moment of all companies, or of one; the oldest first."""
    require_operator(actor, "calls:read")
    by_call: dict[UUID, list[dict[str, Any]]] = {}
    for row in await present_calls(db, tenant_id):
        by_call.setdefault(row["call_id"], []).append(dict(row))
    return [_present(rows) for rows in by_call.values()]


async def find(
    db: Database, actor: Actor, text: str, tenant_id: UUID | None = None
) -> PresentCallAnywhere:
    """The present call whose id, or the last group of it, begins so. Raises NotFound, Conflict."""
    wanted = text.strip().lower()
    matching = [
        call
        for call in await everywhere(db, actor, tenant_id)
        if str(call.call_id).startswith(wanted) or str(call.call_id)[24:].startswith(wanted)
    ]
    if not matching or len(wanted) < _SHORTEST:
        raise NotFound("There is no call “{text}” now.", text=text)
    if len(matching) > 1:
        raise Conflict("Several calls begin so: give more of the id.")
    return matching[0]


async def hang_up_all(
    db: Database, actor: Actor, calls: Sequence[PresentCallAnywhere]
) -> list[PresentCallAnywhere]:
    """End these calls; returns those that were ended by it, not those that ended by themselves.

    All are tried. Raises SomeGoOn if the service of one did not answer.
    """
    require_operator(actor, "calls:write")
    gate = asyncio.Semaphore(_AT_ONCE)

    async def one(call: PresentCallAnywhere) -> bool | Unavailable:
        async with gate:
            try:
                await hang_up(db, operator(actor.name, call.tenant_id), call.call_id)
            except NotFound:
                return False
            except Unavailable as error:
                return error
            return True

    done = await asyncio.gather(*(one(call) for call in calls))
    if silent := [found for found in done if isinstance(found, Unavailable)]:
        if len(calls) == 1:
            raise silent[0]
        raise SomeGoOn(left=len(silent), ended=sum(found is True for found in done))
    return [call for call, ended in zip(calls, done, strict=True) if ended]


def _present(rows: list[dict[str, Any]]) -> PresentCallAnywhere:
    first = rows[0]
    state = LiveCallState(first["state"])
    caller = first["direction"] != Direction.INCOMING  # then one of the rows is who calls
    others = sum(row["employee_id"] is not None for row in rows) - caller
    rung = {LiveCallState.STARTED: 0, LiveCallState.RINGING: max(1, others), LiveCallState.TALKING: 1}
    return PresentCallAnywhere(
        call_id=first["call_id"],
        tenant_id=first["tenant_id"],
        tenant=first["tenant"],
        direction=Direction(first["direction"]),
        caller=first["caller"],
        called=first["called"],
        state=state,
        since=first["answered_at"] or first["started_at"],
        legs=1 + rung[state],
        parties=tuple(row["name"] for row in rows if row["name"]),
    )
