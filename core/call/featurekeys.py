"""The feature codes that the company's people press while they talk; a client's keys are no codes.

A code may be pressed at any time; keys further apart than ``_PAUSE`` do not belong together. A code
that needs to know whom is followed by an extension, complete as soon as no other one begins so, or by
any number and ``#``. Whom one talks with hears the keys, as the media server passes them on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from typing import Protocol

from core.call.leg import Leg
from core.features import Feature, FeatureCode, pressed

__all__ = ["FeatureKeys"]

_PAUSE = 3.0  # seconds
_NEED_A_NUMBER = (Feature.TRANSFER, Feature.CONSULT)
_LONGEST = 20


class _Obey(Protocol):
    def __call__(self, leg: Leg, feature: Feature, number: str) -> bool:
        """Do it, now that it is known for whom; whether that is all, without a number."""
        ...


class FeatureKeys:
    """``obey(leg, feature, number)`` is called once a code is complete, first without a number: True
    says that it needs none."""

    def __init__(self, codes: Sequence[FeatureCode], extensions: Collection[str], obey: _Obey) -> None:
        self._codes = codes
        self._extensions = extensions
        self._obey = obey
        self._keys: dict[Leg, str] = {}
        self._wanted: dict[Leg, Feature] = {}
        self._timers: dict[Leg, asyncio.TimerHandle] = {}

    def pressed(self, leg: Leg, key: str) -> None:
        """A party of the conversation pressed a key."""
        if leg.employee_id is None:
            return
        self._stop(leg)
        if leg in self._wanted:
            self._number(leg, key)
        else:
            self._code(leg, key)
        if leg in self._keys or leg in self._wanted:
            loop = asyncio.get_running_loop()
            self._timers[leg] = loop.call_later(_PAUSE, self._paused, leg)

    def close(self) -> None:
        """The conversation is over."""
        for leg in tuple(self._timers):
            self._stop(leg)
        self._obey = _nothing_more

    def _code(self, leg: Leg, key: str) -> None:
        keys = self._keys.pop(leg, "") + key
        found = pressed(self._codes, keys)
        if isinstance(found, Feature):
            if found is not Feature.PICKUP and not self._obey(leg, found, ""):
                self._wanted[leg] = found
        elif found:
            self._keys[leg] = keys
        elif keys != key:  # another code may begin with the last key
            self._code(leg, key)

    def _number(self, leg: Leg, key: str) -> None:
        number = self._keys.get(leg, "")
        if key == "#":
            self._complete(leg)
        elif key.isdigit() and len(number) < _LONGEST:
            number = self._keys[leg] = number + key
            longer = any(each.startswith(number) and each != number for each in self._extensions)
            if number in self._extensions and not longer:
                self._complete(leg)
        else:  # not what he wanted
            self._forget(leg)

    def _paused(self, leg: Leg) -> None:
        if leg in self._wanted:
            self._complete(leg)
        else:
            self._forget(leg)

    def _complete(self, leg: Leg) -> None:
        number, feature = self._keys.get(leg, ""), self._wanted.get(leg)
        self._forget(leg)
        if number and feature in _NEED_A_NUMBER:
            self._obey(leg, feature, number)

    def _forget(self, leg: Leg) -> None:
        self._stop(leg)
        self._keys.pop(leg, None)
        self._wanted.pop(leg, None)

    def _stop(self, leg: Leg) -> None:
        timer = self._timers.pop(leg, None)
        if timer is not None:
            timer.cancel()


def _nothing_more(leg: Leg, feature: Feature, number: str) -> bool:
    """Nobody obeys."""
    return True
