"""Feature codes: what an employee dials, or presses while he talks, to have something done.

One table for each company (``Snapshot.feature_codes``). ``pickup`` is dialled, alone or with the
extension of who is called; the others are pressed in a conversation, ``transfer`` and ``consult`` with
the extension, or a number and ``#``, of whom the other one is to talk with.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from msgspec import Struct

__all__ = ["DEFAULTS", "Feature", "FeatureCode", "dialled", "pressed"]


class Feature(StrEnum):
    """What a code does."""

    PICKUP = "pickup"  # take a call that rings at a colleague's or, alone, in one's own groups
    TRANSFER = "transfer"  # pass on whom one talks with, and leave
    CONSULT = "consult"  # talk with a colleague first; again: back
    RECORDING = "recording"  # pause the recording, or go on with it


class FeatureCode(Struct, frozen=True):
    """``code`` begins with ``*``, and no code of a company is the beginning of another."""

    feature: Feature
    code: str


DEFAULTS = (
    FeatureCode(Feature.PICKUP, "*8"),
    FeatureCode(Feature.TRANSFER, "*1"),
    FeatureCode(Feature.CONSULT, "*2"),
    FeatureCode(Feature.RECORDING, "*3"),
)
"""Of a company that has chosen nothing."""


def dialled(codes: Sequence[FeatureCode], number: str) -> tuple[Feature, str] | None:
    """What somebody wants who dials this: the feature, and what follows its code."""
    found = (each for each in codes if number.startswith(each.code))
    return next(((each.feature, number[len(each.code) :]) for each in found), None)


def pressed(codes: Sequence[FeatureCode], keys: str) -> Feature | bool:
    """The feature of these keys, whether they may still become one, or not."""
    for each in codes:
        if each.code == keys:
            return each.feature
    return any(each.code.startswith(keys) for each in codes)
