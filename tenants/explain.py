"""A whole decision in words: the branch, who rings in which order, who does not ring and why.

The core's ``Path`` has codes and ids; here they get the names of the snapshot that was asked. Of every
thing the code stays beside the sentence, so that programs need not read.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from uuid import UUID

from msgspec import Struct

from core.contracts import (
    CallFacts,
    Decision,
    Dial,
    DialMode,
    HangUp,
    Options,
    Par,
    PlanNode,
    PluginStep,
    Ring,
    Skipped,
    Snapshot,
    Step,
)
from core.numbers import pretty
from core.regions import SUBJECTS
from core.routing import Path, Stage
from core.routing.blocks import PassedOver
from core.routing.zones import clock
from core.scenarios import EXTENSIONS, MENU, MESSAGE, QUEUE, Queue
from tenants.ways import ways
from tenants.words import N_, UNROUTED, Gettext, Words, joined, uuid_of

__all__ = ["Explanation", "NotRinging", "PassedBranch", "RingNode", "StepView", "explain", "lines"]


class PassedBranch(Struct, frozen=True):
    """A branch that did not take the call: ``reason`` is tags, regions or closed; ``until`` is when it
    opens."""

    branch_id: UUID
    reason: str
    until: datetime | None
    text: str


class RingNode(Struct, frozen=True):
    """A node of the tree of telephones, in preorder: ``kind`` is ring, or seq and par with what is one
    deeper below them, in turn or at once."""

    depth: int
    kind: str
    text: str
    seconds: int | None = None
    terminal_id: UUID | None = None
    employee_id: UUID | None = None
    address: str | None = None


class NotRinging(Struct, frozen=True):
    """Somebody who does not ring; ``until`` is when the reason is over, if a clock ends it."""

    terminal_id: UUID | None
    employee_id: UUID | None
    reason: str
    until: datetime | None
    text: str


class StepView(Struct, frozen=True):
    """A step: dial, hang_up or plugin, when it begins, and who rings and who does not.

    ``net`` says that it belongs to the safety net, ``manager`` that it tries the personal manager
    before a list; ``passed_over`` is why calls do nothing with the step: no_plugin, no_step, gone, off.
    ``keys`` were pressed in it; ``ways`` are where the keys of a voice menu lead if none was.
    """

    at: datetime
    kind: str
    net: bool
    text: str
    rings: tuple[RingNode, ...] = ()
    not_ringing: tuple[NotRinging, ...] = ()
    manager: bool = False
    passed_over: str | None = None
    keys: str = ""
    ways: tuple[str, ...] = ()


class Explanation(Struct, frozen=True):
    """What becomes of a call under a configuration, step by step.

    ``about`` is what was known of the caller, ``options`` what the branch does besides, in sentences.
    ``unrouted`` is why no scenario handles it; ``open`` is false in non-working time. ``assumed`` are
    telephones whose state at that moment nobody knows: they count as registered and free.
    """

    snapshot_version: int
    snapshot_hash: str
    at: datetime
    called: str
    caller: str | None
    text: str
    scenario_id: UUID | None = None
    scenario_version: int | None = None
    branch_id: UUID | None = None
    open: bool = True
    unrouted: str | None = None
    passed: tuple[PassedBranch, ...] = ()
    branch: str = ""
    about: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    steps: tuple[StepView, ...] = ()
    assumed: tuple[UUID, ...] = ()


def explain(
    path: Path,
    snapshot: Snapshot,
    facts: CallFacts,
    instant: float,
    gettext: Gettext,
    zone: str | None = None,
    assumed: tuple[UUID, ...] = (),
) -> Explanation:
    """The path with the names of its snapshot; hours by the clock of ``zone``, else the company's."""
    words = Words(snapshot, facts, gettext, zone)
    decision = path.decision
    passed = tuple(_passed(words, decision, instant)) if decision else ()
    return Explanation(
        snapshot_version=snapshot.version,
        snapshot_hash=snapshot.hash,
        at=_instant(instant),
        called=facts.called,
        caller=facts.caller,
        text=_heading(words, path),
        scenario_id=decision.scenario_id if decision else None,
        scenario_version=decision.scenario_version if decision else None,
        branch_id=decision.branch_id if decision else None,
        open=decision is None or decision.open,
        unrouted=str(path.unrouted) if path.unrouted else None,
        passed=passed,
        branch=_taken(words, decision, passed) if decision else "",
        about=tuple(_about(words, facts)),
        options=tuple(_options(words, decision.chain.options)) if decision else (),
        steps=tuple(_step(words, stage) for stage in path.stages),
        assumed=assumed,
    )


def lines(found: Explanation, gettext: Gettext, zone: str) -> Iterator[str]:
    """The explanation for a terminal, indented; its moment by the clock of ``zone``."""
    sentence = gettext("Call to {number} from a hidden number")
    if found.caller:
        sentence = gettext("Call to {number} from {caller}")
    call = sentence.format(number=pretty(found.called), caller=pretty(found.caller))
    when = found.at.astimezone(clock(zone)).strftime(gettext("%Y-%m-%d %H:%M"))
    yield f"{call}, {when} {zone}"
    for line in found.about:
        yield f"  {line}"
    yield found.text
    for branch in found.passed:
        yield f"  {branch.text}"
    if found.branch:
        yield f"  {found.branch}"
    for line in found.options:
        yield f"    {line}"
    for step in found.steps:
        minutes, seconds = divmod(round((step.at - found.at).total_seconds()), 60)
        yield f"{minutes}:{seconds:02}  {step.text}"
        yield from _step_lines(step, gettext)
    if found.assumed:
        text = gettext("Their state is not known, they count as registered and free: {count} phones")
        yield text.format(count=len(found.assumed))


def _step_lines(step: StepView, gettext: Gettext) -> Iterator[str]:
    for way in step.ways:
        yield f"    {way}"
    for node in step.rings:
        yield f"{'  ' * (node.depth + 2)}{node.text}"
    if step.kind == "dial" and not step.rings:
        yield "    " + gettext("No phone could ring")
    if step.not_ringing:
        yield "    " + gettext("Not rung:")
    for each in step.not_ringing:
        yield f"      {each.text}"


_MODES = {
    DialMode.SEQUENTIAL: N_("Rings in turn, {seconds} s at most"),
    DialMode.PARALLEL: N_("Rings at once, {seconds} s at most"),
    DialMode.LEAST_BUSY: N_("Rings the least busy first, {seconds} s at most"),
}


def _heading(words: Words, path: Path) -> str:
    _ = words.gettext
    if path.decision is None:
        reason = str(path.unrouted or "")
        sentence = _("No scenario handles the call: {reason}")
        return sentence.format(reason=_(UNROUTED.get(reason, reason)))
    scenario = words.scenario(path.decision.scenario_id)
    sentence = _("Scenario “{name}”, version {version}")
    name = scenario.name if scenario else ""
    return sentence.format(name=name, version=path.decision.scenario_version)


def _about(words: Words, facts: CallFacts) -> Iterator[str]:
    _, snapshot = words.gettext, words.snapshot
    names = [tag.name for tag in (snapshot.tags if snapshot else ()) if tag.id in facts.tags]
    if names:
        yield _("Tags: {names}").format(names=", ".join(names))
    subjects = [SUBJECTS[code].name for code in facts.regions if code in SUBJECTS]
    if subjects:
        yield _("Region: {names}").format(names=", ".join(subjects))
    if manager := words.employee(facts.manager_id):
        yield _("Personal manager: {name}").format(name=manager)


def _options(words: Words, options: Options) -> Iterator[str]:
    _ = words.gettext
    if options.greeting:
        yield _("Greeting “{name}”").format(name=words.media(options.greeting))
    if options.melody:
        yield _("Hold melody “{name}”").format(name=words.media(options.melody))
    if options.records:
        yield _("The conversation is recorded")
    if options.warns:
        yield _("Callers are told of the recording")


def _passed(words: Words, decision: Decision, instant: float) -> Iterator[PassedBranch]:
    for code, *rest in decision.trace:
        if code == "passed":
            branch_id, why = UUID(rest[0]), rest[1]
            over = words.passed_until(branch_id, why, instant)
            text = words.passed(branch_id, why, instant)
            yield PassedBranch(branch_id, why, _maybe(over), text)


def _taken(words: Words, decision: Decision, passed: tuple[PassedBranch, ...]) -> str:
    _ = words.gettext
    if any(each.branch_id == decision.branch_id for each in passed):
        return _("Nothing handles the call now")
    name = words.branch(decision.branch_id)
    return name if decision.open else _("{branch}: non-working time").format(branch=name)


def _step(words: Words, stage: Stage) -> StepView:
    text = _what(words, stage.step)
    if stage.keys:
        text = words.gettext("{step}; pressed: {keys}").format(step=text, keys=stage.keys)
    if stage.manager:
        text = words.gettext("Personal manager: {step}").format(step=text[:1].lower() + text[1:])
    if stage.passed_over:
        text = _passed_over(words, text, stage)
    if stage.net:
        text = words.gettext("Safety net: {step}").format(step=text[:1].lower() + text[1:])
    plan = stage.plan
    return StepView(
        at=_instant(stage.at),
        kind=_kind(stage.step),
        net=stage.net,
        text=text,
        rings=tuple(_rings(words, plan.root, 0)) if plan and plan.root else (),
        not_ringing=tuple(_silent(words, each, stage.at) for each in plan.skipped) if plan else (),
        manager=stage.manager,
        passed_over=stage.passed_over,
        keys=stage.keys,
        ways=() if stage.keys or stage.passed_over else tuple(ways(words, stage.step)),
    )


def _kind(step: Step) -> str:
    if isinstance(step, Dial):
        return "dial"
    return "hang_up" if isinstance(step, HangUp) else "plugin"


def _what(words: Words, step: Step) -> str:
    _ = words.gettext
    if isinstance(step, Dial):
        text = _(_MODES[step.mode]).format(seconds=step.ring_seconds)
        if step.queue is None:
            return text
        queue = _queue(words, step.queue)
        if QUEUE.partition(".")[0] not in (words.snapshot.plugins if words.snapshot else ()):
            queue = _("no queue, because the contract has none")
        return _("{step}; {what}").format(step=text, what=queue)
    if isinstance(step, HangUp):
        return _end(words, step)
    return _plugins(words, step)


def _queue(words: Words, queue: Queue) -> str:
    _ = words.gettext
    text = _("who is not reached waits for {seconds} s at most")
    if queue.media:
        text = _("who is not reached waits for {seconds} s at most and hears “{name}”")
    return text.format(seconds=queue.seconds, name=words.media(queue.media))


def _end(words: Words, step: HangUp) -> str:
    _ = words.gettext
    text = _("The call is ended")
    if step.media:
        text = _("The call is ended after “{name}”").format(name=words.media(step.media))
    if step.task is None:
        return text
    return _("{step}; task: {whom}").format(step=text, whom=words.executor(step.task))


_PASSED_OVER = {
    PassedOver.NO_PLUGIN: N_("passed over, because the contract does not have “{plugin}”"),
    PassedOver.NO_STEP: N_("passed over, because nothing executes this step"),
    PassedOver.GONE: N_("passed over, because it does not exist any more"),
    PassedOver.OFF: N_("passed over, because the voice menu is switched off"),
}


def _passed_over(words: Words, text: str, stage: Stage) -> str:
    _ = words.gettext
    if stage.passed_over is None or not isinstance(stage.step, PluginStep):
        return text
    plugin = stage.step.name.partition(".")[0]
    what = _(_PASSED_OVER[stage.passed_over]).format(plugin=plugin)
    return _("{telephone}: {what}").format(telephone=text, what=what)


def _plugins(words: Words, step: PluginStep) -> str:
    _, snapshot, config = words.gettext, words.snapshot, step.config
    if step.name == MENU:
        wanted, known = config.get("menu_id"), snapshot.menus if snapshot else ()
        name = next((menu.name for menu in known if menu.id == uuid_of(wanted)), "")
        return _("Voice menu “{name}”").format(name=name) if name else _("Voice menu")
    if step.name == EXTENSIONS:
        wanted, lists = config.get("list_id"), snapshot.extension_lists if snapshot else ()
        name = next((each.name for each in lists if each.id == uuid_of(wanted)), "")
        if not name:
            return _("Dialling of an extension")
        return _("Dialling of an extension, “{name}”").format(name=name)
    if step.name == MESSAGE:
        return _("Voice message")
    return _("Step “{name}”").format(name=step.name)


def _rings(words: Words, node: PlanNode, depth: int) -> Iterator[RingNode]:
    _ = words.gettext
    if isinstance(node, Ring):
        owner, device = words.telephone(node.terminal_id, node.employee_id, node.address)
        text = _("{telephone}: rings {seconds} s").format(
            telephone=_named(owner, device, node.address), seconds=node.seconds
        )
        known = (node.seconds, node.terminal_id, node.employee_id, node.address)
        yield RingNode(depth, "ring", text, *known)
        return
    at_once = isinstance(node, Par)
    yield RingNode(depth, "par" if at_once else "seq", _("at once:") if at_once else _("in turn:"))
    for item in node.items:
        yield from _rings(words, item, depth + 1)


def _silent(words: Words, skipped: Skipped, at: float) -> NotRinging:
    key = skipped.employee_id, skipped.terminal_id
    what = words.why_not(skipped.reason, *key, at)
    if skipped.terminal_id is not None:
        address = words.address(skipped.terminal_id)
        owner, device = words.telephone(skipped.terminal_id, skipped.employee_id, address)
        whom = _named(owner, device, address)
    elif skipped.addressee is not None and not words.employee(skipped.employee_id):
        whom = words.addressee(skipped.addressee.kind, skipped.addressee.ref)
        whom = whom[:1].upper() + whom[1:]
    else:
        whom = words.employee(skipped.employee_id)
    return NotRinging(
        terminal_id=skipped.terminal_id,
        employee_id=skipped.employee_id,
        reason=str(skipped.reason),
        until=_maybe(words.skipped_until(skipped.reason, *key, at)),
        text=words.gettext("{telephone}: {what}").format(telephone=whom, what=what),
    )


def _named(owner: str, device: str, address: str) -> str:
    """Whose telephone and which: administrators, for whom this is, may see the line's login."""
    shown = pretty(address)
    return joined(owner, device if device in ("", shown) else f"{device} {shown}")


def _instant(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)


def _maybe(at: int | None) -> datetime | None:
    return None if at is None else _instant(at)
