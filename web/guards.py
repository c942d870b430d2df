"""Guards of the cabinet besides `web.sessions.signed_in`: same origin, and plugins of the contract."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler
from litestar.types import Guard

from core.errors import Forbidden, NotFound
from web.context import WebContext
from web.sessions import Visitor

__all__ = ["has_plugin", "same_origin"]

AnyConnection = ASGIConnection[Any, Any, Any, Any]

_SAFE = {"GET", "HEAD", "OPTIONS"}


def same_origin(connection: AnyConnection, _: BaseRouteHandler) -> None:
    """Refuses what another site's page sends in the reader's name; the token is the second lock.

    Browsers say where a form comes from (Fetch Metadata, Origin); who says nothing is no browser.
    """
    if connection.scope.get("method", "GET") in _SAFE:
        return
    if connection.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise Forbidden
    origin = connection.headers.get("origin")
    if origin is None:
        return
    context: WebContext = connection.app.state.context
    public = context.settings.http.public_url
    own = {connection.headers.get("host", "")} | ({urlsplit(public).netloc} if public else set())
    if urlsplit(origin).netloc not in own:
        raise Forbidden


def has_plugin(name: str) -> Guard:
    """A guard for the pages of one plugin: nothing is there for a company without it."""

    def guard(connection: AnyConnection, _: BaseRouteHandler) -> None:
        visitor = connection.scope.get("user")
        if not isinstance(visitor, Visitor) or name not in visitor.hooks:
            raise NotFound

    return guard
