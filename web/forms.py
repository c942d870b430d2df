"""What browsers send: fields as text, and the addresses of filtered lists."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, TypeVar
from urllib.parse import urlencode
from uuid import UUID

from litestar import Request
from msgspec import Struct

from core.errors import FieldError, Invalid, NotFound

__all__ = ["Chip", "choice", "fields", "key", "number", "with_query"]

E = TypeVar("E", bound=StrEnum)


class Chip(Struct, frozen=True):
    """A filter above a list: a link to the list with the filter set, or without it if it is."""

    title: str
    path: str
    chosen: bool = False


async def fields(request: Request[Any, Any, Any]) -> dict[str, str]:
    """The form's fields as text; of a field sent twice the last one counts.

    NUL, which no browser sends and no text in the database can have, becomes U+FFFD.
    """
    sent = (await request.form()).items()
    return {name: value.replace("\0", "\ufffd") for name, value in sent if isinstance(value, str)}


def key(text: str) -> UUID:
    """An id from an address. Raises NotFound for what cannot be one."""
    try:
        return UUID(text)
    except ValueError:
        raise NotFound from None


def number(text: str) -> int:
    """A count or a version that a page wrote itself. Raises Invalid."""
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise Invalid
    return int(text)


def choice(kind: type[E], text: str, name: str) -> E:
    """One of a fixed set. Raises Invalid naming the field."""
    try:
        return kind(text)
    except ValueError:
        raise Invalid(None, **{name: FieldError()}) from None


def with_query(path: str, query: Mapping[str, str]) -> str:
    """The address with those parameters that have a value."""
    text = urlencode({name: value for name, value in query.items() if value})
    return f"{path}?{text}" if text else path
