"""From which federal subjects a caller's number is: the imported plan, or what libphonenumber knows.

Without a plan the regions of fixed lines are libphonenumber's and those of mobiles unknown, since it
has none for them.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from functools import cache, lru_cache
from types import ModuleType
from uuid import UUID

import phonenumbers

from core.regions import subjects_in
from core.routing.tables import the_core

__all__ = ["Regions", "load_geocoder", "origins_of"]


class Regions:
    """Knows one plan, exchanged whole by ``put``."""

    def __init__(self) -> None:
        self._plan = the_core.NumberingPlan(b"", b"")
        self.plan_id: UUID | None = None

    def put(self, plan_id: UUID, edges: bytes, subjects: bytes) -> None:
        """From now on this plan. ValueError, and the old one stays, if it is none."""
        self._plan = the_core.NumberingPlan(edges, subjects)
        self.plan_id = plan_id

    def of(self, e164: str | None) -> tuple[int, ...]:
        """Codes of the subjects; two where a range is shared, none if unknown."""
        if e164 is None:
            return ()
        if self.plan_id is None:
            return _geocoded(e164)
        return self._plan.subjects(the_core.digits(e164))


@cache
def load_geocoder() -> ModuleType:
    """What libphonenumber knows of places, half a second's work: before the first call, and only where
    there are calls."""
    from phonenumbers import geocoder

    return geocoder


def origins_of(edges: bytes, subjects: bytes) -> Mapping[tuple[int, ...], str]:
    """In which sets the regions of a plan come, each with a number from there, ``+E.164``.

    ``edges`` and ``subjects`` are those of ``core._slownumbering``.
    """
    numbers, codes = array("Q", edges), array("H", subjects)
    plan = the_core.NumberingPlan(edges, subjects)
    some = {code: f"+7{numbers[codes.index(code)]:010}" for code in set(codes) if code}
    return {plan.subjects(the_core.digits(number)): number for number in some.values()}


@lru_cache(maxsize=10_000)
def _geocoded(e164: str) -> tuple[int, ...]:
    if not e164.startswith("+7"):
        return ()
    try:
        number = phonenumbers.parse(e164)
    except phonenumbers.NumberParseException:
        return ()
    return subjects_in(load_geocoder().description_for_number(number, "ru"))[:2]
