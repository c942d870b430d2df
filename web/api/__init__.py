"""``/api/v1``: what the cabinet does, for programs (design: the same commands, the same services).

The API is a Litestar application of its own, mounted in the web process: nothing of the pages reaches
into it, neither cookies and their sessions nor HTML errors. ``api(context)`` is what the composition
root hands to ``web.host.build``.
"""

from __future__ import annotations

from typing import Any

from litestar import Litestar, Request, Router, asgi
from litestar.datastructures import State
from litestar.di import Provide
from litestar.handlers import BaseRouteHandler
from litestar.types import ControllerRouterHandler, Receive, Scope, Send

from core.contracts import Tenant
from core.office import Office
from tenants.office import DatabaseOffice
from tenants.services.actor import Actor
from web.api import intake, problems, schema
from web.api.access import AnyConnection, Gate, caller_of
from web.api.calls import CallsController
from web.api.checks import ChecksController
from web.api.company import ContractController
from web.api.contacts import ContactsController, TagsController
from web.api.docs import docs, openapi
from web.api.employees import EmployeesController
from web.api.extension_lists import ExtensionListsController
from web.api.groups import GroupsController
from web.api.hours import CalendarsController, SchedulesController
from web.api.lines import LinesController
from web.api.media import MediaController
from web.api.menus import MenusController
from web.api.numbers import NumbersController
from web.api.plugins import plugin_routes, tenant_of
from web.api.queues import QueuesController
from web.api.recordings import CallRecordingsController, RecordingsController
from web.api.route import RouteController
from web.api.saving import saving
from web.api.scenarios import RegionsController, ScenariosController
from web.api.settings import SettingsController
from web.api.tenants import TenantsController
from web.api.tokens import TokensController
from web.context import WebContext

__all__ = ["LARGEST_REQUEST", "PATH", "api", "application"]

PATH = "/api/v1"
LARGEST_REQUEST = 64 * 1024
"""Bytes of a request's body; nothing that is sent here comes near."""


def api(context: WebContext, gate: Gate | None = None) -> list[ControllerRouterHandler]:
    """The handlers of the API for ``web.host.build``; ``gate`` has its own limits in tests."""
    inner = application(context, gate)

    # The compression and the headers of the web process stay around it.
    @asgi(PATH, is_mount=True, copy_scope=True)
    async def mounted(scope: Scope, receive: Receive, send: Send) -> None:
        """Hand the request over as if nothing had looked at it yet."""
        await inner(_untouched(scope), receive, send)

    return [mounted]


def application(context: WebContext, gate: Gate | None = None) -> Litestar:
    """The API by itself, with its paths in full."""
    admit = (gate or Gate()).admit

    async def admitted(connection: AnyConnection, handler: BaseRouteHandler) -> None:
        # A plain function: Litestar copies guards for every route, and the counts must stay one.
        await admit(connection, handler)

    operations = Router(
        "/",
        route_handlers=[
            CalendarsController,
            CallRecordingsController,
            CallsController,
            ChecksController,
            ContactsController,
            ContractController,
            EmployeesController,
            GroupsController,
            LinesController,
            MediaController,
            ExtensionListsController,
            MenusController,
            NumbersController,
            RecordingsController,
            RouteController,
            RegionsController,
            QueuesController,
            ScenariosController,
            SchedulesController,
            SettingsController,
            TagsController,
            TenantsController,
            TokensController,
            *plugin_routes(context.host),
        ],
        guards=[admitted],
        dependencies={
            "context": Provide(_context, sync_to_thread=False),
            "actor": Provide(_actor, sync_to_thread=False),
            "tenant": Provide(_tenant, sync_to_thread=False),
            "office": Provide(_office, sync_to_thread=False),
            "saving": Provide(saving, sync_to_thread=False),
        },
    )
    return Litestar(
        route_handlers=[Router(PATH, route_handlers=[operations, openapi, docs])],
        state=State({"context": context}),
        before_request=intake.before_request,
        request_max_body_size=LARGEST_REQUEST,
        exception_handlers=problems.handlers,
        openapi_config=schema.configuration(context.settings.http.brand),
        logging_config=None,
    )


def _untouched(scope: Scope) -> Scope:
    """The scope with its whole path and nothing that the outer application noted in it.

    HEAD is GET without content (RFC 9110 §9.3.2); the server leaves the content out by itself.
    """
    fresh: Any = {name: value for name, value in scope.items() if name not in _NOTES}
    fresh["path"] = PATH + scope["path"]
    fresh["state"] = {}
    if fresh["type"] == "http" and fresh["method"] == "HEAD":
        fresh["method"] = "GET"
    return fresh  # type: ignore[no-any-return]


_NOTES = frozenset(
    {"path_params", "path_template", "route_handler", "user", "auth", "session", "app", "litestar_app"}
)


def _context(state: State) -> WebContext:
    context: WebContext = state.context
    return context


def _actor(request: Request[Any, Any, Any]) -> Actor:
    return caller_of(request)


def _office(state: State, request: Request[Any, Any, Any]) -> Office:
    return DatabaseOffice(_context(state).database, tenant_of(request), caller_of(request))


def _tenant(request: Request[Any, Any, Any]) -> Tenant:
    return tenant_of(request)
