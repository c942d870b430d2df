"""Reading across tenants: one of the few places that open sessions of the directory role.

Each function answers one question that cannot be asked within a tenant; whoever needs another such
answer adds a function here rather than a session elsewhere.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import Any
from uuid import UUID

from msgspec import Struct

from core.call.talktime import TURNING, turns
from core.contracts import StepCode
from tenants.db import Database, Session

__all__ = [
    "Account",
    "Configuration",
    "Row",
    "account",
    "bindings",
    "clear_board",
    "configuration_versions",
    "configurations",
    "contact_versions",
    "events_to_do",
    "forget_events",
    "has_numbering_plan",
    "kept_snapshots",
    "known_contacts",
    "note_trunk_states",
    "number_routes",
    "operator_session",
    "operator_token",
    "present_calls",
    "present_modes",
    "purge_commands",
    "purge_sessions",
    "recorded_calls",
    "recordings_due",
    "recordings_failed",
    "recordings_in_state",
    "renew_lines",
    "talk_times",
    "tenant_of_call",
    "tenant_of_session",
    "tenant_of_token",
    "tenants_with_commands",
    "tenants_with_former_snapshots",
    "tenants_with_pending_lines",
    "tenants_with_plugin",
    "tenants_with_recordings",
    "trunks",
    "write_bindings",
]

Row = Mapping[str, Any]


@asynccontextmanager
async def operator_session(database: Database) -> AsyncIterator[Session]:
    """The operator at work: reads everything, writes the global tables.

    ``database.tenant(tenant_id)`` inside it steps into one tenant and writes that tenant's rows, all
    in one transaction.
    """
    async with database.directory() as session:
        yield session


# --- who comes in -------------------------------------------------------------------------------


class Account(Struct, frozen=True):
    """What a login must know of a user before it knows the tenant."""

    tenant_id: UUID
    user_id: UUID
    password_hash: str | None
    may_sign_in: bool


async def account(database: Database, email: str) -> Account | None:
    """The user with this e-mail (lower case); may sign in if both user and company are active."""
    async with database.directory() as session:
        row = await session.fetchrow(
            "SELECT u.tenant_id, u.id AS user_id, u.password_hash,"
            " u.status = 'active' AND t.status = 'active' AS may_sign_in"
            " FROM users u JOIN tenants t ON t.id = u.tenant_id WHERE u.email = $1",
            email,
        )
    return Account(**row) if row else None


async def tenant_of_session(database: Database, token_hash: str) -> UUID | None:
    """Whose cabinet a browser's session is in."""
    async with database.directory() as session:
        return await session.fetchval(
            "SELECT tenant_id FROM login_sessions WHERE token_hash = $1", token_hash
        )


async def tenant_of_token(database: Database, token_hash: str) -> UUID | None:
    """Whose API a program's token opens; whether it still does, the tenant's own rows say."""
    async with database.directory() as session:
        return await session.fetchval(
            "SELECT tenant_id FROM api_tokens WHERE token_hash = $1", token_hash
        )


async def operator_token(database: Database, token_hash: str) -> Row | None:
    """The operator's token with this hash, if it is neither revoked nor expired."""
    async with database.directory() as session:
        return await session.fetchrow(
            "SELECT id, name, scopes FROM operator_tokens WHERE token_hash = $1"
            " AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())",
            token_hash,
        )


async def purge_sessions(database: Database) -> None:
    """Forget browsers' sessions that have expired."""
    async with database.directory() as session:
        await session.execute("DELETE FROM login_sessions WHERE expires_at < now()")


async def tenants_with_plugin(database: Database, plugin: str) -> list[UUID]:
    """Active companies whose contract has the plugin."""
    async with database.directory() as session:
        rows = await session.fetch(
            "SELECT t.id FROM tenants t JOIN contracts c ON c.tenant_id = t.id"
            " WHERE t.status = 'active' AND $1 = ANY (c.plugins) ORDER BY t.id",
            plugin,
        )
    return [row["id"] for row in rows]


async def tenants_with_pending_lines(database: Database) -> list[UUID]:
    """Companies with SIP lines that wait for their activation (INV-05)."""
    async with database.directory() as session:
        rows = await session.fetch("SELECT DISTINCT tenant_id FROM terminals WHERE state = 'pending'")
    return [row["tenant_id"] for row in rows]


# --- the directory ------------------------------------------------------------------------------

_TABLES = {
    "employees": "ORDER BY position, id",
    "terminals": "ORDER BY position, id",
    "groups": "ORDER BY position, id",
    "group_members": "ORDER BY position, id",
    "numbers": "ORDER BY position, id",
    "schedules": "ORDER BY id",
    "calendars": "ORDER BY id",
    "tags": "ORDER BY id",
    "media": "ORDER BY id",
    "menus": "ORDER BY id",
    "extension_lists": "ORDER BY id",
}
_SCENARIOS = """
SELECT s.tenant_id, s.id, s.name, s.enabled, s.version, v.body
FROM scenarios s
JOIN scenario_versions v ON v.tenant_id = s.tenant_id AND v.scenario_id = s.id AND v.version = s.version
WHERE s.tenant_id = ANY($1) ORDER BY s.id
"""
_TENANTS = """
SELECT t.id, t.name, t.status, t.timezone, t.config_version,
    coalesce(m.version, 0) AS modes_version, c.plugins, c.recording,
    c.recording_pause, c.announcement, c.off_hours_media, c.default_manager, c.missed_manager,
    c.channels, c.outgoing_calls, c.outgoing_tasks, c.language,
    c.feature_codes
FROM tenants t LEFT JOIN contracts c ON c.tenant_id = t.id
    LEFT JOIN mode_versions m ON m.tenant_id = t.id
WHERE t.id = ANY($1) ORDER BY t.id
"""


class Configuration(Struct):
    """A tenant's row (with its contract's ``plugins``) and its rows by the names of their tables."""

    tenant: Row
    rows: dict[str, list[Row]]


async def configuration_versions(database: Database) -> dict[UUID, tuple[int, int]]:
    """The version of every tenant's routing configuration, and that of the employees' modes."""
    async with database.directory() as session:
        rows = await session.fetch(
            "SELECT t.id, t.config_version, coalesce(m.version, 0) AS modes_version FROM tenants t"
            " LEFT JOIN mode_versions m ON m.tenant_id = t.id"
        )
    return {row["id"]: (row["config_version"], row["modes_version"]) for row in rows}


async def configurations(database: Database, tenant_ids: Collection[UUID]) -> list[Configuration]:
    """The routing configuration of some tenants, all of one instant; who is gone is left out."""
    async with database.directory() as session:
        await session.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        found = {
            row["id"]: Configuration(row, {name: [] for name in (*_TABLES, "scenarios")})
            for row in await session.fetch(_TENANTS, tenant_ids)
        }
        queries = {
            name: f"SELECT * FROM {name} WHERE tenant_id = ANY($1) {order}"
            for name, order in _TABLES.items()
        }
        for name, query in {**queries, "scenarios": _SCENARIOS}.items():
            for row in await session.fetch(query, tenant_ids):
                found[row["tenant_id"]].rows[name].append(row)
    return list(found.values())


async def present_modes(
    database: Database, tenant_ids: Collection[UUID]
) -> tuple[dict[UUID, int], list[Row]]:
    """The version of these tenants' modes, and rows of ``tenant_id``, ``id`` and ``mode`` of the
    employees who are not on schedule."""
    async with database.directory() as session:
        await session.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        versions = await session.fetch(
            "SELECT tenant_id, version FROM mode_versions WHERE tenant_id = ANY($1)", tenant_ids
        )
        rows = await session.fetch(
            "SELECT tenant_id, id, mode FROM employees"
            " WHERE tenant_id = ANY($1) AND mode <> 'schedule'",
            tenant_ids,
        )
    return {row["tenant_id"]: row["version"] for row in versions}, rows


async def contact_versions(database: Database) -> dict[UUID, int]:
    """The version of the contacts of every tenant that has some."""
    async with database.directory() as session:
        rows = await session.fetch("SELECT tenant_id, version FROM contact_versions")
    return {row["tenant_id"]: row["version"] for row in rows}


_KNOWN = """
WITH tagged AS (
    SELECT contact_id, array_agg(tag_id ORDER BY tag_id) AS tags FROM contact_tags
    WHERE tenant_id = ANY($1) GROUP BY contact_id
), known AS (
    SELECT n.tenant_id, right(n.e164, -1)::bigint AS number, c.kind, c.manager_id, t.tags
    FROM contact_numbers n JOIN contacts c ON c.id = n.contact_id
    LEFT JOIN tagged t ON t.contact_id = c.id
    WHERE n.tenant_id = ANY($1)
        AND (c.kind <> 'unsaved' OR c.manager_id IS NOT NULL OR t.tags IS NOT NULL)
)
SELECT tenant_id, kind, manager_id, tags, array_agg(number) AS numbers
FROM known GROUP BY tenant_id, kind, manager_id, tags
"""


async def known_contacts(
    database: Database, tenant_ids: Collection[UUID]
) -> tuple[dict[UUID, int], list[Row]]:
    """The version of these tenants' contacts, and rows of what a call must know of them: ``tenant_id``,
    ``kind``, ``manager_id``, ``tags``, and the ``numbers`` of all to whom that applies, as integers.

    Whoever merely called once, and has neither tag nor manager, is not among them.
    """
    async with database.directory() as session:
        await session.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        versions = await session.fetch(
            "SELECT tenant_id, version FROM contact_versions WHERE tenant_id = ANY($1)", tenant_ids
        )
        rows = await session.fetch(_KNOWN, tenant_ids)
    return {row["tenant_id"]: row["version"] for row in versions}, rows


async def trunks(database: Database) -> list[Row]:
    """All carriers in use, the oldest first."""
    async with database.directory() as session:
        return await session.fetch("SELECT * FROM trunks WHERE enabled ORDER BY id")


async def number_routes(database: Database) -> list[Row]:
    """``e164`` and ``trunk_id`` of the further carriers of numbers, in the order to try them."""
    async with database.directory() as session:
        return await session.fetch(
            "SELECT s.e164, r.trunk_id FROM number_routes r JOIN number_stock s ON s.id = r.stock_id"
            " ORDER BY s.e164, r.position, r.id"
        )


async def numbering_plan(database: Database, known: UUID | None) -> Row | None:
    """``id``, ``edges`` and ``subjects`` of the plan in force, unless it is the one known."""
    async with database.directory() as session:
        rows = await session.fetch(
            "SELECT id, edges, subjects FROM numbering_plans"
            " WHERE id = (SELECT id FROM numbering_plans ORDER BY created_at DESC, id DESC LIMIT 1)"
            " AND id IS DISTINCT FROM $1",
            known,
        )
    return rows[0] if rows else None


async def has_numbering_plan(database: Database) -> bool:
    """Whether one was ever imported."""
    async with database.directory() as session:
        return bool(await session.fetchval("SELECT EXISTS (SELECT FROM numbering_plans)"))


async def note_trunk_states(database: Database, states: Sequence[Sequence[Any]]) -> None:
    """Replace how all carriers are: rows of id, up, registered, calls, problem."""
    ids, ups, registered, calls, problems = (list(column) for column in zip(*states, strict=True))
    async with database.directory() as session:
        await session.execute("DELETE FROM live_trunks WHERE id <> ALL($1)", ids)
        await session.execute(
            "INSERT INTO live_trunks (id, up, registered, calls, problem, seen_at)"
            " SELECT *, now() FROM unnest($1::uuid[], $2::bool[], $3::bool[], $4::int[], $5::text[])"
            " ON CONFLICT (id) DO UPDATE SET (up, registered, calls, problem, seen_at) ="
            " (excluded.up, excluded.registered, excluded.calls, excluded.problem, excluded.seen_at)",
            ids,
            ups,
            registered,
            calls,
            problems,
        )


async def clear_board(database: Database) -> None:
    """Empty the live tables: the process whose present they showed has gone."""
    async with database.directory() as session:
        await session.execute("DELETE FROM live_calls")
        await session.execute("DELETE FROM live_lines")


async def present_calls(database: Database, tenant_id: UUID | None) -> list[Row]:
    """The calls of this moment, of one company or of all, the oldest first.

    A row for each call and employee in it, with the names of both.
    """
    async with database.directory() as session:
        return await session.fetch(
            "SELECT c.*, t.name AS tenant, e.name"
            " FROM live_calls c JOIN tenants t ON t.id = c.tenant_id"
            " LEFT JOIN employees e ON e.tenant_id = c.tenant_id AND e.id = c.employee_id"
            " WHERE $1::uuid IS NULL OR c.tenant_id = $1"
            " ORDER BY c.started_at, c.call_id, e.position",
            tenant_id,
        )


async def tenant_of_call(database: Database, call_id: UUID) -> UUID | None:
    """Whose call it was, for the operator."""
    async with database.directory() as session:
        return await session.fetchval("SELECT tenant_id FROM calls WHERE id = $1", call_id)


async def tenants_with_commands(database: Database) -> list[UUID]:
    """Companies that want something of a call and have no answer yet."""
    async with database.directory() as session:
        rows = await session.fetch(
            "SELECT DISTINCT tenant_id FROM call_commands"
            " WHERE answered_at IS NULL AND expires_at > now()"
        )
    return [row["tenant_id"] for row in rows]


async def purge_commands(database: Database) -> None:
    """Remove commands whose asker went away before the answer."""
    async with database.directory() as session:
        await session.execute(
            "DELETE FROM call_commands WHERE expires_at < now() - interval '1 minute'"
        )


async def renew_lines(database: Database, terminals: Sequence[UUID], until: Sequence[datetime]) -> None:
    """Put off when these lines' registrations run out."""
    async with database.directory() as session:
        await session.execute(
            "UPDATE live_lines l SET expires_at = new.expires_at"
            " FROM unnest($1::uuid[], $2::timestamptz[]) AS new (terminal_id, expires_at)"
            " WHERE l.terminal_id = new.terminal_id",
            terminals,
            until,
        )


async def write_bindings(database: Database, present: str, gone: Sequence[UUID]) -> None:
    """Put the bindings of lines (a JSON list of rows) and delete those of other lines, by terminal.

    Not synced to disk one by one: the last moment before a power cut may be lost.
    """
    async with database.directory() as session:
        await session.execute("SET LOCAL synchronous_commit = off")
        if gone:
            await session.execute("DELETE FROM line_bindings WHERE terminal_id = ANY($1)", gone)
        await session.execute(
            "INSERT INTO line_bindings (tenant_id, terminal_id, login, account, contacts, expires_at)"
            " SELECT tenant_id, terminal_id, login, account, contacts, expires_at"
            " FROM jsonb_populate_recordset(NULL::line_bindings, $1::jsonb)"
            " ON CONFLICT (terminal_id) DO UPDATE"
            " SET (tenant_id, login, account, contacts, expires_at) = (excluded.tenant_id,"
            " excluded.login, excluded.account, excluded.contacts, excluded.expires_at)",
            present,
        )


async def bindings(database: Database) -> list[Row]:
    """The bindings of all lines that have not run out; those that have are deleted."""
    async with database.directory() as session:
        await session.execute("DELETE FROM line_bindings WHERE expires_at < now()")
        return await session.fetch("SELECT * FROM line_bindings")


async def kept_snapshots(database: Database, hashes: Sequence[str]) -> set[tuple[str, int]]:
    """Hash and version of what is stored already of these snapshots."""
    async with database.directory() as session:
        rows = await session.fetch(
            "SELECT hash, version FROM snapshot_versions WHERE hash = ANY($1)", hashes
        )
    return {(row["hash"], row["version"]) for row in rows}


async def tenants_with_former_snapshots(database: Database, before: datetime) -> list[UUID]:
    """Companies with configurations that were followed by another one before this instant."""
    async with database.directory() as session:
        rows = await session.fetch(
            "SELECT tenant_id FROM snapshot_versions WHERE created_at < $1"
            " GROUP BY tenant_id HAVING count(DISTINCT hash) > 1",
            before,
        )
    return [row["tenant_id"] for row in rows]


_TALKED = f"""
WITH talked AS (
    SELECT c.*, day.since, EXISTS (
        SELECT FROM call_steps s
        WHERE s.tenant_id = c.tenant_id AND s.call_id = c.id AND s.code = '{StepCode.JOINED}'
    ) AS passed_on
    FROM unnest($1::uuid[], $2::timestamptz[]) AS day (tenant_id, since)
    JOIN calls c ON c.tenant_id = day.tenant_id AND c.answered_at IS NOT NULL
        AND c.started_at > day.since - interval '1 day' AND c.ended_at > day.since
)
"""
_TALKED_THROUGHOUT = f"""
{_TALKED}
SELECT c.tenant_id, e.id AS employee_id,
    sum(extract(epoch FROM c.ended_at - greatest(c.answered_at, c.since)))::float8 AS seconds
FROM talked c CROSS JOIN LATERAL (
    SELECT c.answered_employee_id AS id UNION SELECT c.caller_employee_id
) AS e
WHERE NOT c.passed_on AND e.id IS NOT NULL GROUP BY c.tenant_id, e.id
"""
_TALKED_IN_TURN = f"""
{_TALKED}
SELECT c.id, c.tenant_id, c.caller_employee_id, s.code, s.employee_id,
    extract(epoch FROM s.at)::float8 AS at, extract(epoch FROM c.since)::float8 AS since
FROM talked c JOIN call_steps s ON s.tenant_id = c.tenant_id AND s.call_id = c.id AND s.code = ANY ($3)
WHERE c.passed_on ORDER BY c.id, s.seq
"""


async def talk_times(
    database: Database, since: Mapping[UUID, datetime]
) -> list[tuple[UUID, UUID, float]]:
    """Tenant, employee, and the seconds of the conversations after an instant of each tenant's; an
    employee may come several times. Calls that were passed on are told by their logs, turn by turn."""
    days = list(since), list(since.values())
    async with database.directory() as session:
        throughout = await session.fetch(_TALKED_THROUGHOUT, *days)
        in_turn = await session.fetch(_TALKED_IN_TURN, *days, TURNING)
    times = [(row["tenant_id"], row["employee_id"], row["seconds"]) for row in throughout]
    for _, log in groupby(in_turn, key=itemgetter("id")):
        steps = list(log)
        call = steps[0]
        said = ((step["at"], StepCode(step["code"]), step["employee_id"]) for step in steps)
        times.extend(
            (call["tenant_id"], turn.employee_id, max(turn.until - max(turn.since, call["since"]), 0.0))
            for turn in turns(call["caller_employee_id"], said)
        )
    return times


# --- recordings ---------------------------------------------------------------------------------


async def recordings_due(database: Database, limit: int) -> list[Row]:
    """``tenant_id`` and ``id`` of recordings of which sound is to be made now: those first that
    failed least, then the oldest; so what fails again and again keeps nobody waiting."""
    async with database.directory() as session:
        return await session.fetch(
            "SELECT tenant_id, id FROM recordings WHERE state = 'waiting' AND retry_at <= now()"
            " ORDER BY attempts, retry_at LIMIT $1",
            limit,
        )


async def recordings_failed(database: Database, tenant_id: UUID | None) -> list[Row]:
    """``id``, ``tenant_id``, ``started_at``, ``reason`` of those that were given up, of all or of one
    tenant; the latest first."""
    async with database.directory() as session:
        return await session.fetch(
            "SELECT id, tenant_id, started_at, reason FROM recordings WHERE state = 'failed'"
            " AND ($1::uuid IS NULL OR tenant_id = $1) ORDER BY started_at DESC, id DESC",
            tenant_id,
        )


async def recordings_in_state(database: Database) -> dict[str, int]:
    """How many recordings wait for their sound, and how many got none."""
    async with database.directory() as session:
        rows = await session.fetch(
            "SELECT state, count(*) AS recordings FROM recordings"
            " WHERE state IN ('waiting', 'failed') GROUP BY state"
        )
    return {row["state"]: row["recordings"] for row in rows}


async def recorded_calls(database: Database, calls: Collection[UUID]) -> dict[UUID, set[str]]:
    """In which states the recordings of these calls are; calls without any are left out."""
    async with database.directory() as session:
        rows = await session.fetch(
            "SELECT call_id, array_agg(DISTINCT state) AS states FROM recordings"
            " WHERE call_id = ANY($1) GROUP BY call_id",
            calls,
        )
    return {row["call_id"]: set(row["states"]) for row in rows}


async def tenants_with_recordings(database: Database) -> list[UUID]:
    """Companies of which some are kept."""
    async with database.directory() as session:
        rows = await session.fetch("SELECT DISTINCT tenant_id FROM recordings WHERE state = 'ready'")
    return [row["tenant_id"] for row in rows]


# --- the outbox ---------------------------------------------------------------------------------


async def events_to_do(
    database: Database,
    consumer: str,
    types: Sequence[str],
    *,
    since: datetime,
    skip: Collection[UUID],
    limit: int,
) -> list[Row]:
    """Events of these types that the consumer has not done, the oldest first.

    ``since`` leaves out what was looked through before, ``skip`` what waits for its next attempt.
    """
    async with database.directory() as session:
        return await session.fetch(
            "SELECT o.id, o.tenant_id, o.type, o.body, o.created_at FROM outbox o"
            " WHERE o.created_at >= $1 AND o.type = ANY($2) AND o.id <> ALL($3) AND NOT EXISTS ("
            "   SELECT FROM outbox_done d"
            "   WHERE d.tenant_id = o.tenant_id AND d.consumer = $4 AND d.event_id = o.id)"
            " ORDER BY o.created_at, o.id LIMIT $5",
            since,
            types,
            list(skip),
            consumer,
            limit,
        )


async def forget_events(
    database: Database, before: datetime, wanted: Sequence[tuple[str, str]]
) -> None:
    """Delete events from before an instant; ``wanted`` are pairs of a consumer and a type.

    An event stays as long as a consumer of its type has not done it.
    """
    async with database.directory() as session:
        await session.execute(
            "DELETE FROM outbox o WHERE o.created_at < $1 AND NOT EXISTS ("
            "   SELECT FROM unnest($2::text[], $3::text[]) AS wanted(consumer, type)"
            "   WHERE wanted.type = o.type AND NOT EXISTS ("
            "       SELECT FROM outbox_done d"
            "       WHERE d.event_id = o.id AND d.consumer = wanted.consumer))",
            before,
            [consumer for consumer, _ in wanted],
            [name for _, name in wanted],
        )
