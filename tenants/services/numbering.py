"""The numbering plan: imported from the files of the registry, the same for all companies."""

from __future__ import annotations

import asyncio
import tempfile
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit
from uuid import UUID

import msgspec
from msgspec import Struct

from core.errors import SunSimError
from core.ids import new_id
from core.settings import NumberingSettings
from tenants import crosstenant
from tenants.db import Database
from tenants.numbering import Plan, Report, read
from tenants.services import audit
from tenants.services.actor import Actor, require_operator
from tenants.tables import NumberingPlan

__all__ = ["NoAddress", "NumberingView", "Shrunken", "load", "present", "update"]

_KEPT = 3
"""So many plans are kept; the newest is in force."""


class NoAddress(SunSimError):
    """Set SUNSIM_NUMBERING_URLS to the addresses of the registry's CSV files."""

    code = "no_address"


class Shrunken(SunSimError):
    """The files have {ranges} ranges, those in force {before}; import them by hand if that is right."""

    code = "shrunken_numbering"


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
    return await _put(database, actor, await asyncio.to_thread(read, folder), folder.name)


async def update(database: Database, actor: Actor, settings: NumberingSettings) -> NumberingView:
    """Download the registry's files and put them into force; nothing changes if one is missing.

    Raises NoAddress, DownloadFailed, UnusableNumbering; Shrunken if most of the ranges are gone.
    """
    from tenants.download import download  # an HTTP client, which nothing else here needs

    require_operator(actor, "numbers:write")
    if not settings.urls:
        raise NoAddress
    before = await present(database, actor)
    with tempfile.TemporaryDirectory(prefix="sunsim-numbering-") as name:
        folder = Path(name)
        for number, url in enumerate(settings.urls):
            (there := folder / str(number)).mkdir()
            file = await download(url, there, settings.megabytes, settings.ca)
            file.rename(folder / f"{number}-{file.name}")
        plan = await asyncio.to_thread(read, folder)
    if before is not None and plan.ranges * 2 < before.ranges:
        raise Shrunken(ranges=plan.ranges, before=before.ranges)
    hosts = dict.fromkeys(urlsplit(url).hostname or "" for url in settings.urls)
    return await _put(database, actor, plan, ", ".join(hosts))


async def _put(database: Database, actor: Actor, plan: Plan, source: str) -> NumberingView:
    async with crosstenant.operator_session(database) as session:
        await NumberingPlan.insert(
            NumberingPlan(
                id=new_id(),
                source=source,
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
        await audit.operator_change(actor, "numbering.load", source=source, ranges=plan.ranges)
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
