"""The carriers, which are no company's own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tenants.crosstenant import Row
from tenants.db import Database

__all__ = ["note_trunk_states", "number_routes", "trunks"]


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
