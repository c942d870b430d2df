"""The numbering plan in plain Python: from which federal subjects a Russian number is.

Part of the oracle (``_slowroute``); the compiled core has the same class. The plan is a list of edges:
from each edge on, up to the next, all numbers have the same subjects. Most ranges of the registry
continue the one before, so edges are fewer than ranges with a beginning and an end each.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right

__all__ = ["NumberingPlan"]

_RUSSIA = 7
_NATIONAL = 10**10
_SECOND = 256


class NumberingPlan:
    """``edges`` are national numbers of ten digits in rising order, as 64-bit integers; ``subjects``
    what holds from each on, as 16-bit integers: the code of a subject, plus 256 times that of a second
    one, 0 for none. ValueError if they do not fit together.
    """

    def __init__(self, edges: bytes, subjects: bytes) -> None:
        self._edges = array("Q", edges)
        self._subjects = array("H", subjects)
        if len(self._edges) != len(self._subjects):
            raise ValueError("every edge has its subjects")
        if any(a >= b for a, b in zip(self._edges, self._edges[1:], strict=False)):
            raise ValueError("edges rise")
        if self._edges and self._edges[-1] >= _NATIONAL:
            raise ValueError("edges have ten digits")

    def __len__(self) -> int:
        return len(self._edges)

    def subjects(self, digits: int) -> tuple[int, ...]:
        """Codes of the subjects of a number, ``digits`` of its E.164 form; empty if unknown."""
        country, national = divmod(digits, _NATIONAL)
        if country != _RUSSIA:
            return ()
        at = bisect_right(self._edges, national)
        both = self._subjects[at - 1] if at else 0
        return tuple(code for code in (both % _SECOND, both // _SECOND) if code)
