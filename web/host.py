"""The cabinet as one Litestar application.

``build(context, routes=…)`` is what app.py calls; ``routes`` are further handlers of the web process
(the API, health, metrics), which bring their own guards and errors.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from litestar import Litestar, Request, Router, get
from litestar.config.compression import CompressionConfig
from litestar.config.csrf import CSRFConfig
from litestar.datastructures import CacheControlHeader, State
from litestar.di import Provide
from litestar.middleware import DefineMiddleware
from litestar.response import Redirect
from litestar.static_files import create_static_files_router
from litestar.types import ControllerRouterHandler
from litestar.utils.scope.state import ScopeState

from core.contracts import Tenant
from core.office import Office, Viewer
from tenants.office import DatabaseOffice
from web import errors
from web.context import WebContext
from web.controllers.access import login_page, logout, sign_in
from web.controllers.employees import EmployeesController
from web.controllers.find import find
from web.controllers.history import HistoryController
from web.controllers.numbers import NumbersController
from web.controllers.profile import ProfileController
from web.guards import has_plugin, same_origin
from web.headers import SecurityHeaders
from web.inject import TheVisitor
from web.live import live
from web.menu import sections
from web.pages import STATIC, Page
from web.sessions import Visitor, anonymous_page, signed_in, visitor_of

__all__ = ["build", "cabinet"]

LARGEST_FORM = 64 * 1024
"""Bytes of a form; uploads will have handlers with limits of their own."""
_NO_COOKIES = [r"^/static/", r"^/api(/|$)", r"^/health/", r"^/metrics$"]
"""Paths without cookies, hence without the danger that CSRF tokens are for."""


def build(
    context: WebContext, routes: Sequence[ControllerRouterHandler] = (), **options: Any
) -> Litestar:
    """The web application of one process. ``options`` go to Litestar (lifespan, logging…)."""
    return Litestar(
        route_handlers=[*cabinet(context), *routes],
        state=State({"context": context, "csrf_token": _csrf_token}),
        middleware=[DefineMiddleware(SecurityHeaders)],
        csrf_config=CSRFConfig(
            secret=context.csrf_secret,
            cookie_name="__Host-csrf" if context.secure else "sunsim_csrf",
            cookie_secure=context.secure,
            cookie_httponly=True,
            exclude=_NO_COOKIES,
        ),
        compression_config=CompressionConfig(
            backend="gzip", gzip_compress_level=6, exclude=[r"^/live$", r"\.woff2$", r"/audio$"]
        ),
        exception_handlers=errors.handlers,
        openapi_config=options.pop("openapi_config", None),
        **options,
    )


def cabinet(context: WebContext) -> list[ControllerRouterHandler]:
    """The handlers of all pages, static files and plugins' pages."""
    static = create_static_files_router(
        path=context.pages.static,
        directories=[STATIC],
        cache_control=CacheControlHeader(public=True, max_age=365 * 86400, immutable=True),
    )
    shared = {
        "context": Provide(_context, sync_to_thread=False),
        "visitor": Provide(_visitor, sync_to_thread=False),
        "page": Provide(_page, sync_to_thread=False),
        "tenant": Provide(_tenant, sync_to_thread=False),
        "viewer": Provide(_viewer, sync_to_thread=False),
        "office": Provide(_office, sync_to_thread=False),
    }
    door = Router(
        "/",
        route_handlers=[login_page, sign_in],
        guards=[same_origin],
        dependencies={"context": shared["context"]},
        request_max_body_size=LARGEST_FORM,
        include_in_schema=False,
    )
    rooms = Router(
        "/",
        route_handlers=[
            start,
            live,
            find,
            logout,
            EmployeesController,
            HistoryController,
            NumbersController,
            ProfileController,
            *_plugins(context),
        ],
        guards=[same_origin, signed_in],
        dependencies=shared,
        request_max_body_size=LARGEST_FORM,
        include_in_schema=False,
    )
    return [static, door, rooms]


@get("/")
async def start() -> Redirect:
    """The first section."""
    return Redirect("/history", status_code=302)


def _plugins(context: WebContext) -> list[Router]:
    """Plugins' pages, each absent for companies without the plugin; ``page.render`` draws theirs."""
    return [
        Router("/", route_handlers=list(owned.item.pages), guards=[has_plugin(owned.plugin)])
        for owned in context.host.routes
        if owned.item.pages
    ]


def _context(state: State) -> WebContext:
    context: WebContext = state.context
    return context


def _visitor(request: Request[Any, Any, Any]) -> Visitor:
    return visitor_of(request)


def _tenant(visitor: TheVisitor) -> Tenant:
    return visitor.tenant


def _viewer(visitor: TheVisitor) -> Viewer:
    return visitor.viewer


def _office(state: State, visitor: TheVisitor) -> Office:
    return DatabaseOffice(_context(state).database, visitor.tenant, visitor.actor)


def _page(request: Request[Any, Any, Any], visitor: TheVisitor) -> Page:
    """The frame for this reader."""
    page = anonymous_page(request)
    identity = visitor.identity
    page.signed_in = True
    page.administrator = identity.actor.is_administrator
    page.name, page.email, page.company = identity.name, identity.email, identity.tenant_name
    page.employee_id = identity.actor.employee_id
    page.mode = identity.mode
    page.section = "/" + request.url.path.split("/")[1]
    page.menu = sections(page, visitor)
    return page


def _csrf_token(request: Request[Any, Any, Any]) -> str:
    token = ScopeState.from_scope(request.scope).csrf_token
    return token if isinstance(token, str) else ""
