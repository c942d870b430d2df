"""Plugins' operations below ``/api/v1``: there for the contracts that have the plugin, else nowhere.

A handler may declare the scope that it needs (``opt={"scope": "calls:read"}``); without one, reading
needs ``plugins:read`` and everything else ``plugins:write``.
"""

from __future__ import annotations

from typing import Any

from litestar import Router
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler, HTTPRouteHandler
from litestar.openapi.spec import Operation
from litestar.types import Guard

from core.contracts import Tenant
from core.errors import NotFound
from core.host import Host
from web.api.access import AnyConnection, caller_of
from web.api.schema import ApiOperation
from web.context import WebContext

__all__ = ["plugin_routes", "tenant_of"]


def plugin_routes(host: Host) -> list[Router]:
    """One router for each plugin that has operations."""
    return [
        Router(
            "/",
            route_handlers=[_documented(handler) for handler in owned.item.api],
            guards=[_of_contract(owned.plugin)],
            tags=[host.manifests[owned.plugin].title],
        )
        for owned in host.routes
        if owned.item.api
    ]


def _documented(handler: Any) -> Any:
    """Described by its docstring as ours are, unless the plugin describes it by itself."""
    if isinstance(handler, HTTPRouteHandler) and handler.operation_class is Operation:
        handler.operation_class = ApiOperation
    return handler


def tenant_of(connection: AnyConnection) -> Tenant:
    """The caller's company as plugins see it. Raises NotFound for who has none."""
    context: WebContext = connection.app.state.context
    tenant_id = caller_of(connection).tenant_id
    snapshot = context.directory.snapshot(tenant_id) if tenant_id else None
    if snapshot is None:
        raise NotFound
    return snapshot.tenant


def _of_contract(plugin: str) -> Guard:
    def guard(connection: ASGIConnection, _: BaseRouteHandler) -> None:
        if plugin not in tenant_of(connection).plugins:
            raise NotFound

    return guard
