"""The regions that filters of scenarios choose from, and whether callers' ones are known (FLT-07)."""

from __future__ import annotations

from msgspec import Struct

from core.regions import SUBJECTS
from tenants.crosstenant.numbering import has_numbering_plan
from tenants.db import Database
from tenants.services.actor import Actor, require_scope

__all__ = ["RegionView", "RegionsView", "regions"]


class RegionView(Struct, frozen=True):
    """A federal subject of Russia, by the code of the tax service."""

    code: int
    name: str


class RegionsView(Struct, frozen=True):
    """All regions by name. Unless ``mobiles_known`` the numbering plan was not loaded, and the region
    of every caller with a mobile number is unknown: such calls fit no filter by region."""

    items: tuple[RegionView, ...]
    mobiles_known: bool


async def regions(db: Database, actor: Actor) -> RegionsView:
    """The 89 federal subjects by name, and whether mobile numbers have one here."""
    require_scope(actor, "scenarios:read")
    known = await has_numbering_plan(db)
    found = (RegionView(code, subject.name) for code, subject in SUBJECTS.items())
    return RegionsView(tuple(sorted(found, key=lambda region: region.name)), known)
