"""Chains: the uploaded files and pauses that a media is made of, in their order (MED-06, MED-07)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta, Struct

from core.errors import FieldError
from core.media.clip import LONGEST

__all__ = ["FilePart", "Part", "Pause", "as_json", "checked_chain", "files_of", "from_json", "plays"]

_MOST_PARTS = 50


class FilePart(Struct, frozen=True, tag="file"):
    """An uploaded file, by its id."""

    file: UUID


class Pause(Struct, frozen=True, tag="pause"):
    """Silence, in milliseconds: a tenth of a second to a minute."""

    milliseconds: Annotated[int, Meta(ge=100, le=60_000)]


Part = FilePart | Pause


def checked_chain(chain: tuple[Part, ...]) -> tuple[Part, ...]:
    """The chain. Raises FieldError for one of too many parts, or without a file."""
    if not 1 <= len(chain) <= _MOST_PARTS or not files_of(chain):
        raise FieldError("A media has 1 to 50 parts, a file at least.")
    return chain


def files_of(chain: tuple[Part, ...]) -> set[UUID]:
    """The files in it."""
    return {part.file for part in chain if isinstance(part, FilePart)}


def plays(chain: tuple[Part, ...], files: Mapping[UUID, int]) -> int:
    """Milliseconds of a chain of files that play so long.

    Raises FieldError for a file that is not among them, and for more than a clip may have: one file can
    stand in a chain fifty times.
    """
    if not files_of(chain) <= files.keys():
        raise FieldError("There is no such file.")
    whole = sum(files[part.file] if isinstance(part, FilePart) else part.milliseconds for part in chain)
    if whole > LONGEST * 1000:
        raise FieldError("A media plays for at most {minutes} minutes.", minutes=LONGEST // 60)
    return whole


def as_json(chain: tuple[Part, ...]) -> str:
    """As it is stored."""
    return msgspec.json.encode(chain).decode()


def from_json(text: str) -> tuple[Part, ...]:
    """As it was stored."""
    return msgspec.json.decode(text, type=tuple[Part, ...])
