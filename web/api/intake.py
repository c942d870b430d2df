"""What every request goes through before its operation: OPTIONS is answered, content is looked at."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any

from litestar import Litestar, Request, Response
from litestar.exceptions import HTTPException, InternalServerException

from core.errors import SunSimError

__all__ = ["JSON", "METHODS", "Malformed", "allowed", "before_request", "content_of"]

METHODS = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")

JSON = "application/json"

# A text with this character can neither be stored nor looked for: PostgreSQL has none.
_NUL_ASKED = b"%00"
_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")


class Malformed(SunSimError):
    """The request cannot be read. Send one JSON object in UTF-8."""

    code = "malformed"
    http_status = 400


async def before_request(request: Request[Any, Any, Any]) -> Response[None] | None:
    """Litestar's hook: an answer, or ``None`` to go on. Raises Malformed for what is no text."""
    if request.method == "OPTIONS":
        return Response(None, status_code=204, headers={"allow": ", ".join(allowed(request))})
    if _NUL_ASKED in request.scope["query_string"]:
        raise Malformed
    if request.method not in ("GET", "DELETE") and not _reads_by_itself(request):
        try:
            text = (await request.body()).decode()
        except (UnicodeDecodeError, InternalServerException):  # the latter: the client went away
            raise Malformed from None
        if _NUL.search(text):
            raise Malformed
    return None


async def content_of(request: Request[Any, Any, Any]) -> AsyncIterator[bytes]:
    """What is sent, block by block. Raises Malformed if the client goes away before its end."""
    try:
        async for block in request.stream():
            yield block
    except InternalServerException:
        raise Malformed from None


def _reads_by_itself(request: Request[Any, Any, Any]) -> bool:
    """Whether the content is no text, and may be too much to be kept in memory."""
    need = request.route_handler.opt.get("need")
    return getattr(need, "content", JSON) != JSON


def allowed(request: Request[Any, Any, Any]) -> list[str]:
    """The methods of the request's address, for ``Allow`` (RFC 9110 §10.2.1)."""
    app: Litestar = request.app
    path = request.scope["path"].rstrip("/")
    found = set()
    for method in METHODS:
        try:
            app.asgi_router.handle_routing(path=path, method=method)
        except HTTPException:
            continue
        found.add(method)
    return sorted(found | {"HEAD"} if "GET" in found else found)
