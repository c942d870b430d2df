"""Who is there: the cookie of a signed-in browser, and what every page knows of its reader."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from litestar import Request, Response
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler
from markupsafe import Markup

from core.contracts import Tenant
from core.contributions import Place
from core.errors import Unauthenticated
from core.office import Viewer
from core.tenant_hooks import TenantHooks
from tenants.office import viewer_of
from tenants.services import sessions
from tenants.services.actor import Actor
from tenants.services.sessions import Identity, SignedIn
from web.context import WebContext
from web.i18n import LOCALES, negotiate
from web.pages import LANGUAGE, THEME, Page

__all__ = ["Visitor", "anonymous_page", "forget", "remember", "signed_in", "token_of", "visitor_of"]

AnyConnection = ASGIConnection[Any, Any, Any, Any]
AnyRequest = Request[Any, Any, Any]


class Visitor:
    """Somebody who has signed in: the person, the company, and the company's plugins."""

    def __init__(self, identity: Identity, tenant: Tenant, hooks: TenantHooks) -> None:
        self.identity = identity
        self.tenant = tenant
        self.hooks = hooks

    @property
    def actor(self) -> Actor:
        """On whose behalf services are asked."""
        return self.identity.actor

    async def panels(self, place: str, key: UUID | None, page: Page) -> list[Markup]:
        """What plugins add to a place of the cabinet: ``call`` or ``employee`` with its id."""
        return page.panels(await self.hooks.cabinet_panels(self.tenant, self.viewer, Place(place, key)))

    @property
    def viewer(self) -> Viewer:
        """The same person as plugins see them."""
        return viewer_of(self.actor, self.identity.locale)


async def signed_in(connection: AnyConnection, _: BaseRouteHandler) -> None:
    """Guard of the whole cabinet: the visitor, or Unauthenticated. Asked anew for each request."""
    context: WebContext = connection.app.state.context
    token = token_of(connection)
    if token is None:
        raise Unauthenticated
    address = connection.client.host if connection.client else ""
    identity = await sessions.authenticate(
        context.database, token, context.settings.http.session_hours, address
    )
    tenant_id = identity.actor.tenant
    snapshot = context.directory.snapshot(tenant_id)
    plugins = snapshot.plugins if snapshot else frozenset()
    zone = snapshot.timezone if snapshot else identity.timezone  # the reader may have another one
    tenant = Tenant(tenant_id, identity.tenant_name, zone, plugins)
    connection.scope["user"] = Visitor(identity, tenant, context.host.for_tenant(plugins))


def visitor_of(request: AnyRequest) -> Visitor:
    """The visitor that the guard has found. Raises Unauthenticated on a page without the guard."""
    visitor = request.scope.get("user")
    if not isinstance(visitor, Visitor):
        raise Unauthenticated
    return visitor


def token_of(connection: AnyConnection) -> str | None:
    """The session's token that the browser sent."""
    context: WebContext = connection.app.state.context
    return connection.cookies.get(cookie_name(context))


def remember(response: Response[Any], context: WebContext, session: SignedIn) -> None:
    """Put the session into the browser. The server decides when it ends, not the cookie."""
    response.set_cookie(
        cookie_name(context),
        session.token,
        path="/",
        max_age=30 * 86400,
        secure=context.secure,
        httponly=True,
        samesite="lax",
    )


def forget(response: Response[Any], context: WebContext) -> None:
    """Take the session out of the browser."""
    response.delete_cookie(cookie_name(context))


def cookie_name(context: WebContext) -> str:
    """With TLS the name itself keeps other hosts of the domain from setting it (RFC 6265bis §4.1.3)."""
    return "__Host-sunsim" if context.secure else "sunsim_session"


def anonymous_page(request: AnyRequest) -> Page:
    """A page that needs no session, in the language of the reader, if we know who reads."""
    context: WebContext = request.app.state.context
    visitor = request.scope.get("user")
    if isinstance(visitor, Visitor):
        identity = visitor.identity
        return Page(
            request,
            context.pages,
            locale=identity.locale,
            theme=identity.theme,
            zone=identity.timezone,
        )
    theme = request.cookies.get(THEME, "auto")
    return Page(request, context.pages, locale=_language(request), theme=theme)


def _language(request: AnyRequest) -> str:
    for chosen in (request.query_params.get("language"), request.cookies.get(LANGUAGE)):
        if chosen in LOCALES:
            return str(chosen)
    return negotiate(request.headers.get("Accept-Language", ""))
