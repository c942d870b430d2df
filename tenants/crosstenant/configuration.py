"""What companies have configured: rows and versions, employees' modes, the snapshots that are kept."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from msgspec import Struct

from tenants.crosstenant import Row
from tenants.db import Database

__all__ = [
    "Configuration",
    "configuration_versions",
    "configurations",
    "kept_snapshots",
    "present_modes",
    "tenants_with_former_snapshots",
    "tenants_with_plugin",
]

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


async def tenants_with_plugin(database: Database, plugin: str) -> list[UUID]:
    """Active companies whose contract has the plugin."""
    async with database.directory() as session:
        rows = await session.fetch(
            "SELECT t.id FROM tenants t JOIN contracts c ON c.tenant_id = t.id"
            " WHERE t.status = 'active' AND $1 = ANY (c.plugins) ORDER BY t.id",
            plugin,
        )
    return [row["id"] for row in rows]


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
