"""Sets of moments as whole numbers, so that unions and differences of a year cost microseconds.

The horizon is cut at every instant at which anything of a company changes: the *edges*. Between two
edges nothing changes, so what holds at one moment of such a piece holds at all of them. A set of
moments is a number whose bit *i* says whether it has piece *i*; ``|``, ``&`` and ``& ~`` are the
algebra. This is exact: no moment is ever sampled.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence

from core.routing.check.findings import Span

__all__ = ["Edges", "Moments", "Timeline"]

Edges = Sequence[int]
"""Rising instants, epoch seconds: from the first one on it holds, from the second on not, and so on."""

Moments = int
"""A set of moments: bit i stands for piece i of a timeline."""


class Timeline:
    """A horizon cut into pieces. ``start`` inclusive, ``end`` exclusive, epoch seconds."""

    def __init__(self, start: int, end: int, edges: Iterable[Edges]) -> None:
        cuts = {start, end}
        for each in edges:
            cuts.update(each)
        self.cuts = sorted(cut for cut in cuts if start <= cut <= end)
        self._piece = {cut: piece for piece, cut in enumerate(self.cuts)}
        self.all: Moments = (1 << (len(self.cuts) - 1)) - 1

    def moments(self, edges: Edges) -> Moments:
        """The set that these edges describe, each of which the timeline knows, once."""
        flags = bytearray((len(self.cuts) + 8) // 8)
        for piece in map(self._piece.__getitem__, edges):
            flags[piece >> 3] |= 1 << (piece & 7)
        # A piece belongs to the set if an odd number of edges is not after it: the parity of all
        # bits up to and with its own, summed by doubling.
        parity, shift = int.from_bytes(flags, "little"), 1
        while shift < len(self.cuts):
            parity ^= parity << shift
            shift *= 2
        return parity & self.all

    def spans(self, moments: Moments) -> tuple[Span, ...]:
        """The set as half-open intervals in rising order, no two of which touch."""
        changes = f"{moments ^ moments << 1:b}"[::-1]
        edges: list[int] = []
        at = changes.find("1")
        while at >= 0:
            edges.append(self.cuts[at])
            at = changes.find("1", at + 1)
        return tuple(Span(*pair) for pair in zip(edges[::2], edges[1::2], strict=True))

    def first(self, moments: Moments) -> int:
        """The earliest instant of a set that is not empty."""
        return self.cuts[(moments & -moments).bit_length() - 1]

    def at(self, instant: float) -> Moments:
        """The piece with this instant, as a set; it must be within the horizon."""
        return 1 << (bisect_right(self.cuts, instant) - 1)
