"""The one place where errors become answers of the API: problem documents (RFC 9457).

``code`` is what programs look at and never changes; ``title`` and ``detail`` are for people, in the
language of ``Accept-Language``; ``errors`` names the fields. Never a stack trace, never whether
something exists that is not the caller's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import msgspec
import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException, MethodNotAllowedException, NotFoundException
from msgspec import Struct

from core.errors import FieldError, Invalid, NotFound, SunSimError, TooManyRequests
from tenants.services.uses import InUse, Use
from web.api.intake import Malformed, allowed
from web.i18n import Language, language, negotiate
from web.pages import N_

__all__ = [
    "MEDIA_TYPE",
    "TITLES",
    "FieldProblem",
    "Problem",
    "UnsupportedMedia",
    "handlers",
    "problem_of",
]

log = structlog.get_logger(__name__)

MEDIA_TYPE = "application/problem+json"
DOCUMENTATION = "/api/v1/docs"

TITLES = {
    "malformed": (400, N_("The request cannot be read")),
    "unauthenticated": (401, N_("No valid token")),
    "insufficient_scope": (403, N_("A scope is missing")),
    "forbidden": (403, N_("Not allowed")),
    "not_found": (404, N_("Nothing there")),
    "method_not_allowed": (405, N_("Another method is needed")),
    "conflict": (409, N_("Conflict with the present state")),
    "too_large": (413, N_("Too much content")),
    "unsupported_media_type": (415, N_("Another format is needed")),
    "invalid": (422, N_("Some fields need correction")),
    "too_many_requests": (429, N_("Too many requests")),
    "internal": (500, N_("Something went wrong on our side")),
    "unavailable": (503, N_("Not reachable now")),
}
"""Every code with its status and title; a code that is not here has the title of its status."""

AnyRequest = Request[Any, Any, Any]


class FieldProblem(Struct, frozen=True):
    """What is wrong with one field: its name (with a path inside it), and where it was sent."""

    field: str
    detail: str
    source: str = "body"


class Problem(Struct, frozen=True, omit_defaults=True):
    """Why a request failed. ``type`` leads to the description of ``code``; ``uses`` are the places
    where something is used that therefore cannot be deleted."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    errors: tuple[FieldProblem, ...] = ()
    uses: tuple[Use, ...] = ()


class MethodNotAllowed(SunSimError):
    """There is something at this address, but not with this method."""

    code = "method_not_allowed"
    http_status = 405


class TooLarge(SunSimError):
    """The request is larger than anything that is expected here."""

    code = "too_large"
    http_status = 413


class UnsupportedMedia(SunSimError):
    """The content must be {expected}."""

    code = "unsupported_media_type"
    http_status = 415

    def __init__(self, expected: str) -> None:
        super().__init__(expected=expected)


class _InvalidRequest(Invalid):
    """What does not fit the schema; ``sources`` says where each field was sent."""

    def __init__(self, errors: dict[str, FieldError], sources: dict[str, str]) -> None:
        super().__init__(N_("Some fields need correction."), **errors)
        self.sources = sources


def on_error(request: AnyRequest, error: Exception) -> Response[bytes]:
    """The problem document for any exception that an operation let through."""
    known = _known(error)
    words = language(negotiate(request.headers.get("Accept-Language", "")))
    response = Response(
        msgspec.json.encode(problem_of(known, words)),
        status_code=known.http_status,
        media_type=MEDIA_TYPE,
        headers={"content-language": words.code, "vary": "Accept-Language"},
    )
    if isinstance(known, TooManyRequests):
        response.set_header("Retry-After", str(known.retry_after))
    if isinstance(known, MethodNotAllowed):
        response.set_header("Allow", ", ".join(allowed(request)))
    challenge = getattr(known, "challenge", 'Bearer realm="sunsim"')
    if known.http_status == 401 or hasattr(known, "challenge"):
        response.set_header("WWW-Authenticate", challenge)
    return response


handlers: dict[int | type[Exception], Any] = {
    SunSimError: on_error,
    HTTPException: on_error,
    Exception: on_error,
}
"""For Litestar's ``exception_handlers``."""


def problem_of(error: SunSimError, words: Language) -> Problem:
    """The document for an error, in one language."""
    code = error.code if error.code in TITLES else _code_of(error.http_status)
    return Problem(
        type=f"{DOCUMENTATION}#problem-{code}",
        title=words.gettext(TITLES[code][1]),
        status=error.http_status,
        code=error.code,
        detail=words.error(error),
        errors=tuple(_fields(error, words)) if isinstance(error, Invalid) else (),
        uses=error.uses if isinstance(error, InUse) else (),
    )


def _code_of(status: int) -> str:
    return next((code for code, (known, _) in TITLES.items() if known == status), "internal")


def _fields(error: Invalid, words: Language) -> Iterator[FieldProblem]:
    sources = error.sources if isinstance(error, _InvalidRequest) else {}
    for name, problem in error.errors.items():
        yield FieldProblem(name, words.error(problem), sources.get(name, "body"))


# --- what the framework raises ----------------------------------------------------------------


def _known(error: Exception) -> SunSimError:
    """The error of ours that says the same to the caller."""
    if isinstance(error, SunSimError):
        if error.http_status >= 500:
            log.error("api_failed", error=error.code)
        return error
    if isinstance(error, MethodNotAllowedException):
        return MethodNotAllowed()
    if isinstance(error, NotFoundException):
        return NotFound()
    if isinstance(error, HTTPException) and error.status_code < 500:
        return TooLarge() if error.status_code == 413 else _unreadable(error)
    log.exception("api_crashed", exc_info=error)
    return SunSimError()


def _unreadable(error: HTTPException) -> SunSimError:
    """Content that does not fit: Invalid with its fields; an id that is none leads nowhere."""
    errors: dict[str, FieldError] = {}
    sources: dict[str, str] = {}
    found = error.extra if isinstance(error.extra, list) else []
    for entry in found:
        source = str(getattr(entry.get("source"), "value", entry.get("source") or "body"))
        if source == "path":
            return NotFound()
        if entry["message"] == _NOTHING:
            return Malformed()
        name, problem = _field(str(entry.get("key") or ""), str(entry["message"]))
        errors[name], sources[name] = problem, source
    return _InvalidRequest(errors, sources) if errors else Malformed()


_NOTHING = "'data'"
"""The framework's word for a request without the content that the operation needs."""

# What msgspec says: the sentence, and at its end where («$.data.email»).
_PLACE = re.compile(r" - at `\$\.?(?:data\.?)?([^`]*)`$")
_MISSING = re.compile(r"Object missing required field `([^`]+)`")
_UNKNOWN = re.compile(r"Object contains unknown field `([^`]+)`")


def _field(key: str, message: str) -> tuple[str, FieldError]:
    place = _PLACE.search(message)
    if place:
        key, message = key or place[1], message[: place.start()]
    key = key.removeprefix("data.") if key != "data" else ""
    for pattern, sentence in (
        (_MISSING, N_("This is needed.")),
        (_UNKNOWN, N_("There is no such field.")),
    ):
        if found := pattern.search(message):
            inner = found[1] if found[1] != key.rpartition(".")[2] else ""
            return ".".join(part for part in (key, inner) if part), FieldError(sentence)
    return key, FieldError(N_("This does not fit: {problem}."), problem=message.rstrip("."))
