"""Whom callers reach by dialling an extension. The permission lives with its owner (EXT-04)."""

from __future__ import annotations

from collections.abc import Collection

from core.contracts import Addressee, AddresseeKind
from core.routing.compiled import Compiled

__all__ = ["dialable", "dialled"]


def dialled(
    compiled: Compiled, digits: str, numbers: Collection[str] | None = None
) -> Addressee | None:
    """Who is dialled by these digits; ``None`` if nobody may be (EXT-03, EXT-06).

    ``numbers`` are those of the list, ``None`` is any. Colleagues need no permission (EMP-13): they are
    not asked here.
    """
    if numbers is not None and digits not in numbers:
        return None
    addressee = Addressee(AddresseeKind.EXTENSION, digits)
    owner = compiled.owner(addressee)
    return addressee if owner is not None and owner.dialled_from_menu else None


def dialable(compiled: Compiled, numbers: Collection[str] | None = None) -> tuple[str, ...]:
    """All extensions that a caller may dial now, in order."""
    return tuple(sorted(each for each in compiled.owners if dialled(compiled, each, numbers)))
