"""Reading the history of calls and the present ones, for pages and API (features.md HIS)."""

from __future__ import annotations

import base64
import binascii
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from msgspec import Struct

from core.contracts import CallFacts, CallStep, ContactKind, Direction, Outcome, StepCode
from core.errors import FieldError, Invalid, NotFound
from core.recordings import RecordingKind
from core.regions import SUBJECTS
from core.routing.zones import clock
from tenants import snapshot as snapshots
from tenants.db import Database, Session
from tenants.services import tagging, visibility
from tenants.services.actor import Actor, require_scope
from tenants.tables import LiveCallState, TagKind
from tenants.trace import Gettext, TraceLine, render

__all__ = [
    "CallCard",
    "CallClient",
    "CallPage",
    "CallQuery",
    "CallRow",
    "LiveCallState",
    "Party",
    "PresentCall",
    "card",
    "count",
    "day",
    "history",
    "present",
    "today",
]

PAGE = 50
LONGEST_PAGE = 200


class CallQuery(Struct, frozen=True):
    """A period [start, end) and what to show of it; ``cursor`` goes on after an earlier page.

    ``missed_by`` is an employee whose telephone rang and who did not talk, even if others did (HIS-13,
    HIS-14).
    """

    start: datetime
    end: datetime
    direction: Direction | None = None
    unanswered: bool = False
    missed_by: UUID | None = None
    cursor: str | None = None
    limit: int = PAGE


class Party(Struct, frozen=True):
    """An employee in a call."""

    id: UUID
    name: str


class CallClient(Struct, frozen=True):
    """The contact whom a call is with, and the personal manager."""

    id: UUID
    name: str
    kind: ContactKind
    manager: Party | None


class CallRow(Struct, frozen=True):
    """A call in the list. ``employee`` made or answered it; ``number_label`` is the company's number's;
    ``colleague`` is who was called, if that is one of the company's; ``recordings`` are the kinds of
    what can be heard of it, ``tags`` are the call's own, ``client`` is the contact with that number now
    (HIS-08).

    Instants are in UTC; ``wait_seconds`` until the answer (or the end), ``talk_seconds`` after it.
    """

    id: UUID
    direction: Direction
    caller: str | None
    caller_name: str
    called: str
    outcome: Outcome
    started_at: datetime
    answered_at: datetime | None
    ended_at: datetime
    wait_seconds: int
    talk_seconds: int
    employee: Party | None
    number_label: str
    colleague: Party | None = None
    recordings: tuple[RecordingKind, ...] = ()
    tags: tuple[UUID, ...] = ()
    client: CallClient | None = None


class CallPage(Struct, frozen=True):
    """Calls, latest first, and the cursor of the next page if there is one."""

    calls: tuple[CallRow, ...]
    next: str | None


class CallCard(Struct, frozen=True):
    """Everything about one call: its row, its log and the log in sentences (HIS-12); ``regions`` are
    where the caller's number is from, none if that is unknown."""

    call: CallRow
    steps: tuple[CallStep, ...]
    trace: tuple[TraceLine, ...]
    sip_status: int
    ended_by: str
    scenario_name: str | None
    regions: tuple[str, ...] = ()


class PresentCall(Struct, frozen=True):
    """A call that goes on now, with the employees it rings or talks with.

    An incoming one that only ``started`` hears a greeting, a menu or other media; one that has
    ``queued_at`` waits in a queue since then, also while phones ring for it.
    """

    call_id: UUID
    direction: Direction
    caller: str | None
    called: str
    state: LiveCallState
    started_at: datetime
    answered_at: datetime | None
    queued_at: datetime | None
    parties: tuple[Party, ...]


# --- the history ------------------------------------------------------------------------------


def day(now: datetime, timezone: str) -> CallQuery:
    """The current day in the viewer's zone, from midnight to midnight (HIS-02, H-17)."""
    zone = clock(timezone)
    local = now.astimezone(zone).date()
    start = datetime(local.year, local.month, local.day, tzinfo=zone)
    tomorrow = local + timedelta(days=1)  # not 24 hours: clocks may change tonight
    end = datetime(tomorrow.year, tomorrow.month, tomorrow.day, tzinfo=zone)
    return CallQuery(start.astimezone(UTC), end.astimezone(UTC))


async def today(db: Database, actor: Actor, timezone: str, now: datetime | None = None) -> CallPage:
    """What the page shows on opening: the current day, whatever was looked at before (HIS-02)."""
    return await history(db, actor, day(now or datetime.now(UTC), timezone))


async def history(db: Database, actor: Actor, query: CallQuery) -> CallPage:
    """Incoming, outgoing and internal calls of a period (HIS-01). Raises Invalid by field."""
    limit = min(max(query.limit, 1), LONGEST_PAGE)
    where, args = _conditions(actor, query)
    if query.cursor is not None:
        args.extend(_parse_cursor(query.cursor))
        where += f" AND (c.started_at, c.id) < (${len(args) - 1}, ${len(args)})"
    async with db.tenant(require_scope(actor, "calls:read")) as session:
        rows = await session.fetch(
            f"{_ROWS} WHERE {where} ORDER BY c.started_at DESC, c.id DESC LIMIT {limit + 1}", *args
        )
    page = rows[:limit]
    more = len(rows) > limit
    return CallPage(
        calls=tuple(_row(dict(row)) for row in page),
        next=_cursor(page[-1]["started_at"], page[-1]["id"]) if more else None,
    )


async def count(db: Database, actor: Actor, query: CallQuery) -> int:
    """How many calls the actor may see in the period."""
    where, args = _conditions(actor, query)
    async with db.tenant(require_scope(actor, "calls:read")) as session:
        return await session.fetchval(f"SELECT count(*) FROM calls AS c WHERE {where}", *args)


async def card(
    db: Database, actor: Actor, call_id: UUID, gettext: Gettext = str, zone: str | None = None
) -> CallCard:
    """One call with its log. Raises NotFound also for a call that is not the actor's to see.

    Hours in its sentences are by the clock of ``zone``, else by the company's.
    """
    visible = visibility.calls(actor, 2)
    async with db.tenant(require_scope(actor, "calls:read")) as session:
        row = await session.fetchrow(
            f"{_ROWS} WHERE c.id = $1 AND {visible.sql}", call_id, *visible.args
        )
        if row is None:
            raise NotFound
        steps = await _steps(session, actor, call_id)
        snapshot = await snapshots.find(session, row["snapshot_hash"])
    facts = msgspec.json.decode(row["facts"], type=CallFacts) if row["facts"] else None
    return CallCard(
        call=_row(dict(row)),
        steps=steps,
        trace=render(steps, snapshot, gettext, facts, zone),
        sip_status=row["sip_status"],
        ended_by=row["ended_by"],
        scenario_name=row["scenario_name"],
        regions=tuple(SUBJECTS[code].name for code in facts.regions if code in SUBJECTS)
        if facts
        else (),
    )


def _conditions(actor: Actor, query: CallQuery) -> tuple[str, list[Any]]:
    for name, instant in (("start", query.start), ("end", query.end)):
        if instant.tzinfo is None:
            raise Invalid(**{name: FieldError("Say in which time zone this is.")})
    args: list[Any] = [query.start, query.end]
    where = "c.started_at >= $1 AND c.started_at < $2"
    if query.direction is not None:
        args.append(query.direction.value)
        where += f" AND c.direction = ${len(args)}"
    if query.unanswered:
        where += f" AND c.outcome <> '{Outcome.ANSWERED}'"
    if query.missed_by is not None:
        args.append(query.missed_by)
        where += f" AND {_took_part(len(args), _RANG)} AND NOT {_took_part(len(args), _TALKED)}"
    visible = visibility.calls(actor, len(args) + 1)
    return f"{where} AND {visible.sql}", [*args, *visible.args]


_RANG = (StepCode.RINGING,)
_TALKED = (StepCode.ANSWERED, StepCode.CONSULTED, StepCode.JOINED, StepCode.PICKED_UP)


def _took_part(employee: int, how: tuple[StepCode, ...]) -> str:
    """A condition: the log of the call has such a step of the employee in this argument."""
    codes = ", ".join(f"'{code}'" for code in how)
    return (
        "EXISTS (SELECT FROM call_steps AS p WHERE p.tenant_id = c.tenant_id AND p.call_id = c.id"
        f" AND p.employee_id = ${employee} AND p.code IN ({codes}))"
    )


_ROWS = f"""
SELECT c.*, e.id AS employee_id, e.name AS employee_name,
       coalesce(n.label, '') AS number_label, s.name AS scenario_name,
       k.id AS colleague_id, k.name AS colleague_name,
       ARRAY(SELECT r.kind FROM recordings AS r WHERE r.tenant_id = c.tenant_id AND r.call_id = c.id
             AND r.state = 'ready' ORDER BY r.started_at) AS recorded,
       {tagging.of(TagKind.CALL, "c.id")} AS tags,
       o.id AS contact_id, o.name AS contact_name, o.kind AS contact_kind,
       m.id AS manager_id, m.name AS manager_name
FROM calls AS c
LEFT JOIN employees AS e ON e.tenant_id = c.tenant_id
    AND e.id = CASE c.direction
        WHEN 'incoming' THEN c.answered_employee_id ELSE c.caller_employee_id END
LEFT JOIN employees AS k ON k.tenant_id = c.tenant_id AND c.direction = 'internal'
    AND (k.id = c.answered_employee_id OR c.answered_employee_id IS NULL AND k.extension = c.called)
LEFT JOIN contact_numbers AS w ON w.tenant_id = c.tenant_id AND w.e164 = {visibility.CLIENT}
LEFT JOIN contacts AS o ON o.tenant_id = w.tenant_id AND o.id = w.contact_id
LEFT JOIN employees AS m ON m.tenant_id = o.tenant_id AND m.id = o.manager_id
LEFT JOIN numbers AS n ON n.tenant_id = c.tenant_id AND n.id = c.number_id
LEFT JOIN scenarios AS s ON s.tenant_id = c.tenant_id AND s.id = c.scenario_id
"""


def _row(row: dict[str, Any]) -> CallRow:
    waited_until = row["answered_at"] or row["ended_at"]
    talked = row["ended_at"] - row["answered_at"] if row["answered_at"] else timedelta()
    return CallRow(
        id=row["id"],
        direction=Direction(row["direction"]),
        caller=row["caller"],
        caller_name=row["caller_name"],
        called=row["called"],
        outcome=Outcome(row["outcome"]),
        started_at=row["started_at"],
        answered_at=row["answered_at"],
        ended_at=row["ended_at"],
        wait_seconds=round((waited_until - row["started_at"]).total_seconds()),
        talk_seconds=round(talked.total_seconds()),
        employee=Party(row["employee_id"], row["employee_name"]) if row["employee_id"] else None,
        number_label=row["number_label"],
        colleague=Party(row["colleague_id"], row["colleague_name"]) if row["colleague_id"] else None,
        recordings=tuple(map(RecordingKind, row["recorded"])),
        tags=tuple(row["tags"]),
        client=_client(row) if row["contact_id"] else None,
    )


def _client(row: dict[str, Any]) -> CallClient:
    return CallClient(
        id=row["contact_id"],
        name=row["contact_name"],
        kind=ContactKind(row["contact_kind"]),
        manager=Party(row["manager_id"], row["manager_name"]) if row["manager_id"] else None,
    )


async def _steps(session: Session, actor: Actor, call_id: UUID) -> tuple[CallStep, ...]:
    rows = await session.fetch("SELECT * FROM call_steps WHERE call_id = $1 ORDER BY seq", call_id)
    return tuple(
        CallStep(
            at=row["at"].timestamp(),
            code=StepCode(row["code"]),
            terminal_id=row["terminal_id"],
            employee_id=row["employee_id"],
            address=row["address"] if _may_see_address(actor, dict(row)) else None,
            data=msgspec.json.decode(row["data"]),
        )
        for row in rows
    )


def _may_see_address(actor: Actor, step: dict[str, Any]) -> bool:
    """Others' SIP logins are not shown to an employee (NAV-05), nor their telephone numbers."""
    return actor.is_administrator or step["employee_id"] in (None, actor.employee_id)


def _cursor(started_at: datetime, call_id: UUID) -> str:
    raw = f"{started_at.isoformat()}|{call_id.hex}".encode()
    return base64.urlsafe_b64encode(raw).decode()


def _parse_cursor(cursor: str) -> tuple[datetime, UUID]:
    try:
        text = base64.urlsafe_b64decode(cursor).decode("ascii")
        instant, _, key = text.partition("|")
        started_at = datetime.fromisoformat(instant)
        if started_at.tzinfo is None:
            raise ValueError(instant)
        return started_at.astimezone(UTC), UUID(key)
    except (binascii.Error, ValueError, OverflowError):  # the last: an instant that UTC does not have
        raise Invalid(cursor=FieldError("This page does not exist.")) from None


# --- now --------------------------------------------------------------------------------------


async def present(db: Database, actor: Actor) -> list[PresentCall]:
    """The calls that go on now («сейчас разговаривают»), oldest first, as far as they are visible."""
    visible = visibility.live_calls(actor, 1)
    async with db.tenant(require_scope(actor, "calls:read")) as session:
        rows = await session.fetch(
            "SELECT c.*, e.name FROM live_calls AS c"
            " LEFT JOIN employees AS e ON e.tenant_id = c.tenant_id AND e.id = c.employee_id"
            f" WHERE {visible.sql} ORDER BY c.started_at, c.call_id, e.position",
            *visible.args,
        )
    by_call: dict[UUID, list[dict[str, Any]]] = {}
    for row in rows:
        by_call.setdefault(row["call_id"], []).append(dict(row))
    return [_present(parties) for parties in by_call.values()]


def _present(rows: list[dict[str, Any]]) -> PresentCall:
    first = rows[0]
    return PresentCall(
        call_id=first["call_id"],
        direction=Direction(first["direction"]),
        caller=first["caller"],
        called=first["called"],
        state=LiveCallState(first["state"]),
        started_at=first["started_at"],
        answered_at=first["answered_at"],
        queued_at=first["queued_at"],
        parties=tuple(
            Party(r["employee_id"], r["name"]) for r in rows if r["employee_id"] and r["name"]
        ),
    )
