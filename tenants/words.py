"""The words of calls and decisions: names of one snapshot, reasons in sentences, in one language.

Msgids are English; ``gettext`` is the reader's. What a snapshot no longer knows is shown by its
address, and a reason without a sentence of its own (one that a plugin gave, say) as it is.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

from core import routing
from core.contracts import (
    AddresseeKind,
    Branch,
    CallFacts,
    Employee,
    Executor,
    ExecutorKind,
    Scenario,
    SkipReason,
    Snapshot,
    Terminal,
    TerminalKind,
)
from core.library import BY_ID
from core.numbers import pretty
from core.routing.zones import clock

__all__ = ["N_", "Gettext", "Words", "joined", "uuid_of"]

Gettext = Callable[[str], str]


def N_(text: str) -> str:  # noqa: N802  (the name that gettext tools look for)
    """Marks a msgid that is translated elsewhere."""
    return text


KINDS = {
    TerminalKind.MOBILE: N_("mobile application"),
    TerminalKind.SIP: N_("SIP line"),
    TerminalKind.WEB: N_("web phone"),
}

# Why a telephone does not ring or stopped ringing (contracts.SkipReason and the dialler's own), and
# what ended or refused a call (codes of core.errors and of the call).
REASONS = {
    "unavailable": N_("the employee is unavailable"),
    "inactive": N_("switched off"),
    "not_main": N_("not a main telephone"),
    "not_registered": N_("not online"),
    "no_carrier": N_("no carrier could take the call"),
    "channels": N_("all channels of the contract are taken"),
    "busy": N_("busy with another call"),
    "caller": N_("the caller’s own telephone"),
    "no_terminals": N_("nobody to ring"),
    "unknown": N_("does not exist any more"),
    "extra_unavailable": N_("a period of extra unavailability"),
    "off_hours": N_("outside the employee’s working hours"),
    "terminal_off_hours": N_("outside the telephone’s hours"),
    "own_number": N_("a number of the company itself does not ring"),
    "elsewhere": N_("somebody else answered"),
    "caller_left": N_("the caller hung up"),
    "not_allowed": N_("calls to this number are not allowed"),
    "shutdown": N_("the service was stopped"),
    "hung_up": N_("it was hung up from outside"),
    "media_lost": N_("the media server failed"),
    "vanished": N_("the telephone was gone without a word"),
    "transferred": N_("the conversation was transferred"),
    "transfer_failed": N_("nobody took the transferred call"),
    "limit": N_("the longest duration of a call was reached"),
    "disk_full": N_("there is too little space on the disk"),
    "flooded": N_("more was sent than can be said"),
    "recordings_full": N_("the company’s space for recordings is full"),
    "not_recorded": N_("the media server could not record"),
    "not_announced": N_("the caller could not be told of it"),
    "nothing_said": N_("nothing was said"),
    "no_offer": N_("the call came without audio"),
    "media_unavailable": N_("the media server does not answer"),
    "call_refused": N_("the call is not allowed"),
    "internal": N_("an internal failure"),
}

# Why a branch did not take a call (core._slowcodes.WhyNot).
PASSED = {
    "tags": N_("the tag does not match"),
    "regions": N_("the region does not match"),
    "closed": N_("non-working time"),
}

# Why no scenario handles a call (core.routing.Unrouted).
UNROUTED = {
    "not_incoming": N_("scenarios are for calls from outside"),
    "suspended": N_("the contract is suspended"),
    "no_number": N_("the company does not have this number"),
    "no_scenario": N_("the number has no scenario"),
    "disabled": N_("the scenario is switched off"),
}

# Who gets the task that a call leaves behind, where it is nobody in particular (PRC-13).
EXECUTORS = {
    ExecutorKind.FIRST: N_("the first of the addressees"),
    ExecutorKind.LAST: N_("the addressee on whom it stopped"),
    ExecutorKind.MANAGER: N_("the personal manager"),
}

# What a call asks somebody to do (contracts.TaskKind).
TASKS = {
    "missed": N_("Missed call"),
    "message": N_("Voice message"),
    "callback": N_("Call back"),
    "outgoing": N_("Client not reached"),
}

_BY_THE_CLOCK = frozenset(
    {SkipReason.EXTRA_UNAVAILABLE, SkipReason.OFF_HOURS, SkipReason.TERMINAL_OFF_HOURS}
)

# How a leg that nobody answered ended, by its SIP status (RFC 3261 §21, RFC 3326).
STATUSES = {
    200: N_("somebody else answered"),
    403: N_("refused"),
    404: N_("no such number"),
    408: N_("no reply"),
    480: N_("did not answer"),
    486: N_("busy"),
    487: N_("stopped ringing"),
    488: N_("no common codec"),
    500: N_("failure at the other side"),
    503: N_("the other side cannot take calls now"),
    600: N_("busy"),
    603: N_("declined"),
}

# Why a caller waits no more.
LEFT_QUEUE = {
    "answered": N_("The caller waited {seconds} s"),
    "hung_up": N_("The caller gave up after {seconds} s of waiting"),
    "time": N_("The caller waited {seconds} s in vain"),
    "key": N_("The caller waited {seconds} s and left by a key"),
    "full": N_("The queue is full: the caller does not wait"),
}

ENDED_BY = {
    "caller": N_("The caller hung up"),
    "callee": N_("The called party hung up"),
    "system": N_("The call was ended by the system"),
}


class Words:
    """Names of one snapshot, in one language; ``zone`` is the reader's clock, else the company's."""

    def __init__(
        self,
        snapshot: Snapshot | None,
        facts: CallFacts | None,
        gettext: Gettext,
        zone: str | None = None,
    ) -> None:
        self.gettext = gettext
        self.facts = facts
        self.snapshot = snapshot
        self._zone = clock(zone or (snapshot.timezone if snapshot else "UTC"))
        self._employees: dict[UUID, Employee] = {}
        self._terminals: dict[UUID, Terminal] = {}
        self._scenarios: dict[UUID, Scenario] = {}
        self._groups: dict[str, str] = {}
        self._labels: dict[str, str] = {}
        if snapshot is not None:
            self._employees = {employee.id: employee for employee in snapshot.employees}
            self._terminals = {terminal.id: terminal for terminal in snapshot.terminals}
            self._scenarios = {scenario.id: scenario for scenario in snapshot.scenarios}
            self._groups = {str(group.id): group.name for group in snapshot.groups}
            self._labels = {number.e164: number.label for number in snapshot.numbers}

    # --- names --------------------------------------------------------------------------------

    def number(self, value: Any) -> str:
        """A telephone number, with the label of a number of the company."""
        if not value:
            return ""
        label = self._labels.get(str(value))
        return f"{pretty(str(value))} ({label})" if label else pretty(str(value))

    def employee(self, employee_id: UUID | None) -> str:
        """The name, or nothing if the snapshot has no such employee."""
        employee = self._employees.get(employee_id) if employee_id else None
        return employee.name if employee else ""

    def media(self, media_id: UUID | None) -> str:
        """The name, of the company or of the library; nothing if the snapshot has no such media."""
        if media_id in BY_ID:
            return self.gettext(BY_ID[media_id].title)
        known = self.snapshot.media if self.snapshot is not None else ()
        return next((media.name for media in known if media.id == media_id), "")

    def telephone(
        self, terminal_id: UUID | None, employee_id: UUID | None, address: str | None
    ) -> tuple[str, str]:
        """Whose telephone and which one; at least one of the two is said."""
        terminal = self._terminals.get(terminal_id) if terminal_id else None
        kind = KINDS.get(terminal.kind) if terminal else None
        if kind:
            device = self.gettext(kind)
        else:
            device = pretty(address or (terminal.address if terminal else ""))
        owner = self.employee(employee_id or (terminal.employee_id if terminal else None))
        return owner, device if owner or device else self.gettext("telephone")

    def who(self, named: str) -> str:
        """An employee by the id, or somebody by the name that was given."""
        employee_id = _id(named)
        return self.employee(employee_id) if employee_id else named

    def address(self, terminal_id: UUID | None) -> str:
        """The login or the number of a telephone."""
        terminal = self._terminals.get(terminal_id) if terminal_id else None
        return terminal.address if terminal else ""

    def addressee(self, kind: Any, ref: Any) -> str:
        """Whom an entry of a list means; of somebody who is gone only what kind it was."""
        _, ref = self.gettext, str(ref)
        if kind == AddresseeKind.EXTERNAL:
            return pretty(ref)
        if kind == AddresseeKind.EXTENSION:
            return _("extension {number}").format(number=ref)
        if kind == AddresseeKind.GROUP:
            name = self._groups.get(ref)
            return _("group “{name}”").format(name=name) if name else _("a group")
        return self.employee(_id(ref)) or _("an employee")

    def executor(self, task: Executor) -> str:
        """Who gets the task that a call leaves behind."""
        if task.kind in EXECUTORS:
            return self.gettext(EXECUTORS[task.kind])
        return self.addressee(task.kind, task.ref)

    def scenario(self, scenario_id: UUID | None) -> Scenario | None:
        """The scenario, as this snapshot has it."""
        return self._scenarios.get(scenario_id) if scenario_id else None

    def branch(self, branch_id: UUID | None) -> str:
        """A branch by its name, or nothing if the snapshot has no such branch."""
        branch = self._branch(branch_id)
        if branch is None:
            return ""
        if any(branch is scenario.default for scenario in self._scenarios.values()):
            return self.gettext("Numbers that match no filter")
        return self.gettext("Filter “{name}”").format(name=branch.name)

    # --- reasons ------------------------------------------------------------------------------

    def reason(self, code: Any) -> str:
        """The words for a reason's code, or what a plugin gave as reason."""
        return self.gettext(REASONS.get(str(code), str(code)))

    def why_not(
        self, code: Any, employee_id: UUID | None, terminal_id: UUID | None, instant: float
    ) -> str:
        """Why somebody does not ring, until when if a clock ends it."""
        return self._until(
            self.reason(code), self.skipped_until(code, employee_id, terminal_id, instant), instant
        )

    def passed(self, branch_id: UUID | None, why: str, instant: float) -> str:
        """A branch that did not take the call, and why not; nothing if it is not known any more."""
        name = self.branch(branch_id)
        if not name:
            return ""
        what = self.gettext(PASSED.get(why, why))
        what = self._until(what, self.passed_until(branch_id, why, instant), instant)
        return self.gettext("{branch}: {what}").format(branch=name, what=what)

    def skipped_until(
        self, code: Any, employee_id: UUID | None, terminal_id: UUID | None, instant: float
    ) -> int | None:
        """When the reason is over (``routing.skipped_until``)."""
        if self.snapshot is None or code not in _BY_THE_CLOCK:
            return None
        terminal = self._terminals.get(terminal_id) if terminal_id else None
        owner = employee_id or (terminal.employee_id if terminal else None)
        return routing.skipped_until(self.snapshot, SkipReason(code), owner, terminal_id, instant)

    def passed_until(self, branch_id: UUID | None, why: str, instant: float) -> int | None:
        """When a branch that was closed opens (``routing.closed_until``)."""
        branch = self._branch(branch_id)
        if self.snapshot is None or branch is None or why != "closed":
            return None
        return routing.closed_until(self.snapshot, branch, instant)

    def _branch(self, branch_id: UUID | None) -> Branch | None:
        branches = (
            branch
            for scenario in self._scenarios.values()
            for branch in (*scenario.branches, scenario.default)
        )
        return next((branch for branch in branches if branch.id == branch_id), None)

    def _until(self, what: str, over: int | None, instant: float) -> str:
        if over is None:
            return what
        begun, ends = (datetime.fromtimestamp(at, self._zone) for at in (instant, over))
        same_day = begun.date() == ends.date()
        when = ends.strftime("%H:%M" if same_day else self.gettext("%Y-%m-%d %H:%M"))
        return self.gettext("{what} until {when}").format(what=what, when=when)


def joined(owner: str, device: str) -> str:
    """Whose telephone and which one, as one expression."""
    return ", ".join(part for part in (owner, device) if part)


def uuid_of(value: Any) -> UUID | None:
    """Details of a step come back from JSON as text."""
    return UUID(value) if isinstance(value, str) else value


def _id(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
