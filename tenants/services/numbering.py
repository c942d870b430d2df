"""The numbering plan: imported from the files of the registry, the same for all companies."""

from __future__ import annotations

import asyncio
from datetime import datetime
from pathlib import Path
from uuid import UUID

import msgspec
from msgspec import Struct

from core.ids import new_id
from tenants import crosstenant
from tenants.db import Database
from tenants.numbering import Report, read
from tenants.services import audit
from tenants.services.actor import Actor, require_operator
from tenants.tables import NumberingPlan

__all__ = ["NumberingView", "load", "present"]

_KEPT = 3
"""So many plans are kept; the newest is in force."""


class NumberingView(Struct, frozen=True):
    """A plan: how many ranges of the registry it has, and what of the files could not be used."""

    id: UUID
    source: str
    ranges: int
    report: Report
    created_at: datetime


async def load(database: Database, actor: Actor, folder: Path) -> NumberingView:
    """Read the CSV files of a folder and put them into force; running calls are not touched.

    UnusableNumbering if there is no usable row; the plan in force then stays.
    """
    require_operator(actor, "numbers:write")
    plan = await asyncio.to_thread(read, folder)
    async with crosstenant.operator_session(database) as session:
        await NumberingPlan.insert(
            NumberingPlan(
                id=new_id(),
                source=folder.name,
                ranges=plan.ranges,
                edges=plan.edges,
                subjects=plan.subjects,
                report=msgspec.json.encode(plan.report).decode(),
            )
        )
        await session.execute(
            "DELETE FROM numbering_plans WHERE id NOT IN"
            " (SELECT id FROM numbering_plans ORDER BY created_at DESC, id DESC LIMIT $1)",
            _KEPT,
        )
        await audit.operator_change(actor, "numbering.load", source=folder.name, ranges=plan.ranges)
    found = await present(database, actor)
    assert found is not None
    return found


async def present(database: Database, actor: Actor) -> NumberingView | None:
    """The plan in force, if one was ever imported."""
    require_operator(actor, "numbers:read")
    async with crosstenant.operator_session(database):
        row = (
            await NumberingPlan.select()
            .order_by(NumberingPlan.created_at, NumberingPlan.id, ascending=False)
            .first()
        )
    if row is None:
        return None
    report = msgspec.json.decode(row["report"], type=Report)
    return NumberingView(row["id"], row["source"], row["ranges"], report, row["created_at"])
