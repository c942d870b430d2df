"""When a call is left unattended, also one that was forwarded to a number of our own.

Such a call comes in again and is handled by the scenario of that number. Its caller is taken to be
somebody whom no filter fits; who answers there is found by repeating until nothing changes, beginning
with nobody, so that numbers that only forward to each other answer nobody.
"""

from __future__ import annotations

from collections.abc import Sequence

from core.contracts import Chain
from core.routing.check.callers import ANYBODY
from core.routing.check.chains import Chains, Course
from core.routing.check.moments import Moments
from core.routing.check.people import Rings
from core.routing.check.survey import Survey
from core.routing.check.year import Year

__all__ = ["Answering"]


class Answering:
    """Who is there for the calls of all scenarios."""

    def __init__(self, year: Year, surveys: Sequence[Survey], chains: Chains) -> None:
        self._year = year
        self._chains = chains
        digits = year.compiled.core.digits
        self.survey_of: dict[int, Survey] = {
            digits(number.e164): survey for survey in surveys for number in survey.numbers
        }
        self._answers: dict[int, Moments] = dict.fromkeys(self.survey_of, 0)
        while self._answers != (better := {own: self._answered(own) for own in self.survey_of}):
            self._answers = better

    def somebody(self, rings: Rings) -> Moments:
        """When somebody is there, on our own numbers, too."""
        moments = rings.somebody
        for own, rung in rings.own.items():
            moments |= rung & self._answers.get(own, 0)
        return moments

    def unattended(self, chain: Chain, start: int = 0) -> Moments:
        """When the steps from this one on do nothing for a caller who presses no key."""
        course = self._chains.course(chain, start)
        return 0 if course.attended else self._year.all & ~self.somebody(course.rings)

    def _answered(self, own: int) -> Moments:
        moments = 0
        for share in self.survey_of[own].ways[ANYBODY].shares:
            moments |= share.moments & self._connected(self._chains.course(share.chain))
        return moments

    def _connected(self, course: Course) -> Moments:
        return self._year.all if course.answers else self.somebody(course.rings)
