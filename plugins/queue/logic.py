"""Who waits before whom, and who rings for whom; pure.

Callers of one line stand in the order of their priority, those of equal priority in the order in which
they came, so nobody is overtaken by an equal. All lines of a company are served together, for people
may be named by several: of the heads of two lines the one who came earlier goes first. Nobody rings for
two callers at once, and nobody who did not take a call rings for the same caller again until a pause is
over.

What is ``free`` of a plan is given to a caller as far as it rings at once: of a list that is dialled in
turn the first person, of one that is dialled at once everybody. Those who are left go to callers for
whom others ring already, if their list is dialled at once.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable, Iterable, Iterator, Sequence
from heapq import heappop, heappush
from uuid import UUID

from sunsim import Par, PlanNode, Ring, Seq

__all__ = ["Hall", "Line", "Waiter", "first_of", "offers", "priority_of", "rings_of"]


class Waiter:
    """A caller in a line. ``rings`` are those who ring for him now (``Ring.who``), ``paused`` says of
    those who did not take his call until when they are left in peace."""

    __slots__ = ("arrival", "paused", "priority", "rings")

    def __init__(self, arrival: int, priority: int = 0) -> None:
        """``arrival`` counts callers as they come; a lower ``priority`` goes first."""
        self.arrival = arrival
        self.priority = priority
        self.rings: frozenset[str] = frozenset()
        self.paused: dict[str, float] = {}

    @property
    def order(self) -> tuple[int, int]:
        """What sorts a line."""
        return self.priority, self.arrival

    def declined(self, until: float) -> None:
        """Whoever rings did not take the call."""
        self.paused.update(dict.fromkeys(self.rings, until))
        self.rings = frozenset()

    def asks(self, who: str, now: float) -> bool:
        """Whether this one may ring for the caller."""
        return self.paused.get(who, now) <= now


class Line:
    """The callers of one step, in order."""

    __slots__ = ("waiters",)

    def __init__(self) -> None:
        self.waiters: list[Waiter] = []

    def join(self, waiter: Waiter) -> None:
        """Stand behind all who go first."""
        insort(self.waiters, waiter, key=lambda each: each.order)

    def leave(self, waiter: Waiter) -> None:
        """Wait no more."""
        self.waiters.remove(waiter)

    def place(self, waiter: Waiter) -> int:
        """The how-manieth he is, from 1."""
        return self.waiters.index(waiter) + 1


Plan = Callable[[Waiter], PlanNode | None]
"""Who could ring for a caller now, whoever else waits."""


class Hall:
    """The lines of one company."""

    def __init__(self) -> None:
        self.lines: dict[object, Line] = {}
        self._came = 0

    def join(self, key: object, priority: int = 0) -> Waiter:
        """A caller comes to a line."""
        self._came += 1
        waiter = Waiter(self._came, priority)
        self.lines.setdefault(key, Line()).join(waiter)
        return waiter

    def leave(self, key: object, waiter: Waiter) -> None:
        """A caller goes, whyever; a line without callers is none."""
        line = self.lines[key]
        line.leave(waiter)
        if not line.waiters:
            del self.lines[key]


def offers(lines: Iterable[Line], free: Plan, now: float) -> Iterator[tuple[Waiter, frozenset[str]]]:
    """Who rings for whom from now on: noted in the callers' ``rings``, and told."""
    lines = tuple(lines)
    taken = {who for line in lines for waiter in line.waiters for who in waiter.rings}
    for further in (False, True):
        exhausted: set[int] = set()
        for waiter in _in_order(lines):
            if bool(waiter.rings) is not further:
                continue
            root = free(waiter)
            if root is None or id(root) in exhausted:
                continue
            left = [ring.who for ring in rings_of(root) if ring.who not in taken]
            if not left:  # and nobody for those behind him, who ask the same people
                exhausted.add(id(root))
                continue
            asked = {who for who in left if waiter.asks(who, now)}
            chosen = first_of(root, asked) if not further else _besides(root, waiter.rings, asked)
            if chosen:
                taken |= chosen
                waiter.rings |= chosen
                yield waiter, chosen


def first_of(node: PlanNode, among: Iterable[str]) -> frozenset[str]:
    """Those of ``among`` who ring at first: in turn only the first person with all his telephones."""
    wanted = frozenset(among)
    if isinstance(node, Ring):
        return wanted & {node.who}
    if isinstance(node, Par):
        return frozenset[str]().union(*(first_of(item, wanted) for item in node.items))
    return next(filter(None, (first_of(item, wanted) for item in node.items)), frozenset())


def _besides(node: PlanNode, ringing: frozenset[str], among: Iterable[str]) -> frozenset[str]:
    """Who rings as well, where others ring already: only what is dialled at once with them."""
    if not isinstance(node, Par):
        return frozenset()
    quiet = (item for item in node.items if not any(each.who in ringing for each in rings_of(item)))
    return frozenset[str]().union(*(first_of(item, among) for item in quiet))


def rings_of(node: PlanNode) -> Iterator[Ring]:
    """All telephones of a plan, in its order."""
    if isinstance(node, Ring):
        yield node
    elif isinstance(node, Seq | Par):
        for item in node.items:
            yield from rings_of(item)


def priority_of(first: Sequence[UUID], tags: Iterable[UUID]) -> int:
    """Where a caller stands: by the earliest of his tags that go first, else behind all others."""
    own = frozenset(tags)
    return next((at for at, tag in enumerate(first) if tag in own), len(first))


def _in_order(lines: Sequence[Line]) -> Iterator[Waiter]:
    """The callers of all lines: each line in its own order, of the heads who came first."""
    heads: list[tuple[int, int, int]] = []
    for at, line in enumerate(lines):
        if line.waiters:
            heappush(heads, (line.waiters[0].arrival, at, 0))
    while heads:
        _, at, index = heappop(heads)
        waiters = lines[at].waiters
        yield waiters[index]
        if index + 1 < len(waiters):
            heappush(heads, (waiters[index + 1].arrival, at, index + 1))
