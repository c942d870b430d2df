"""Snapshots: built from rows, hashed by content, kept so that calls can be replayed.

The hash is the SHA-256 of the canonical JSON (msgspec, keys and sets sorted) of everything in a
snapshot except its version and the hash itself, so that a configuration which comes back is stored
once, and a call's record needs only the hash to find what it was routed by.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

import msgspec
import structlog

from core.contracts import (
    Addressee,
    AvailabilityMode,
    ContactTag,
    DialMode,
    Employee,
    ExtensionList,
    Group,
    Media,
    Menu,
    MissedManager,
    Number,
    Recording,
    Scenario,
    Snapshot,
    Terminal,
    TerminalKind,
)
from core.features import DEFAULTS, Feature, FeatureCode
from core.hours import Calendar, CalendarDay, ExtraPeriod, Interval, Minute, Schedule
from tenants.crosstenant.configuration import tenants_with_former_snapshots
from tenants.db import Database, Session
from tenants.failures import told
from tenants.tables import TagKind, TenantStatus, TerminalState

__all__ = [
    "Row",
    "build",
    "content",
    "find",
    "former_modes",
    "from_content",
    "modes",
    "of_version",
    "prune",
    "prune_all",
    "sealed",
    "store",
]

log = structlog.get_logger(__name__)

Row = Mapping[str, Any]
T = TypeVar("T")

_NO_PLUGINS: frozenset[str] = frozenset()


def content(snapshot: Snapshot) -> bytes:
    """The canonical JSON that is hashed and stored."""
    bare = msgspec.structs.replace(snapshot, version=0, hash="")
    return msgspec.json.encode(bare, order="deterministic")


def sealed(snapshot: Snapshot) -> Snapshot:
    """The same snapshot with the hash of its content."""
    return msgspec.structs.replace(snapshot, hash=hashlib.sha256(content(snapshot)).hexdigest())


# --- from rows ----------------------------------------------------------------------------------


def build(tenant: Row, rows: Mapping[str, Sequence[Row]]) -> Snapshot:
    """A tenant's snapshot from its rows, by the names of their tables, each in the order to keep.

    ``tenant`` has the columns of ``tenants`` and ``plugins`` of the contract; ``scenarios`` have the
    ``body`` of their present version.
    """
    ids: dict[Any, Any] = {}
    rows = {table: [_shared(row, ids) for row in those] for table, those in rows.items()}
    terminals = [_terminal(row) for row in rows["terminals"]]
    by_employee = _grouped((terminal.employee_id, terminal.id) for terminal in terminals)
    members = _grouped((row["group_id"], row["employee_id"]) for row in rows["group_members"])
    return sealed(
        Snapshot(
            tenant_id=tenant["id"],
            version=tenant["config_version"],
            hash="",
            name=tenant["name"],
            timezone=tenant["timezone"],
            plugins=frozenset(tenant["plugins"] or ()) or _NO_PLUGINS,
            employees=tuple(_employee(row, by_employee[row["id"]]) for row in rows["employees"]),
            terminals=tuple(terminals),
            groups=tuple(_group(row, members[row["id"]]) for row in rows["groups"]),
            numbers=tuple(_number(row) for row in rows["numbers"]),
            scenarios=tuple(_scenario(row) for row in rows["scenarios"]),
            schedules=tuple(_schedule(row) for row in rows["schedules"]),
            calendars=tuple(_calendar(row) for row in rows["calendars"]),
            tags=tuple(_tag(row) for row in rows["tags"] if row["kind"] == TagKind.CONTACT),
            media=tuple(Media(row["id"], row["name"], row["hash"]) for row in rows["media"]),
            menus=tuple(_voice(row, Menu) for row in rows["menus"]),
            extension_lists=tuple(_voice(row, ExtensionList) for row in rows["extension_lists"]),
            **_services(tenant),
            suspended=tenant["status"] == TenantStatus.SUSPENDED,
        )
    )


def modes(employees: Iterable[Row]) -> dict[UUID, AvailabilityMode]:
    """The modes of those who are not on schedule: no part of a snapshot (``Live.modes``)."""
    return {
        row["id"]: AvailabilityMode(row["mode"])
        for row in employees
        if row["mode"] != AvailabilityMode.SCHEDULE
    }


def _shared(row: Row, ids: dict[Any, Any]) -> Row:
    """The row with one object for each id, wherever it stands: ids are most of a snapshot."""
    return {
        column: ids.setdefault(value, value) if isinstance(value, UUID) else value
        for column, value in row.items()
    }


def _grouped(pairs: Iterable[tuple[UUID, UUID]]) -> dict[UUID, tuple[UUID, ...]]:
    lists: dict[UUID, list[UUID]] = defaultdict(list)
    for key, value in pairs:
        lists[key].append(value)
    return defaultdict(tuple, {key: tuple(values) for key, values in lists.items()})


def _terminal(row: Row) -> Terminal:
    """A line that still waits for its activation (INV-05) counts as switched off."""
    return Terminal(
        id=row["id"],
        employee_id=row["employee_id"],
        kind=TerminalKind(row["kind"]),
        address=row["address"],
        active=row["active"] and row["state"] == TerminalState.ACTIVE,
        main=row["main"],
        ring_seconds=row["ring_seconds"],
        channels=row["channels"],
        schedule_id=row["schedule_id"],
    )


def _employee(row: Row, terminals: tuple[UUID, ...]) -> Employee:
    return Employee(
        id=row["id"],
        name=row["name"],
        extension=row["extension"],
        dial_mode=DialMode(row["dial_mode"]),
        caller_id=row["caller_id"],
        terminals=terminals,
        dialled_from_menu=row["dialled_from_menu"],
        recording=Recording(row["recording"]),
        timezone=row["timezone"],
        schedule_id=row["schedule_id"],
        calendar_id=row["calendar_id"],
        extra=msgspec.json.decode(row["extra_periods"], type=tuple[ExtraPeriod, ...]),
    )


def _group(row: Row, members: tuple[UUID, ...]) -> Group:
    return Group(
        id=row["id"],
        name=row["name"],
        extension=row["extension"],
        dial_mode=DialMode(row["dial_mode"]),
        ring_seconds=row["ring_seconds"],
        members=members,
        dialled_from_menu=row["dialled_from_menu"],
    )


def _schedule(row: Row) -> Schedule:
    week = msgspec.json.decode(row["week"], type=tuple[tuple[tuple[Minute, Minute], ...], ...])
    days = tuple(tuple(Interval(start, end) for start, end in day) for day in week)
    return Schedule(row["id"], row["name"], days)


def _calendar(row: Row) -> Calendar:
    days = msgspec.json.decode(row["days"], type=tuple[CalendarDay, ...])
    return Calendar(row["id"], row["name"], days)


def _number(row: Row) -> Number:
    return Number(
        id=row["id"],
        e164=row["e164"],
        label=row["label"],
        scenario_id=row["scenario_id"],
        trunk_id=row["trunk_id"],
        shows_called=row["shows_called"],
        records=row["records"],
        announces=row["announces"],
    )


def _tag(row: Row) -> ContactTag:
    return ContactTag(row["id"], row["name"])


def _voice(row: Row, kind: type[T]) -> T:
    """The body says everything but id and name."""
    body = msgspec.json.decode(row["body"])
    return msgspec.convert({**body, "id": row["id"], "name": row["name"]}, kind)


def _services(tenant: Row) -> dict[str, Any]:
    """What the contract says; nothing of a company that has none yet."""
    if tenant["missed_manager"] is None:
        return {}
    manager = tenant["default_manager"]
    return {
        "recording": tenant["recording"],
        "recording_pause": tenant["recording_pause"],
        "announcement": tenant["announcement"],
        "off_hours_media": tenant["off_hours_media"],
        "default_manager": msgspec.json.decode(manager, type=Addressee) if manager else None,
        "missed_manager": MissedManager(tenant["missed_manager"]),
        "channels": tenant["channels"],
        "outgoing_calls": tenant["outgoing_calls"],
        "language": tenant["language"],
        "outgoing_tasks": tenant["outgoing_tasks"],
        "feature_codes": _feature_codes(tenant["feature_codes"]),
    }


def _feature_codes(chosen: str | None) -> tuple[FeatureCode, ...]:
    if chosen is None:
        return DEFAULTS
    codes = msgspec.json.decode(chosen, type=dict[Feature, str])
    return tuple(FeatureCode(feature, code) for feature, code in sorted(codes.items()))


def _scenario(row: Row) -> Scenario:
    """The body is an edition; name, state and number of it are the scenario's own."""
    body = msgspec.json.decode(row["body"], type=Scenario)
    return msgspec.structs.replace(
        body, id=row["id"], name=row["name"], version=row["version"], enabled=row["enabled"]
    )


# --- the store ----------------------------------------------------------------------------------


async def store(database: Database, snapshot: Snapshot) -> None:
    """Keep a snapshot for replay, its content only once, and which version had this content."""
    async with database.tenant(snapshot.tenant_id) as session:
        await session.execute(
            "INSERT INTO snapshots (tenant_id, hash, version, body) VALUES ($1, $2, $3, $4)"
            # Updated to nothing new, so that a pruning that is going on is waited for.
            " ON CONFLICT (tenant_id, hash) DO UPDATE SET hash = EXCLUDED.hash",
            snapshot.tenant_id,
            snapshot.hash,
            snapshot.version,
            content(snapshot).decode(),
        )
        await session.execute(
            "INSERT INTO snapshot_versions (tenant_id, version, hash) VALUES ($1, $2, $3)"
            " ON CONFLICT (tenant_id, version)"
            " DO UPDATE SET hash = EXCLUDED.hash, created_at = EXCLUDED.created_at"
            " WHERE snapshot_versions.hash <> EXCLUDED.hash",
            snapshot.tenant_id,
            snapshot.version,
            snapshot.hash,
        )


FORMER_DAYS = 7
"""So long a configuration that no call refers to is kept after the next one: calls that began with it
may still go on, or wait in the journal to be stored."""

_UNUSED = """
SELECT v.hash FROM snapshot_versions AS v WHERE $2::text[] IS NULL OR v.hash = ANY($2)
GROUP BY v.hash
HAVING max(v.version) < (SELECT max(version) FROM snapshot_versions WHERE created_at < $1)
    AND NOT EXISTS (SELECT FROM calls AS c WHERE c.snapshot_hash = v.hash)
"""

# Configurations that came while a caller waited, of the next calls.
_AWAITED = """
WITH next AS MATERIALIZED (SELECT id, attempts FROM calls WHERE id > $1 ORDER BY id LIMIT $2)
SELECT (SELECT id FROM next ORDER BY id OFFSET $2 - 1) AS last, ARRAY(
    SELECT DISTINCT jsonb_path_query(attempts, '$[*].snapshot_hash') #>> '{}' FROM next) AS hashes
"""

_PRUNE = f"""
WITH unused AS ({_UNUSED}), versions AS (
    DELETE FROM snapshot_versions AS v USING unused WHERE v.hash = unused.hash
), gone AS (
    DELETE FROM snapshots AS s USING unused WHERE s.hash = unused.hash RETURNING s.hash
)
SELECT count(*) FROM gone
"""
_CALLS_AT_ONCE = 2000
_SNAPSHOTS_AT_ONCE = 100


async def prune_all(database: Database) -> None:
    """Forget the configurations of all companies that were followed by another ``FORMER_DAYS`` ago and
    that no call refers to. What they alone have named, sounds above all, is then free to go."""
    before = datetime.now(UTC) - timedelta(days=FORMER_DAYS)
    for tenant_id in await tenants_with_former_snapshots(database, before):
        with told("snapshots.not_pruned", tenant=tenant_id):
            found = await prune(database, tenant_id, before)
            if found:
                log.info("snapshots.pruned", tenant=str(tenant_id), snapshots=found)


async def prune(database: Database, tenant_id: UUID, before: datetime) -> int:
    """Those of one company that were followed by another before this instant; how many."""
    async with database.tenant(tenant_id) as session:
        unused = {row["hash"] for row in await session.fetch(_UNUSED, before, None)}
    last: UUID | None = UUID(int=0)
    while unused and last is not None:
        async with database.tenant(tenant_id) as session:
            row = await session.fetchrow(_AWAITED, last, _CALLS_AT_ONCE)
        assert row is not None, "it has no condition"
        last = row["last"]
        unused.difference_update(row["hashes"])
    pruned, left = 0, sorted(unused)
    while left:
        now, left = left[:_SNAPSHOTS_AT_ONCE], left[_SNAPSHOTS_AT_ONCE:]
        async with database.tenant(tenant_id) as session:  # some may have come back meanwhile
            pruned += await session.fetchval(_PRUNE, before, now)
    return pruned


async def find(session: Session, digest: str) -> Snapshot | None:
    """The snapshot with this content, or ``None`` if none was kept; within a session of its tenant."""
    row = await session.fetchrow("SELECT version, body FROM snapshots WHERE hash = $1", digest)
    return from_content(row["body"], row["version"], digest) if row else None


async def former_modes(session: Session, digest: str) -> dict[UUID, AvailabilityMode]:
    """The modes in a snapshot that was stored while they were a part of it; of others nothing.

    The calls of that time have none in their live state.
    """
    rows = await session.fetch(
        "SELECT (each->>'id')::uuid AS id, each->>'mode' AS mode FROM snapshots,"
        " jsonb_array_elements(body->'employees') AS each WHERE hash = $1 AND each ? 'mode'",
        digest,
    )
    return modes(rows)


async def of_version(session: Session, number: int) -> Snapshot | None:
    """The configuration of a version, if that was kept; within a session of its tenant."""
    row = await session.fetchrow(
        "SELECT s.body, s.hash FROM snapshot_versions AS v JOIN snapshots AS s"
        " ON s.tenant_id = v.tenant_id AND s.hash = v.hash WHERE v.version = $1",
        number,
    )
    return from_content(row["body"], number, row["hash"]) if row else None


def from_content(body: bytes | str, version: int, digest: str) -> Snapshot:
    """A snapshot as it was stored."""
    stored = msgspec.json.decode(body, type=Snapshot)
    return msgspec.structs.replace(stored, version=version, hash=digest)
