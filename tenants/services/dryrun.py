"""«Проверить звонок»: what would become of a call, by the functions that route calls.

Without a moment it is asked about now, with the lines that have a phone, the conversations and the talk
time of this moment; about another moment every line counts as registered and free. Modes are those of
now. Anybody's state can be said otherwise. For administrators: the answer tells of tags and of
colleagues' hours.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Annotated, Protocol
from uuid import UUID

import msgspec
from msgspec import Meta, Struct
from msgspec.structs import replace

from core import routing
from core.contracts import (
    AvailabilityMode,
    CallFacts,
    Contact,
    Direction,
    Employee,
    Live,
    Snapshot,
    TerminalKind,
)
from core.errors import FieldError, Invalid
from core.numbers import normalize
from core.routing.zones import clock, day
from tenants.crosstenant.talktime import talk_times
from tenants.db import Database
from tenants.explain import Explanation, explain
from tenants.live import talking_seconds
from tenants.services.actor import Actor, require_administrator
from tenants.services.contracts import step_names
from tenants.services.decisions import present
from tenants.tables import LiveCallState
from tenants.words import Gettext

__all__ = ["DryRun", "EmployeeState", "dry_run", "moment", "states"]

_MOST_STATES = 10_000
_FIRST, _AFTER = datetime(1970, 1, 2, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
_NOBODY = UUID(int=0)


class Callers(Protocol):
    """What is known of callers: ``core.ports.TenantDirectory``, or what a command reads for itself."""

    def regions(self, number: str | None) -> tuple[int, ...]:
        """From which federal subjects a number is."""
        ...

    def contact(self, tenant_id: UUID, number: str | None) -> Contact | None:
        """What the company has saved of a number."""
        ...


class EmployeeState(Struct, frozen=True, forbid_unknown_fields=True):
    """What is to be supposed of an employee: mode, whether the lines have a phone, whether all lines
    are taken, seconds of talk today. What is left out is as it is."""

    mode: AvailabilityMode | None = None
    registered: bool | None = None
    busy: bool | None = None
    talked: Annotated[int, Meta(ge=0, le=86_400)] | None = None


class DryRun(Struct, frozen=True):
    """A call to try: ``called`` is a number of the company, ``caller`` is null if it is hidden.

    ``at`` is ISO 8601, by the company's clock unless it has an offset; without it now. ``live`` has
    employees by id or extension. ``tags`` are supposed to be the caller's, in place of the contact's.
    ``keys`` are what the caller presses, from the first voice menu on.
    """

    called: str
    caller: str | None = None
    at: str | None = None
    live: dict[str, EmployeeState] = {}
    tags: tuple[UUID, ...] | None = None
    keys: Annotated[str, Meta(pattern="^[0-9*#]*$", max_length=60)] = ""


async def dry_run(
    db: Database,
    actor: Actor,
    command: DryRun,
    callers: Callers,
    gettext: Gettext = str,
    zone: str | None = None,
) -> Explanation:
    """The whole decision with its reasons. Raises Invalid by field."""
    tenant_id = require_administrator(actor, "scenarios:read")
    snapshot, modes = await present(db, tenant_id)
    supposed = _by_employee(snapshot, command.live)
    facts = _facts(snapshot, command, callers)
    at = None if command.at is None else moment(command.at, snapshot.timezone)
    live = await _present(db, snapshot) if at is None else _quiet(snapshot)
    live = _supposed(snapshot, replace(live, modes=modes), supposed)
    instant = float(int(time.time())) if at is None else at
    path = routing.dry_run(
        routing.compile(snapshot), facts, live, instant, 0, step_names(), command.keys
    )
    return explain(path, snapshot, facts, instant, gettext, zone)


def moment(text: str, timezone: str) -> float:
    """An instant as people write it: ISO 8601, by the clock of ``timezone`` unless it has an offset.

    Raises Invalid for what is none, and for an hour that the clock skips; of one that comes twice the
    first is meant.
    """
    try:
        said = datetime.fromisoformat(text.strip())
        at = said if said.tzinfo else said.replace(tzinfo=clock(timezone))
        if not _FIRST <= at < _AFTER:
            raise ValueError(text)
    except (ValueError, OverflowError):
        raise Invalid(at=FieldError("This is not a moment, like 2026-12-31T18:00.")) from None
    if said.tzinfo is None and at.astimezone(UTC).astimezone(at.tzinfo).replace(tzinfo=None) != said:
        raise Invalid(at=FieldError("The clock is put forward then, so this hour does not exist."))
    return at.timestamp()


def states(text: str) -> dict[str, EmployeeState]:
    """What ``DryRun.live`` says, from its JSON. Raises Invalid."""
    try:
        return msgspec.json.decode(text, type=dict[str, EmployeeState])
    except msgspec.MsgspecError as error:
        raise Invalid(live=FieldError("This is not understood: {why}.", why=str(error))) from None


# --- the call ---------------------------------------------------------------------------------


def _facts(snapshot: Snapshot, command: DryRun, callers: Callers) -> CallFacts:
    called = normalize(command.called)
    number = next((number for number in snapshot.numbers if number.e164 == called), None)
    if number is None:
        raise Invalid(called=FieldError("The company does not have this number."))
    caller = None
    if command.caller is not None:
        caller = normalize(command.caller)
        if caller is None:
            raise Invalid(caller=FieldError("This is not a telephone number."))
    contact = callers.contact(snapshot.tenant_id, caller)
    tags = contact.tags if contact else frozenset()
    if command.tags is not None:
        tags = frozenset(command.tags)
        if not tags <= {tag.id for tag in snapshot.tags}:
            raise Invalid(tags=FieldError("The company does not have this tag."))
    return CallFacts(
        call_id=_NOBODY,
        tenant_id=snapshot.tenant_id,
        direction=Direction.INCOMING,
        caller=caller,
        called=number.e164,
        number_id=number.id,
        tags=tags,
        regions=callers.regions(caller),
        contact_kind=contact.kind if contact else None,
        manager_id=contact.manager_id if contact else None,
    )


# --- the moment -------------------------------------------------------------------------------


def _quiet(snapshot: Snapshot) -> Live:
    """Every line has a phone, and nobody talks or has talked."""
    return Live(frozenset(terminal.id for terminal in snapshot.terminals))


async def _present(db: Database, snapshot: Snapshot) -> Live:
    """As the board shows it, and how long everybody has talked today."""
    async with db.tenant(snapshot.tenant_id) as session:
        lines = await session.fetch("SELECT terminal_id FROM live_lines WHERE expires_at > now()")
        calls = await session.fetch(
            "SELECT terminal_id, count(*) AS calls FROM live_calls"
            f" WHERE state = '{LiveCallState.TALKING}' AND terminal_id IS NOT NULL"
            " GROUP BY terminal_id"
        )
    return Live(
        frozenset(row["terminal_id"] for row in lines),
        {row["terminal_id"]: row["calls"] for row in calls},
        await _talked(db, snapshot),
    )


async def _talked(db: Database, snapshot: Snapshot) -> dict[UUID, int]:
    """Seconds of today's conversations, also of those that go on, by the company's clock (H-10)."""
    start, _ = day(snapshot.timezone, time.time())
    since = datetime.fromtimestamp(start, UTC)
    talked = await talking_seconds(db, snapshot.tenant_id, since)
    for _, who, seconds in await talk_times(db, {snapshot.tenant_id: since}):
        talked[who] = talked.get(who, 0.0) + seconds
    return {who: round(seconds) for who, seconds in talked.items()}


# --- what is supposed -------------------------------------------------------------------------


def _by_employee(
    snapshot: Snapshot, live: Mapping[str, EmployeeState]
) -> dict[UUID, tuple[Employee, EmployeeState]]:
    if len(live) > _MOST_STATES:
        raise Invalid(live=FieldError("These are too many employees."))
    known = {employee.extension: employee for employee in snapshot.employees if employee.extension}
    known |= {str(employee.id): employee for employee in snapshot.employees}
    found: dict[UUID, tuple[Employee, EmployeeState]] = {}
    for name, state in live.items():
        employee = known.get(name.strip().lower())
        if employee is None:
            raise Invalid(live=FieldError("No employee has this id or extension: {name}.", name=name))
        found[employee.id] = employee, state
    return found


def _supposed(
    snapshot: Snapshot, live: Live, supposed: Mapping[UUID, tuple[Employee, EmployeeState]]
) -> Live:
    registered, calls = set(live.registered), dict(live.calls)
    talked, modes = dict(live.talked), dict(live.modes)
    channels = {terminal.id: terminal.channels for terminal in snapshot.terminals}
    for employee, state in supposed.values():
        if state.registered is not None:
            lines = set(_lines(snapshot, employee))
            registered = registered | lines if state.registered else registered - lines
        if state.busy is not None:
            calls |= {key: channels.get(key, 1) * state.busy for key in employee.terminals}
        if state.talked is not None:
            talked[employee.id] = state.talked
        if state.mode is not None:
            modes[employee.id] = state.mode
    return Live(frozenset(registered), calls, talked, modes)


def _lines(snapshot: Snapshot, employee: Employee) -> Iterator[UUID]:
    for terminal in snapshot.terminals:
        if terminal.employee_id == employee.id and terminal.kind is not TerminalKind.EXTERNAL:
            yield terminal.id
