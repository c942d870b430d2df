"""What a call must know of the contacts of companies."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from tenants.crosstenant import Row
from tenants.db import Database

__all__ = ["contact_versions", "known_contacts"]


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
