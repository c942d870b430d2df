"""Answers of saves with what the check says after them; see ``tenants.services.checks.Saving``."""

from __future__ import annotations

from typing import Any

from litestar import Request
from litestar.di import NamedDependency

from tenants.services.checks import Saving
from web.api.access import TheActor
from web.i18n import language, negotiate
from web.inject import TheContext

__all__ = ["TheSaving", "saving"]

TheSaving = NamedDependency[Saving]
"""Around a service's save, in the signature of a handler."""


def saving(request: Request[Any, Any, Any], context: TheContext, actor: TheActor) -> Saving:
    """In the language of the request."""
    words = language(negotiate(request.headers.get("Accept-Language", "")))
    return Saving(context.checks, actor, words.gettext)
