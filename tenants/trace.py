"""The log of a call in sentences, with the names of the snapshot that the call was routed by.

The core emits codes and ids only; pages and API turn them into words here and nowhere else. Msgids
are English; ``gettext`` is the reader's. What a snapshot no longer knows is shown by its address, and a
reason without a sentence of its own (one that a plugin gave, say) as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any
from uuid import UUID

from msgspec import Struct

from core.contracts import CallStep, Employee, Scenario, Snapshot, StepCode, Terminal, TerminalKind
from core.numbers import pretty

__all__ = ["Gettext", "TraceLine", "render"]

Gettext = Callable[[str], str]


class TraceLine(Struct, frozen=True):
    """One sentence: when (epoch seconds), of which step, and the words."""

    at: float
    code: StepCode
    text: str
    terminal_id: UUID | None = None
    employee_id: UUID | None = None


def render(
    steps: Iterable[CallStep], snapshot: Snapshot | None, gettext: Gettext
) -> tuple[TraceLine, ...]:
    """The steps as sentences, in their order; without a snapshot only addresses are shown."""
    words = _Words(snapshot, gettext)
    return tuple(
        TraceLine(step.at, step.code, text, step.terminal_id, step.employee_id)
        for step in steps
        for text in RENDERERS[step.code](words, step)
    )


def N_(text: str) -> str:  # noqa: N802  (the name that gettext tools look for)
    """Marks a msgid that is translated elsewhere."""
    return text


KINDS = {
    TerminalKind.MOBILE: N_("mobile application"),
    TerminalKind.SIP: N_("SIP line"),
    TerminalKind.WEB: N_("web phone"),
}

# Why a terminal does not ring or stopped ringing, or a call is not let in.
REASONS = {
    "elsewhere": N_("somebody else answered"),
    "caller_left": N_("the caller hung up"),
    "unregistered": N_("not online"),
    "not_registered": N_("not online"),
    "offline": N_("not online"),
    "inactive": N_("switched off"),
    "unavailable": N_("the employee is unavailable"),
    "off_schedule": N_("outside working hours"),
    "schedule": N_("outside working hours"),
    "not_main": N_("not a main telephone"),
    "busy": N_("busy with another call"),
    "no_address": N_("no number is set"),
    "no_terminals": N_("has no telephones"),
    "caller": N_("the caller’s own telephone"),
    "self": N_("the caller’s own telephone"),
    "unknown": N_("does not exist any more"),
    "media": N_("the media server does not answer"),
    "limit": N_("the limit of simultaneous calls is reached"),
    "international": N_("calls abroad are not allowed"),
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

    def __init__(self, snapshot: Snapshot | None, gettext: Gettext) -> None:
        self.gettext = gettext
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
            return self.gettext("hidden number")
        label = self._labels.get(str(value))
        return f"{pretty(str(value))} ({label})" if label else pretty(str(value))

    def employee(self, employee_id: UUID | None) -> str:
        """The name, or nothing if the snapshot has no such employee."""
        employee = self._employees.get(employee_id) if employee_id else None
        return employee.name if employee else ""

    def telephone(self, step: CallStep) -> str:
        """Whose telephone a step concerns and which: «Иванов, SIP-линия»."""
        terminal = self._terminals.get(step.terminal_id) if step.terminal_id else None
        kind = KINDS.get(terminal.kind) if terminal else None
        if kind:
            device = self.gettext(kind)
        else:
            device = pretty(step.address or (terminal.address if terminal else ""))
        owner = self.employee(step.employee_id or (terminal.employee_id if terminal else None))
        return ", ".join(part for part in (owner, device) if part) or self.gettext("telephone")

    def scenario(self, scenario_id: UUID | None) -> Scenario | None:
        """The scenario, as this snapshot has it."""
        return self._scenarios.get(scenario_id) if scenario_id else None

    def reason(self, code: Any) -> str:
        """The words for a reason's code, or what a plugin gave as reason."""
        return self.gettext(REASONS.get(str(code), str(code)))


def _arrived(words: _Words, step: CallStep) -> Iterator[str]:
    data, _ = step.data, words.gettext
    number = words.number(data.get("number") or data.get("called") or step.address)
    yield _("Call to {number} from {caller}").format(
        number=number, caller=words.number(data.get("caller"))
    )


def _dialled(words: _Words, step: CallStep) -> Iterator[str]:
    _ = words.gettext
    yield _("{telephone}: dialled {number}").format(
        telephone=words.telephone(step), number=words.number(step.data.get("called"))
    )


def _admission_refused(words: _Words, step: CallStep) -> Iterator[str]:
    data, _ = step.data, words.gettext
    reason = words.reason(data.get("reason", ""))
    if data.get("plugin"):
        yield _("The call was refused by “{plugin}”: {reason}").format(
            plugin=data["plugin"], reason=reason
        )
    else:
        yield _("The call was refused: {reason}").format(reason=reason)


def _routed(words: _Words, step: CallStep) -> Iterator[str]:
    data, _ = step.data, words.gettext
    scenario = words.scenario(_uuid(data.get("scenario_id")))
    if scenario is None:
        return
    yield _("Scenario “{name}”, version {version}").format(
        name=scenario.name, version=data.get("version", scenario.version)
    )
    branch_id = _uuid(data.get("branch_id"))
    if branch_id == scenario.default.id:
        yield _("Numbers that match no filter")
        return
    for branch in scenario.branches:
        if branch.id == branch_id:
            yield _("Filter “{name}”").format(name=branch.name)


def _not_rung(words: _Words, step: CallStep) -> Iterator[str]:
    yield _about(words, step, words.reason(step.data.get("reason", "")))


def _ringing(words: _Words, step: CallStep) -> Iterator[str]:
    _ = words.gettext
    yield _about(words, step, _("rings"))


def _leg_ended(words: _Words, step: CallStep) -> Iterator[str]:
    data, _ = step.data, words.gettext
    status = data.get("status", data.get("sip_status", 0))
    known = STATUSES.get(status)
    if known:
        yield _about(words, step, _(known))
        return
    if data.get("reason"):
        yield _about(words, step, words.reason(data["reason"]))
    elif status:
        yield _about(words, step, _("no answer ({status})").format(status=status))
    else:
        yield _about(words, step, _("no answer"))


def _answered(words: _Words, step: CallStep) -> Iterator[str]:
    _ = words.gettext
    yield _about(words, step, _("answered"))


def _ended(words: _Words, step: CallStep) -> Iterator[str]:
    data, _ = step.data, words.gettext
    who = _(ENDED_BY.get(str(data.get("by")), ENDED_BY["system"]))
    cause = data.get("cause")
    if cause:
        yield _("{who}: {cause}").format(who=who, cause=words.reason(cause))
    else:
        yield who


def _about(words: _Words, step: CallStep, what: str) -> str:
    _ = words.gettext
    return _("{telephone}: {what}").format(telephone=words.telephone(step), what=what)


def _uuid(value: Any) -> UUID | None:
    """Details of a step come back from JSON as text."""
    return UUID(value) if isinstance(value, str) else value


RENDERERS: dict[StepCode, Callable[[_Words, CallStep], Iterator[str]]] = {
    StepCode.ARRIVED: _arrived,
    StepCode.DIALLED: _dialled,
    StepCode.ADMISSION_REFUSED: _admission_refused,
    StepCode.ROUTED: _routed,
    StepCode.NOT_RUNG: _not_rung,
    StepCode.RINGING: _ringing,
    StepCode.LEG_ENDED: _leg_ended,
    StepCode.ANSWERED: _answered,
    StepCode.ENDED: _ended,
}
