"""Who sends a request: a carrier known by address, one of our lines by digest, or nobody."""

from __future__ import annotations

from msgspec import Struct

from core.contracts import Line, Trunk

__all__ = ["FromLine", "FromTrunk", "Origin"]


class FromTrunk(Struct, frozen=True):
    """The source address belongs to this carrier."""

    trunk: Trunk


class FromLine(Struct, frozen=True):
    """The request was authenticated as this line, and its From names the same line."""

    line: Line


Origin = FromTrunk | FromLine
