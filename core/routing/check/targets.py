"""What blocks name in vain: addressees, schedules, tags and plugins that are gone or of no use."""

from __future__ import annotations

from collections.abc import Iterator, Set
from typing import Any
from uuid import UUID

from msgspec.structs import replace

from core._slowroute import Addressee as Code_
from core.contracts import Branch, Chain, Dial, Employee, PluginStep, SkipReason, TagFilter, Terminal
from core.routing.blocks import PassedOver
from core.routing.check.chains import Chains
from core.routing.check.findings import Code, Finding, Place, Severity
from core.routing.check.people import People
from core.routing.check.survey import Survey
from core.routing.check.year import Year

__all__ = ["hours_gone", "targets"]


class Targets:
    """The checks of one scenario."""

    def __init__(self, survey: Survey, people: People, chains: Chains) -> None:
        self._survey = survey
        self._year = survey.year
        self._people = people
        self._chains = chains

    def found(self, tags_in_use: Set[UUID] | None) -> Iterator[Finding]:
        """Everything, branch by branch."""
        for branch in self._survey.takes.branches:
            place = self._survey.place(branch)
            yield from _gone(self._year, branch, place)
            if tags_in_use is not None and isinstance(branch.filter, TagFilter):
                for tag in branch.filter.tags:
                    if tag not in tags_in_use:
                        yield self._finding(Code.TAG_UNUSED, Severity.NOTE, place, tag=str(tag))
        for branch, off_hours, chain in self._survey.chains():
            yield from self._chain(branch, off_hours, chain, tags_in_use)

    def _chain(
        self, branch: Branch, off_hours: bool, chain: Chain, tags_in_use: Set[UUID] | None
    ) -> Iterator[Finding]:
        possible = self._chains.possible(chain)
        for index, step in enumerate(chain.all_steps):
            place = self._survey.place(branch, off_hours, index)
            if index not in possible:
                yield self._finding(Code.STEP_UNREACHED, Severity.NOTE, place)
            elif isinstance(step, Dial):
                yield from self._dial(step, place)
                yield from self._queue(step, place, tags_in_use)
            elif isinstance(step, PluginStep):
                yield from self._plugins(step, place)
        first, net = (_forwarding(steps) for steps in (chain.steps, chain.net))
        if first and net and self._people_of(first) == self._people_of(net):
            at = len(chain.steps) + chain.net.index(net)
            place = self._survey.place(branch, off_hours, at)
            yield self._finding(Code.NET_SAME, Severity.WARNING, place)

    def _plugins(self, step: PluginStep, place: Place) -> Iterator[Finding]:
        why = self._chains.passed_over(step)
        if why is PassedOver.NO_PLUGIN:
            plugin = step.name.partition(".")[0]
            yield self._finding(Code.PLUGIN_MISSING, Severity.ERROR, place, plugin=plugin)
        elif why is PassedOver.NO_STEP:
            yield self._finding(Code.STEP_UNKNOWN, Severity.ERROR, place, name=step.name)

    def _queue(self, step: Dial, place: Place, tags_in_use: Set[UUID] | None) -> Iterator[Finding]:
        if step.queue is None:
            return
        if not self._chains.has(step):
            yield self._finding(Code.QUEUE_MISSING, Severity.WARNING, place)
            return
        if not self._people.step(step):
            seconds = step.queue.seconds
            yield self._finding(Code.QUEUE_IN_VAIN, Severity.WARNING, place, seconds=seconds)
        for tag in step.queue.first if tags_in_use is not None else ():
            if tag not in (tags_in_use or ()):
                yield self._finding(Code.TAG_UNUSED, Severity.NOTE, place, tag=str(tag))

    def _dial(self, step: Dial, place: Place) -> Iterator[Finding]:
        for entry, addressee in enumerate(step.addressees):
            where = replace(place, entry=entry)
            if self._people.entry(step, entry):
                continue
            reason = self._people.why_never(step, entry)
            if reason is SkipReason.UNKNOWN:
                yield self._finding(Code.TARGET_GONE, Severity.ERROR, where, ref=addressee.ref)
            elif reason is SkipReason.OWN_NUMBER:
                yield self._finding(Code.FORWARD_LOOP, Severity.ERROR, where)
            else:
                yield self._finding(
                    Code.TARGET_NEVER_RINGS, Severity.WARNING, where, reason=reason.value
                )
        if self._people.unavailable(step):
            yield self._finding(Code.UNAVAILABLE_NOW, Severity.WARNING, place)

    def _people_of(self, step: Dial) -> Set[tuple[int, int | str]]:
        """Whom a forwarding names, however it names them."""
        named = [(self._year.compiled.resolve(each), each.ref) for each in step.addressees]
        return {
            (kind, index if kind in (Code_.EMPLOYEE, Code_.GROUP) else ref)
            for (kind, index), ref in named
        }

    def _finding(self, code: Code, severity: Severity, place: Place, **data: Any) -> Finding:
        return self._survey.finding(code, severity, place, **data)


def targets(
    survey: Survey, people: People, chains: Chains, tags_in_use: Set[UUID] | None
) -> Iterator[Finding]:
    """What the blocks of a scenario name in vain. Without ``tags_in_use`` tags are not looked at."""
    return Targets(survey, people, chains).found(tags_in_use)


def hours_gone(year: Year) -> Iterator[Finding]:
    """Employees and terminals whose schedule or calendar is deleted; it counts as none."""
    for employee in year.snapshot.employees:
        yield from _gone(year, employee, Place(employee_id=employee.id))
        for terminal in year.compiled.terminals_of(employee):
            yield from _gone(year, terminal, Place(employee_id=employee.id, terminal_id=terminal.id))


def _gone(year: Year, owner: Branch | Employee | Terminal, place: Place) -> Iterator[Finding]:
    if owner.schedule_id is not None and owner.schedule_id not in year.layout.schedules:
        yield Finding(Code.SCHEDULE_GONE, Severity.WARNING, place)
    calendar_id = None if isinstance(owner, Terminal) else owner.calendar_id
    if calendar_id is not None and calendar_id not in year.layout.calendars:
        yield Finding(Code.CALENDAR_GONE, Severity.WARNING, place)


def _forwarding(steps: tuple[object, ...]) -> Dial | None:
    return next((step for step in steps if isinstance(step, Dial)), None)
