"""What is sent to the API: the services' own commands, strict, without what the address says.

A field that a command does not know is refused, so that a misspelt name is never silently ignored.
"""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec
from msgspec import NODEFAULT, Struct
from msgspec.structs import asdict

__all__ = ["body_of", "command_of"]

C = TypeVar("C", bound=Struct)


def body_of(command: type[Struct], *without: str) -> Any:
    """The struct of a request's content: the fields of ``command`` except those ``without``."""
    fields: list[Any] = []
    for field in msgspec.structs.fields(command):
        if field.name in without:
            continue
        if field.default is not NODEFAULT:
            fields.append((field.name, field.type, field.default))
        elif field.default_factory is not NODEFAULT:
            fields.append(
                (field.name, field.type, msgspec.field(default_factory=field.default_factory))
            )
        else:
            fields.append((field.name, field.type))
    return msgspec.defstruct(
        command.__name__,
        fields,
        module=__name__,
        namespace={"__doc__": command.__doc__},
        frozen=True,
        kw_only=True,
        forbid_unknown_fields=True,
    )


def command_of(command: type[C], body: Struct, **more: Any) -> C:
    """The command that a content and the address together say."""
    return command(**asdict(body), **more)
