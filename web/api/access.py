"""Who may call which operation: bearer tokens (RFC 6750), their scopes, and how often.

A token is sent in ``Authorization`` and nowhere else: never as a cookie, never in an address. What an
operation needs is declared beside it with ``needs`` and enforced here; the documentation is made
from the same declaration. Services ask for the same scope again, so neither can be forgotten.
"""

from __future__ import annotations

import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable
from enum import StrEnum
from typing import Any

import structlog
from litestar.connection import ASGIConnection
from litestar.di import NamedDependency
from litestar.handlers import BaseRouteHandler
from msgspec import Struct

from core.errors import Forbidden, NotFound, Unauthenticated
from tenants.secrets import hash_token
from tenants.services import tokens
from tenants.services.actor import Actor, Role
from tenants.services.throttle import Window
from web.api.intake import JSON
from web.api.problems import UnsupportedMedia
from web.context import WebContext
from web.pages import N_

__all__ = ["Audience", "Gate", "Need", "TheActor", "caller_of", "need_of", "needs"]

TheActor = NamedDependency[Actor]
"""On whose behalf an operation runs, in the signature of a handler."""

AnyConnection = ASGIConnection[Any, Any, Any, Any]

REQUESTS, REQUESTS_SECONDS = 600, 60.0
FAILURES, FAILURES_SECONDS = 20, 300.0
_LONGEST_TOKEN = 200
_REMEMBERED = 10_000
_SAFE = {"GET", "HEAD"}


class Audience(StrEnum):
    """Whose tokens an operation is for."""

    TENANT = "tenant"
    OPERATOR = "operator"
    BOTH = "both"


class Need(Struct, frozen=True):
    """What an operation asks for; ``conflict`` says that it may answer 409. ``content`` is what is sent
    to it; what is not JSON is read by the operation itself, bit by bit. A ``plugin``'s is not there for
    companies without the plugin."""

    scope: str
    audience: Audience = Audience.TENANT
    conflict: bool = False
    content: str = JSON
    plugin: bool = False


class ScopeMissing(Forbidden):
    """The token reaches less far than the operation."""

    code = "insufficient_scope"

    def __init__(self, scope: str) -> None:
        super().__init__(N_("The token needs the scope {scope}."), scope=scope)
        self.challenge = f'Bearer realm="sunsim", error="insufficient_scope", scope="{scope}"'


class InvalidToken(Unauthenticated):
    """A token that is unknown, expired, revoked or of a suspended company; all alike."""

    challenge = 'Bearer realm="sunsim", error="invalid_token"'

    def __init__(self) -> None:
        super().__init__(N_("The token is not valid."))


def needs(
    scope: str,
    audience: Audience = Audience.TENANT,
    *,
    conflict: bool = False,
    content: str = JSON,
) -> dict[str, Any]:
    """Arguments for the decorator of an operation: ``@get("/", **needs("calls:read"))``."""
    return {"opt": {"need": Need(scope, audience, conflict, content)}}


def need_of(handler: BaseRouteHandler, method: str) -> Need:
    """What an operation declared; one of a plugin that did not is covered by the plugins' scopes."""
    declared = handler.opt.get("need")
    if isinstance(declared, Need):
        return declared
    scope = handler.opt.get("scope") or ("plugins:read" if method in _SAFE else "plugins:write")
    return Need(str(scope), conflict=bool(handler.opt.get("conflict")), plugin=True)


class Gate:
    """The guard of all operations, with the counts of one process.

    A token has 600 requests a minute. After 20 wrong tokens in five minutes an address has to wait,
    except with tokens that were right before: one bad program must not shut out the others of its
    office.
    """

    def __init__(
        self,
        requests: int = REQUESTS,
        failures: int = FAILURES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._requests = Window(requests, REQUESTS_SECONDS, clock)
        self._failures = Window(failures, FAILURES_SECONDS, clock)
        self._known: OrderedDict[str, None] = OrderedDict()

    async def admit(self, connection: AnyConnection, handler: BaseRouteHandler) -> None:
        """Litestar's guard: notes the caller, or raises what keeps it out."""
        method = connection.scope["method"]
        if method == "OPTIONS":  # says which methods there are, and nothing else
            return
        need = need_of(handler, method)
        actor = await self._authenticate(connection)
        _reaches(actor, need)
        _is_expected(connection, method, need.content)
        structlog.contextvars.bind_contextvars(tenant=str(actor.tenant_id or "operator"))
        connection.scope["user"] = actor

    async def _authenticate(self, connection: AnyConnection) -> Actor:
        token = _token(connection)
        hashed = hash_token(token)
        address = connection.client.host if connection.client else ""
        source = _network(address)
        if hashed not in self._known:
            self._failures.check(source)
        self._requests.check(hashed)
        context: WebContext = connection.app.state.context
        try:
            actor = await tokens.authenticate(context.database, token, address)
        except Unauthenticated:
            self._failures.mark(source)
            self._known.pop(hashed, None)
            raise InvalidToken from None
        self._requests.mark(hashed)
        self._known[hashed] = None
        self._known.move_to_end(hashed)
        if len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
        return actor


def caller_of(connection: AnyConnection) -> Actor:
    """Whom the gate let in. Raises Unauthenticated where there is no gate."""
    actor = connection.scope.get("user")
    if not isinstance(actor, Actor):
        raise Unauthenticated
    return actor


def _token(connection: AnyConnection) -> str:
    scheme, _, token = connection.headers.get("Authorization", "").partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not token:
        raise Unauthenticated(N_("Send a token: Authorization: Bearer …"))
    if len(token) > _LONGEST_TOKEN or not token.isascii():
        raise InvalidToken
    return token


def _reaches(actor: Actor, need: Need) -> None:
    """Raises NotFound for what is the operator's: others shall not even learn that it exists."""
    if actor.role is not Role.OPERATOR and need.audience is Audience.OPERATOR:
        raise NotFound
    if actor.role is Role.OPERATOR and need.audience is Audience.TENANT:
        raise Forbidden(N_("This needs a token of a company."))
    if not actor.allows(need.scope):
        raise ScopeMissing(need.scope)


def _is_expected(connection: AnyConnection, method: str, content: str) -> None:
    sent = connection.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if method not in _SAFE and sent and sent != content:
        raise UnsupportedMedia(content)


def _network(address: str) -> str:
    """Where failures are counted: an IPv4 address, or the /64 that one customer has of IPv6."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    return str(ipaddress.ip_network((address, 64), strict=False)) if parsed.version == 6 else address
