"""The log of a call in sentences, with the names of the snapshot that the call was routed by.

The core emits codes and ids only; pages and API turn them into words here and nowhere else. Msgids
are English; ``gettext`` is the reader's. What a snapshot no longer knows is shown by its address, and a
reason without a sentence of its own (one that a plugin gave, say) as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple
from uuid import UUID

from msgspec import Struct

from core.contracts import (
    CallFacts,
    CallStep,
    Employee,
    Scenario,
    Snapshot,
    StepCode,
    Terminal,
    TerminalKind,
)
from core.numbers import pretty

__all__ = ["Gettext", "TraceLine", "render"]

Gettext = Callable[[str], str]


class TraceLine(Struct, frozen=True):
    """One sentence: when (epoch seconds), of which step, and the words.

    Of a step on a telephone the parts of the sentence are given too: whose it is, which one, and what
    happened; any of them may be empty.
    """

    at: float
    code: StepCode
    text: str
    terminal_id: UUID | None = None
    employee_id: UUID | None = None
    owner: str = ""
    device: str = ""
    what: str = ""


def render(
    steps: Iterable[CallStep],
    snapshot: Snapshot | None,
    gettext: Gettext,
    facts: CallFacts | None = None,
) -> tuple[TraceLine, ...]:
    """The steps as sentences, in their order.

    ``facts`` are those of the call's record and say who called; without a snapshot only addresses
    are shown.
    """
    words = _Words(snapshot, facts, gettext)
    return tuple(
        TraceLine(step.at, step.code, said.text, step.terminal_id, step.employee_id, *said[1:])
        for step in steps
        for said in RENDERERS[step.code](words, step)
    )


class _Said(NamedTuple):
    """A sentence and, of one about a telephone, its parts."""

    text: str
    owner: str = ""
    device: str = ""
    what: str = ""


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
    "busy": N_("busy with another call"),
    "caller": N_("the caller’s own telephone"),
    "no_terminals": N_("nobody to ring"),
    "unknown": N_("does not exist any more"),
    "extra_unavailable": N_("a period of extra unavailability"),
    "off_hours": N_("outside the employee’s working hours"),
    "terminal_off_hours": N_("outside the telephone’s hours"),
    "elsewhere": N_("somebody else answered"),
    "caller_left": N_("the caller hung up"),
    "not_allowed": N_("calls to this number are not allowed"),
    "shutdown": N_("the service was stopped"),
    "hung_up": N_("it was hung up from outside"),
    "media_lost": N_("the media server failed"),
    "vanished": N_("the telephone was gone without a word"),
    "limit": N_("the longest duration of a call was reached"),
    "no_offer": N_("the call came without audio"),
    "media_unavailable": N_("the media server does not answer"),
    "call_refused": N_("the call is not allowed"),
    "internal": N_("an internal failure"),
}

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

ENDED_BY = {
    "caller": N_("The caller hung up"),
    "callee": N_("The called party hung up"),
    "system": N_("The call was ended by the system"),
}


class _Words:
    """Names of one snapshot, in one language."""

    def __init__(self, snapshot: Snapshot | None, facts: CallFacts | None, gettext: Gettext) -> None:
        self.gettext = gettext
        self.facts = facts
        self._employees: dict[UUID, Employee] = {}
        self._terminals: dict[UUID, Terminal] = {}
        self._scenarios: dict[UUID, Scenario] = {}
        self._labels: dict[str, str] = {}
        if snapshot is not None:
            self._employees = {employee.id: employee for employee in snapshot.employees}
            self._terminals = {terminal.id: terminal for terminal in snapshot.terminals}
            self._scenarios = {scenario.id: scenario for scenario in snapshot.scenarios}
            self._labels = {number.e164: number.label for number in snapshot.numbers}

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

    def scenario(self, scenario_id: UUID | None) -> Scenario | None:
        """The scenario, as this snapshot has it."""
        return self._scenarios.get(scenario_id) if scenario_id else None

    def reason(self, code: Any) -> str:
        """The words for a reason's code, or what a plugin gave as reason."""
        return self.gettext(REASONS.get(str(code), str(code)))


def _arrived(words: _Words, step: CallStep) -> Iterator[_Said]:
    _, facts = words.gettext, words.facts
    number = words.number(step.address or (facts.called if facts else None))
    caller = step.data.get("caller") or (facts.caller if facts else None)
    if caller:
        sentence = _("Call to {number} from {caller}")
    else:
        sentence = _("Call to {number} from a hidden number")
    yield _Said(sentence.format(number=number, caller=words.number(caller)))


def _dialled(words: _Words, step: CallStep) -> Iterator[_Said]:
    _, facts = words.gettext, words.facts
    owner, device = words.telephone(
        step.terminal_id or (facts.terminal_id if facts else None),
        step.employee_id or (facts.employee_id if facts else None),
        None,
    )
    number = words.number(step.address or (facts.called if facts else None))
    telephone = _joined(owner, device)
    yield _Said(_("{telephone}: dialled {number}").format(telephone=telephone, number=number))


def _admission_refused(words: _Words, step: CallStep) -> Iterator[_Said]:
    data, _ = step.data, words.gettext
    reason = words.reason(data.get("reason", ""))
    if data.get("plugin"):
        sentence = _("The call was refused by “{plugin}”: {reason}")
    else:
        sentence = _("The call was refused: {reason}")
    yield _Said(sentence.format(plugin=data.get("plugin"), reason=reason))


def _routed(words: _Words, step: CallStep) -> Iterator[_Said]:
    data, _ = step.data, words.gettext
    scenario = words.scenario(_uuid(data.get("scenario_id")))
    if scenario is None:
        return
    version = data.get("version", scenario.version)
    sentence = _("Scenario “{name}”, version {version}")
    yield _Said(sentence.format(name=scenario.name, version=version))
    branch_id = _uuid(data.get("branch_id"))
    if branch_id == scenario.default.id:
        yield _Said(_("Numbers that match no filter"))
    for branch in scenario.branches:
        if branch.id == branch_id:
            yield _Said(_("Filter “{name}”").format(name=branch.name))
    if not data.get("open", True):
        yield _Said(_("Non-working time"))


def _not_rung(words: _Words, step: CallStep) -> Iterator[_Said]:
    yield _about(words, step, words.reason(step.data.get("reason", "")))


def _ringing(words: _Words, step: CallStep) -> Iterator[_Said]:
    _ = words.gettext
    yield _about(words, step, _("rings"))


def _leg_ended(words: _Words, step: CallStep) -> Iterator[_Said]:
    data, _ = step.data, words.gettext
    status = data.get("status", 0)
    if known := STATUSES.get(status):
        what = _(known)
    elif data.get("reason"):
        what = words.reason(data["reason"])
    elif status:
        what = _("no answer ({status})").format(status=status)
    else:
        what = _("no answer")
    yield _about(words, step, what)


def _answered(words: _Words, step: CallStep) -> Iterator[_Said]:
    _ = words.gettext
    yield _about(words, step, _("answered"))


def _media_moved(words: _Words, step: CallStep) -> Iterator[_Said]:
    yield _Said(words.gettext("The media server failed; another one carries the audio now"))


def _ended(words: _Words, step: CallStep) -> Iterator[_Said]:
    data, _ = step.data, words.gettext
    if data.get("who"):
        yield _Said(_("The call was hung up by {who}").format(who=data["who"]))
        return
    who = _(ENDED_BY.get(str(data.get("by")), ENDED_BY["system"]))
    if data.get("cause"):
        who = _("{who}: {cause}").format(who=who, cause=words.reason(data["cause"]))
    yield _Said(who)


def _about(words: _Words, step: CallStep, what: str) -> _Said:
    _ = words.gettext
    owner, device = words.telephone(step.terminal_id, step.employee_id, step.address)
    text = _("{telephone}: {what}").format(telephone=_joined(owner, device), what=what)
    return _Said(text, owner, device, what)


def _joined(owner: str, device: str) -> str:
    return ", ".join(part for part in (owner, device) if part)


def _uuid(value: Any) -> UUID | None:
    """Details of a step come back from JSON as text."""
    return UUID(value) if isinstance(value, str) else value


RENDERERS: dict[StepCode, Callable[[_Words, CallStep], Iterator[_Said]]] = {
    StepCode.ARRIVED: _arrived,
    StepCode.DIALLED: _dialled,
    StepCode.ADMISSION_REFUSED: _admission_refused,
    StepCode.ROUTED: _routed,
    StepCode.NOT_RUNG: _not_rung,
    StepCode.RINGING: _ringing,
    StepCode.LEG_ENDED: _leg_ended,
    StepCode.ANSWERED: _answered,
    StepCode.MEDIA_MOVED: _media_moved,
    StepCode.ENDED: _ended,
}
