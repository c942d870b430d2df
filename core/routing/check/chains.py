"""What a chain does for a caller who presses no key: who rings when, and how it ends otherwise.

    step                           what follows it for such a caller
    -----------------------------  ------------------------------------------------------------
    forwarding                     the next step, as nobody is taken to answer
    «Завершить вызов»              nothing
    voice menu, extension dialling as its ``otherwise`` says; one that is off or gone is passed over
    voice message                  nothing: the call is taken
    step of another plugin         unknown: the call is taken, and perhaps goes on
    step of no plugin of the       the next step
    contract, or of none at all

A call is *unattended* if it was forwarded and nobody rang, or if nothing at all was done for it. One
that is ended, recorded or left to a menu without a forwarding is as its owner wants it (PRC-02).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from typing import NamedTuple

from core.contracts import Chain, Dial, HangUp, Step
from core.routing.blocks import STEPS, Blocks
from core.routing.check.moments import Moments
from core.routing.check.people import People
from core.routing.check.year import Year

__all__ = ["Chains", "Course"]


class Course(NamedTuple):
    """When a chain, or the rest of one, rings anybody; ``attended`` if something else than a forwarding
    takes the call."""

    rings: Moments
    attended: bool


class Chains(Blocks):
    """The chains of one company, and what its calls do with the steps of plugins."""

    def __init__(self, year: Year, people: People, steps: Set[str] = STEPS) -> None:
        super().__init__(year.snapshot, steps)
        self._people = people
        self._all = year.all
        self._steps: dict[int, Moments] = {}
        self._courses: dict[tuple[int, int], Course] = {}

    def rings(self, step: Dial) -> Moments:
        """When a forwarding of a scenario rings anybody."""
        # The snapshot keeps its steps alive, so their identities cannot be taken over by others.
        found = self._steps.get(id(step))
        if found is None:
            found = self._steps[id(step)] = self._people.step(step)
        return found

    def course(self, chain: Chain, start: int = 0) -> Course:
        """What the chain does from one of its steps on."""
        found = self._courses.get((id(chain), start))
        if found is None:
            found = self._courses[id(chain), start] = self._walked(chain.all_steps, start)
        return found

    def unattended(self, chain: Chain, start: int = 0) -> Moments:
        """When the steps from this one on do nothing for a caller who presses no key."""
        course = self.course(chain, start)
        return 0 if course.attended else self._all & ~course.rings

    def _walked(self, steps: Sequence[Step], start: int) -> Course:
        somebody: Moments = 0
        dialled = attended = offered = False
        for step in self._on_the_way(steps[start:]):
            if isinstance(step, Dial):
                dialled = True
                somebody |= self.rings(step)
            elif isinstance(step, HangUp):
                attended |= not dialled
            elif self.block(step) is None:
                attended = True
            else:
                offered = True
                attended |= self.ends(step)
        attended |= offered and not dialled
        return Course(somebody, attended)

    def _on_the_way(self, steps: Sequence[Step]) -> Iterator[Step]:
        """The steps that do something, up to the one that ends the call of an idle caller."""
        for step in steps:
            if self.passed_over(step) is None:
                yield step
                if self.ends(step):
                    return
