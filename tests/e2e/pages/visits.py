"""A plugin as the page tests need one: an entry in the menu, a page, a panel on two cards."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from litestar import Response, get
from litestar.di import NamedDependency

from sunsim import Manifest, MenuItem, Panel, Place, Routes, Tenant, Viewer, hookimpl

manifest = Manifest(name="visits", version="1.0", title="Visits", summary="Shows visits.")


@get("/visits")
async def page(page: NamedDependency[Any], tenant: NamedDependency[Any]) -> Response[str]:
    """A page in the cabinet's frame."""
    return page.render("visits/page.html", company=tenant.name)


@hookimpl
def register_routes() -> Routes:
    return Routes(pages=(page,), templates=Path(__file__).parent / "visits_templates")


@hookimpl
def cabinet_menu(tenant: Tenant, user: Viewer) -> list[MenuItem]:
    return [MenuItem("Visits", "/visits", "no-such-icon")]


@hookimpl
async def cabinet_panels(tenant: Tenant, user: Viewer, place: Place) -> list[Panel]:
    broken = Panel("visits/broken.html")
    return [broken, Panel("visits/panel.html", {"note": f"<b>{place.name}</b>"})]
