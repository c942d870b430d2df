"""The log of a call in sentences, with the names of the snapshot that the call was routed by.

The core emits codes and ids only; they are turned into words here and in ``tenants.explain``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple
from uuid import UUID

from msgspec import Struct

from core.contracts import CallFacts, CallStep, Snapshot, StepCode
from core.recordings import RecordingKind
from tenants.words import (
    ENDED_BY,
    LEFT_QUEUE,
    STATUSES,
    TASKS,
    UNROUTED,
    Gettext,
    Words,
    joined,
    uuid_of,
)

__all__ = ["Gettext", "TraceLine", "render"]


class TraceLine(Struct, frozen=True):
    """One sentence: when (epoch seconds), of which step, and the words.

    Of a step on a telephone the parts of the sentence are given too: whose it is, which one, and what
    happened; any of them may be empty. Of a branch that passed the call on ``what`` is the code why.
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
    zone: str | None = None,
) -> tuple[TraceLine, ...]:
    """The steps as sentences, in their order.

    ``facts`` are those of the call's record and say who called; without a snapshot only addresses
    are shown. Hours are told by the clock of ``zone``, else by the company's.
    """
    words = Words(snapshot, facts, gettext, zone)
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


def _arrived(words: Words, step: CallStep) -> Iterator[_Said]:
    _, facts = words.gettext, words.facts
    number = words.number(step.address or (facts.called if facts else None))
    caller = step.data.get("caller") or (facts.caller if facts else None)
    if caller:
        sentence = _("Call to {number} from {caller}")
    else:
        sentence = _("Call to {number} from a hidden number")
    yield _Said(sentence.format(number=number, caller=words.number(caller)))


def _dialled(words: Words, step: CallStep) -> Iterator[_Said]:
    _, facts = words.gettext, words.facts
    owner, device = words.telephone(
        step.terminal_id or (facts.terminal_id if facts else None),
        step.employee_id or (facts.employee_id if facts else None),
        None,
    )
    number = words.number(step.address or (facts.called if facts else None))
    telephone = joined(owner, device)
    yield _Said(_("{telephone}: dialled {number}").format(telephone=telephone, number=number))


def _admission_refused(words: Words, step: CallStep) -> Iterator[_Said]:
    data, _ = step.data, words.gettext
    reason = words.reason(data.get("reason", ""))
    if data.get("plugin"):
        sentence = _("The call was refused by “{plugin}”: {reason}")
    else:
        sentence = _("The call was refused: {reason}")
    yield _Said(sentence.format(plugin=data.get("plugin"), reason=reason))


def _routed(words: Words, step: CallStep) -> Iterator[_Said]:
    data, _ = step.data, words.gettext
    if data.get("plugin"):
        yield _Said(_("“{plugin}” chose the scenario").format(plugin=data["plugin"]))
    scenario = words.scenario(uuid_of(data.get("scenario_id")))
    if scenario is None:
        return
    version = data.get("version", scenario.version)
    sentence = _("Scenario “{name}”, version {version}")
    yield _Said(sentence.format(name=scenario.name, version=version))
    passed = [(uuid_of(branch), why) for branch, why in data.get("passed", ())]
    for branch, why in passed:
        if said := words.passed(branch, why, step.at):
            yield _Said(said, what=why)
    branch_id = uuid_of(data.get("branch_id"))
    if (branch_id, "closed") in passed:  # the last one, and all before it
        yield _Said(_("Nothing handles the call now"))
        return
    if taken := words.branch(branch_id):
        yield _Said(taken)
    if not data.get("open", True):
        yield _Said(_("Non-working time"))


def _unrouted(words: Words, step: CallStep) -> Iterator[_Said]:
    _, reason = words.gettext, str(step.data.get("reason", ""))
    what = _(UNROUTED.get(reason, reason))
    sentence = (
        _("No scenario handles the call: {reason}") if what else _("No scenario handles the call")
    )
    yield _Said(sentence.format(reason=what))


def _not_rung(words: Words, step: CallStep) -> Iterator[_Said]:
    data, _ = step.data, words.gettext
    what = words.why_not(data.get("reason", ""), step.employee_id, step.terminal_id, step.at)
    if step.employee_id is None and step.terminal_id is None and data.get("kind"):
        whom = words.addressee(data["kind"], data.get("ref", ""))
        whom = whom[:1].upper() + whom[1:]
        text = _("{telephone}: {what}").format(telephone=whom, what=what)
        yield _Said(text, whom, "", what)
    elif step.terminal_id is None and words.employee(step.employee_id):
        owner = words.employee(step.employee_id)
        yield _Said(_("{telephone}: {what}").format(telephone=owner, what=what), owner, "", what)
    else:
        yield _about(words, step, what)


def _played(words: Words, step: CallStep) -> Iterator[_Said]:
    name = words.media(uuid_of(step.data.get("media")))
    yield _Said(words.gettext("The caller hears “{name}”").format(name=name))


def _pressed(words: Words, step: CallStep) -> Iterator[_Said]:
    yield _Said(words.gettext("The caller pressed {key}").format(key=step.data.get("key", "")))


def _ringing(words: Words, step: CallStep) -> Iterator[_Said]:
    _ = words.gettext
    yield _about(words, step, _("rings"))


def _leg_ended(words: Words, step: CallStep) -> Iterator[_Said]:
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


def _answered(words: Words, step: CallStep) -> Iterator[_Said]:
    _ = words.gettext
    yield _about(words, step, _("answered"))


def _task_asked(words: Words, step: CallStep) -> Iterator[_Said]:
    data, _ = step.data, words.gettext
    name = _(TASKS.get(data.get("task", ""), TASKS["missed"]))
    if not data.get("kind"):
        yield _Said(_("Task “{name}” without an executor").format(name=name))
        return
    who = words.addressee(data["kind"], data.get("ref", ""))
    yield _Said(_("Task “{name}”: {who}").format(name=name, who=who))


def _held(words: Words, step: CallStep) -> Iterator[_Said]:
    _ = words.gettext
    yield _about(words, step, _("put the other party on hold"))


def _resumed(words: Words, step: CallStep) -> Iterator[_Said]:
    _ = words.gettext
    yield _about(words, step, _("took the other party back from hold"))


def _transfer(words: Words, step: CallStep) -> Iterator[_Said]:
    _ = words.gettext
    if step.data.get("attended"):
        what = _("transfers the other party to {number} after a consultation")
    else:
        what = _("transfers the other party to {number}")
    yield _about(words, step, what.format(number=words.number(str(step.data.get("to", "")))))


def _transfer_failed(words: Words, step: CallStep) -> Iterator[_Said]:
    _, status = words.gettext, step.data.get("status", 0)
    known = STATUSES.get(status)
    reason = _(known) if known else _("no answer ({status})").format(status=status)
    yield _Said(_("The transfer failed: {reason}").format(reason=reason), what=reason)


def _consulted(words: Words, step: CallStep) -> Iterator[_Said]:
    _ = words.gettext
    yield _about(words, step, _("is asked first, while the other party hears music"))


def _joined(words: Words, step: CallStep) -> Iterator[_Said]:
    _ = words.gettext
    yield _about(words, step, _("joined the conversation"))


def _taken_up(words: Words, step: CallStep) -> Iterator[_Said]:
    _ = words.gettext
    yield _about(words, step, _("answered, the number is dialled"))


def _picked_up(words: Words, step: CallStep) -> Iterator[_Said]:
    _ = words.gettext
    yield _about(words, step, _("picked up the call"))


def _queued(words: Words, step: CallStep) -> Iterator[_Said]:
    sentence = words.gettext("Nobody is free; the caller waits, as number {place}")
    yield _Said(sentence.format(place=step.data.get("place", "")))


def _left_queue(words: Words, step: CallStep) -> Iterator[_Said]:
    _, data = words.gettext, step.data
    reason = str(data.get("reason", ""))
    sentence = _(LEFT_QUEUE.get(reason, LEFT_QUEUE["answered"]))
    yield _Said(sentence.format(seconds=round(float(data.get("seconds", 0)))), what=reason)


def _media_moved(words: Words, step: CallStep) -> Iterator[_Said]:
    yield _Said(words.gettext("The media server failed; another one carries the audio now"))


def _recording(words: Words, step: CallStep) -> Iterator[_Said]:
    _ = words.gettext
    if step.data.get("kind") == RecordingKind.MESSAGE:
        yield _Said(_("The caller leaves a message"))
    else:
        yield _Said(_("The conversation is recorded"))


def _not_recording(words: Words, step: CallStep) -> Iterator[_Said]:
    data, _ = step.data, words.gettext
    if data.get("reason") == "paused":
        who = words.who(str(data.get("by", "")))
        said = _("{who} pauses the recording") if who else _("The recording is paused")
        yield _Said(said.format(who=who))
    else:
        yield _Said(_("Nothing is recorded: {reason}").format(reason=words.reason(data.get("reason"))))


def _ended(words: Words, step: CallStep) -> Iterator[_Said]:
    data, _ = step.data, words.gettext
    if data.get("who"):
        yield _Said(_("The call was hung up by {who}").format(who=data["who"]))
        return
    who = _(ENDED_BY.get(str(data.get("by")), ENDED_BY["system"]))
    if data.get("cause"):
        who = _("{who}: {cause}").format(who=who, cause=words.reason(data["cause"]))
    yield _Said(who)


def _about(words: Words, step: CallStep, what: str) -> _Said:
    _ = words.gettext
    owner, device = words.telephone(step.terminal_id, step.employee_id, step.address)
    text = _("{telephone}: {what}").format(telephone=joined(owner, device), what=what)
    return _Said(text, owner, device, what)


RENDERERS: dict[StepCode, Callable[[Words, CallStep], Iterator[_Said]]] = {
    StepCode.ARRIVED: _arrived,
    StepCode.DIALLED: _dialled,
    StepCode.ADMISSION_REFUSED: _admission_refused,
    StepCode.ROUTED: _routed,
    StepCode.UNROUTED: _unrouted,
    StepCode.NOT_RUNG: _not_rung,
    StepCode.PLAYED: _played,
    StepCode.PRESSED: _pressed,
    StepCode.RINGING: _ringing,
    StepCode.LEG_ENDED: _leg_ended,
    StepCode.ANSWERED: _answered,
    StepCode.TASK_ASKED: _task_asked,
    StepCode.HELD: _held,
    StepCode.RESUMED: _resumed,
    StepCode.TRANSFER: _transfer,
    StepCode.TRANSFER_FAILED: _transfer_failed,
    StepCode.CONSULTED: _consulted,
    StepCode.JOINED: _joined,
    StepCode.TAKEN_UP: _taken_up,
    StepCode.PICKED_UP: _picked_up,
    StepCode.QUEUED: _queued,
    StepCode.LEFT_QUEUE: _left_queue,
    StepCode.MEDIA_MOVED: _media_moved,
    StepCode.RECORDING: _recording,
    StepCode.NOT_RECORDING: _not_recording,
    StepCode.ENDED: _ended,
}
