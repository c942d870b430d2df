"""What voice menus and extension lists have in common for who edits them: name, media, times."""

from __future__ import annotations

from typing import Any, Protocol, TypeVar
from uuid import UUID

import msgspec
from msgspec import Struct

from core.errors import FieldError
from tenants.services.forms import proper_name
from tenants.services.scenario_blocks import Known

__all__ = ["fields_wrong", "named"]

_LONGEST_WAIT = 300

T = TypeVar("T", bound=Struct)


class _Voice(Protocol):
    @property
    def instruction(self) -> UUID | None: ...
    @property
    def wrong(self) -> UUID | None: ...
    @property
    def repeat_seconds(self) -> int | None: ...
    @property
    def idle_seconds(self) -> int: ...


def named(body: T, name: str, errors: dict[str, FieldError]) -> T:
    """The body under this name, as it is stored; what is wrong with it goes into ``errors``."""
    try:
        changed: Any = msgspec.structs.replace(body, name=proper_name(name))
    except FieldError as error:
        errors["name"] = error
        return body
    return changed  # type: ignore[no-any-return]


def fields_wrong(body: _Voice, there: Known) -> dict[str, FieldError]:
    """What is wrong with its times and media (IVR-03 … IVR-05, EXT-01, EXT-02)."""
    errors: dict[str, FieldError] = {}
    if not 1 <= body.idle_seconds <= _LONGEST_WAIT:
        errors["idle_seconds"] = FieldError(
            "From 1 to {most} seconds are possible.", most=_LONGEST_WAIT
        )
    if body.repeat_seconds is not None and not 1 <= body.repeat_seconds < body.idle_seconds:
        problem = "The time until the next block must be longer than that until the repetition."
        errors["repeat_seconds"] = FieldError(problem)
    for name, media in (("instruction", body.instruction), ("wrong", body.wrong)):
        if media is not None and media not in there.media:
            errors[name] = FieldError("There is no such media.")
    return errors
