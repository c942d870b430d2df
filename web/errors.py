"""The one place where errors become pages: `core.errors`, the router's own, and the unforeseen.

A whole page for a navigation; for a part fetched by htmx a header that shows a short message, so that
what was typed stays. Somebody who is not signed in is led to the login and back. Never a stack trace,
never another tenant's existence.
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import structlog
from litestar import MediaType, Request, Response
from litestar.exceptions import HTTPException
from litestar.response import Redirect

from core.errors import Forbidden, Invalid, NotFound, SunSimError, TooManyRequests, Unauthenticated
from web.headers import HEADERS
from web.i18n import Language
from web.pages import N_
from web.sessions import anonymous_page

__all__ = ["field_errors", "handlers"]

log = structlog.get_logger(__name__)

TITLES = {
    400: N_("This request cannot be understood"),
    403: N_("Not allowed"),
    404: N_("There is nothing here"),
    429: N_("Too many attempts"),
    503: N_("Not reachable now"),
}
OTHER = N_("Something went wrong")
STALE = N_("The page was open for too long. Load it anew and repeat the action.")

AnyRequest = Request[Any, Any, Any]


def field_errors(error: Invalid, language: Language) -> dict[str, str]:
    """What is wrong with each field, in the reader's words; under ``""`` what concerns the whole."""
    errors = {name: language.error(field) for name, field in error.errors.items()}
    return errors or {"": language.error(error)}


def on_error(request: AnyRequest, error: Exception) -> Response[Any]:
    """The page for any exception that a handler let through."""
    known = _known(error)
    if request.url.path.startswith("/api"):
        return _problem(known)
    if isinstance(known, Unauthenticated):
        return _to_login(request)
    page = anonymous_page(request)
    title = page.text(TITLES.get(known.http_status, OTHER))
    text = page.language.error(known)
    if request.headers.get("HX-Request") == "true":
        detail = json.dumps({"say": {"text": text, "bad": True}})
        response: Response[Any] = Response(
            "", status_code=known.http_status, headers={"HX-Trigger": detail}, media_type=MediaType.HTML
        )
    else:
        response = page.render("error.html", known.http_status, title=title, text=text)
    if isinstance(known, TooManyRequests):
        response.set_header("Retry-After", str(known.retry_after))
    for name, value in HEADERS.items():  # no middleware sees an address that no handler has
        response.set_header(name, value)
    return response


handlers: dict[int | type[Exception], Any] = {
    SunSimError: on_error,
    HTTPException: on_error,
    Exception: on_error,
}
"""For Litestar's ``exception_handlers``."""


def _problem(known: SunSimError) -> Response[Any]:
    """An address below /api that no handler has: its readers are programs (RFC 9457)."""
    return Response(
        {
            "type": "about:blank",
            "title": known.message,
            "status": known.http_status,
            "code": known.code,
        },
        status_code=known.http_status,
        media_type="application/problem+json",
    )


def _known(error: Exception) -> SunSimError:
    """The error of ours that says the same to the reader."""
    if isinstance(error, SunSimError):
        if error.http_status >= 500:
            log.error("page_failed", error=error.code)
        return error
    if isinstance(error, HTTPException):
        if error.status_code == 403:
            return Forbidden(STALE) if "CSRF" in str(error.detail) else Forbidden()
        if error.status_code == 401:
            return Unauthenticated()
        if error.status_code in (404, 405):
            return NotFound()
        if error.status_code < 500:
            return _Bad()
    log.exception("page_crashed", exc_info=error)
    return SunSimError()


class _Bad(SunSimError):
    """Some of the address or of what was sent does not fit. Go back and try again."""

    code = "bad_request"
    http_status = 400


def _to_login(request: AnyRequest) -> Response[Any]:
    here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    target = (
        "/login" if here == "/" or request.method != "GET" else f"/login?next={quote(here, safe='')}"
    )
    if request.headers.get("HX-Request") == "true":
        return Response("", status_code=401, headers={"HX-Redirect": "/login"})
    if request.headers.get("Accept") == "text/event-stream":
        return Response("", status_code=401)
    return Redirect(target, status_code=303)
