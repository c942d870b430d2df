"""Checking the fields of a command, so that all that is wrong is said at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from msgspec import UNSET, Struct
from msgspec.structs import asdict

from core.errors import FieldError, Invalid

__all__ = ["checked", "given", "proper_name"]

_LONGEST_NAME = 120


def given(command: Struct, *without: str) -> dict[str, Any]:
    """The fields of a command that were sent, by name."""
    fields = asdict(command).items()
    return {name: value for name, value in fields if value is not UNSET and name not in without}


def proper_name(text: str) -> str:
    """A name of somebody or something, in one line. Raises FieldError."""
    name = " ".join(text.split())
    if not name or len(name) > _LONGEST_NAME or not name.isprintable():
        raise FieldError("A name has 1 to 120 characters.")
    return name


def checked(
    given: Mapping[str, Any],
    checks: Mapping[str, Callable[[Any], Any]],
    required: Iterable[str] = (),
) -> dict[str, Any]:
    """``given`` with each checked field in its stored form; an empty text is ``None``.

    Raises Invalid naming every field that cannot be used and every required one that is empty.
    """
    values = dict(given)
    errors: dict[str, FieldError] = {}
    for name in values.keys() & checks.keys():
        value = values[name]
        try:
            empty = value is None or (isinstance(value, str) and not value.strip())
            values[name] = None if empty else checks[name](value)
        except FieldError as error:
            errors[name] = error
    for name in required:
        if name in values and values[name] is None:
            errors[name] = FieldError("This is needed.")
    if errors:
        raise Invalid(**errors)
    return values
