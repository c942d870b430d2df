"""Checking the fields of a command, so that all that is wrong is said at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from core.errors import FieldError, Invalid

__all__ = ["checked"]


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
