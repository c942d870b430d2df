"""An ear for tones: which of them is heard, one after the other, as its samples come in."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Mapping
from itertools import pairwise

from core.media.g711 import RATE
from core.media.tones import purity

__all__ = ["Ear"]

_WINDOW = RATE // 10
_LOUD = 600
_NEAR = 15.0  # hertz
_PURE = 0.7
_SURE = 2  # windows in a row until something counts as heard
SILENCE = ""


class Ear:
    """Tells ``on_heard`` the name of each of the ``tones`` (hertz by name) when it begins to sound.

    A tone that sounds again after a pause of two tenths of a second is told again.
    """

    def __init__(self, tones: Mapping[str, int], on_heard: Callable[[str], None]) -> None:
        self._tones = tones
        self._tell = on_heard
        self._rest = array("h")
        self._now = SILENCE
        self._likely, self._times = SILENCE, 0

    def hear(self, samples: array[int]) -> None:
        """What came next."""
        self._rest.extend(samples)
        while len(self._rest) >= _WINDOW:
            window, self._rest = self._rest[:_WINDOW], self._rest[_WINDOW:]
            self._judge(self._name(window))

    def _judge(self, name: str | None) -> None:
        if name is None:  # between two things
            return
        self._times = self._times + 1 if name == self._likely else 1
        self._likely = name
        if self._times == _SURE and name != self._now:
            self._now = name
            if name != SILENCE:
                self._tell(name)

    def _name(self, window: array[int]) -> str | None:
        if max(window) < _LOUD:
            return SILENCE
        rises = [at for at, (a, b) in enumerate(pairwise(window)) if a < 0 <= b]
        if len(rises) < 2:
            return None
        pitch = (len(rises) - 1) * RATE / (rises[-1] - rises[0])
        name = min(self._tones, key=lambda each: abs(self._tones[each] - pitch))
        near = abs(self._tones[name] - pitch) < _NEAR
        return name if near and purity(window, self._tones[name]) > _PURE else None
