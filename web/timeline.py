"""A call's log as the time line of its card: rings in a row become one entry with a bar each."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from markupsafe import Markup
from msgspec import Struct

from core.contracts import StepCode
from tenants.services.calls import CallCard
from tenants.trace import TraceLine
from web.pages import Page

__all__ = ["Bar", "Entry", "course"]

WIDTH = 80.0
"""Width of a bar's track, in units of its drawing."""

ICONS = {
    StepCode.ARRIVED: "phone-incoming",
    StepCode.DIALLED: "phone-outgoing",
    StepCode.ADMISSION_REFUSED: "circle-x",
    StepCode.ROUTED: "filter",
    StepCode.UNROUTED: "circle-x",
    StepCode.PLAYED: "phone-call",
    StepCode.PRESSED: "phone-call",
    StepCode.ANSWERED: "phone",
    StepCode.TASK_ASKED: "checkbox",
    StepCode.HELD: "phone-call",
    StepCode.RESUMED: "phone-call",
    StepCode.TRANSFER: "phone-outgoing",
    StepCode.TRANSFER_FAILED: "circle-x",
    StepCode.CONSULTED: "phone",
    StepCode.JOINED: "phone",
    StepCode.TAKEN_UP: "phone",
    StepCode.PICKED_UP: "phone",
    StepCode.QUEUED: "clock",
    StepCode.LEFT_QUEUE: "clock",
    StepCode.MEDIA_MOVED: "phone-call",
    StepCode.RECORDING: "headset",
    StepCode.NOT_RECORDING: "circle-x",
    StepCode.ENDED: "phone-off",
}
RINGS = (StepCode.RINGING, StepCode.NOT_RUNG, StepCode.LEG_ENDED)
STRONG = (StepCode.ARRIVED, StepCode.DIALLED, StepCode.ANSWERED)


class Bar(Struct):
    """One attempt at a telephone, whether it rang or not: ``left`` and ``width`` within the track."""

    owner: str
    device: str
    name: str = ""
    note: str = ""
    left: str = "0"
    width: str = ""
    answered: bool = False
    started: float | None = None
    ended: float | None = None


class Entry(Struct):
    """One point of the time line."""

    time: str
    icon: str
    text: str
    note: str = ""
    strong: bool = False
    talk: bool = False
    tone: str = ""
    rings: list[Bar] = msgspec.field(default_factory=list)


def course(found: CallCard, page: Page) -> list[Entry]:
    """The entries in order; the first shows the time of day, the others the time since."""
    started = found.call.started_at.timestamp()
    entries: list[Entry] = []
    bars: dict[object, Bar] = {}
    group: Entry | None = None
    passed = False  # the line before is of a branch that did not take the call
    # Who answered stands below; of the others it matters how long they rang.
    lost = {(s.terminal_id, s.at) for s in found.steps if s.data.get("reason") == "elsewhere"}
    for line in found.trace:
        when = page.formats.span(line.at - started)
        if line.code in RINGS or line.code is StepCode.ANSWERED:
            _ring(bars, line, line.what if (line.terminal_id, line.at) not in lost else "")
        if line.code in RINGS:
            if group is None:
                group = Entry(when, "phone-calling", "")
                entries.append(group)
            bar = bars[_key(line)]
            if not any(bar is known for known in group.rings):
                group.rings.append(bar)
        elif _belongs_to(entries, line) and not passed:
            entries[-1].note = line.text  # the scenario stands below the number that it handles
        else:
            entries.append(_entry(line, when, found, page))
        passed = line.code is StepCode.ROUTED and line.what != ""
    _finish(entries, found, page)
    return entries


def _belongs_to(entries: Sequence[Entry], line: TraceLine) -> bool:
    """Whether this says more of the entry before it."""
    routed = line.code is StepCode.ROUTED and not line.what
    return routed and bool(entries) and not entries[-1].note


def _entry(line: TraceLine, when: str, found: CallCard, page: Page) -> Entry:
    entry = Entry(when, ICONS[line.code], line.text, strong=line.code in STRONG)
    if line.code is StepCode.ARRIVED:
        number = Markup('<span class="k-tel">{}</span>').format(page.formats.phone(found.call.called))
        entry.text = page.text("Call to {number}", number=number)
    elif line.code is StepCode.ANSWERED:
        entry.text = page.text("{name} answers", name=line.owner or line.device)
        entry.note = line.device if line.owner else ""
        entry.talk, entry.tone = True, "is-ok"
    elif line.code in (StepCode.ADMISSION_REFUSED, StepCode.UNROUTED):
        entry.tone = "is-bad"
    return entry


def _key(line: TraceLine) -> object:
    return line.terminal_id or (line.owner, line.device)


def _ring(bars: dict[object, Bar], line: TraceLine, what: str) -> None:
    """Note on the telephone's bar what this line says of it; each attempt has a bar (HIS-12)."""
    key = _key(line)
    bar = bars.setdefault(key, Bar(line.owner, line.device))
    if line.code is StepCode.RINGING and (bar.ended is not None or bar.note):
        bar = bars[key] = Bar(line.owner, line.device)
    if line.code is StepCode.RINGING:
        bar.started, bar.ended, bar.note = line.at, None, ""
    elif line.code is StepCode.ANSWERED:
        bar.ended, bar.answered = line.at, True
    else:
        bar.ended = line.at if bar.started is not None else None
        bar.note = what


def _finish(entries: Sequence[Entry], found: CallCard, page: Page) -> None:
    """Bars to one scale within each group, and the words above them."""
    over = found.call.ended_at.timestamp()
    for group in (entry for entry in entries if entry.icon == "phone-calling"):
        rung = [bar for bar in group.rings if bar.started is not None]
        group.text = page.counted(
            "Rings {count} phone",
            "Rings {count} phones",
            len({(bar.owner, bar.device) for bar in rung}),
        )
        _name(group)
        if not rung:
            group.text = page.text("No phone could ring")
            group.tone = "is-bad"
            continue
        first = min(bar.started or over for bar in rung)
        last = max(bar.ended or over for bar in rung)
        scale = WIDTH / max(last - first, 0.001)
        for bar in rung:
            begin, end = bar.started or first, bar.ended or over
            bar.left = f"{(begin - first) * scale:.1f}"
            bar.width = f"{max((end - begin) * scale, 3.0):.1f}"
            bar.note = bar.note or page.formats.span(end - begin)
    if entries:
        entries[0].time = page.formats.time(found.call.started_at.timestamp())


def _name(group: Entry) -> None:
    """Whose phone each bar is; if all are one person's, that is said once above them."""
    owners = {bar.owner for bar in group.rings}
    alone = len(owners) == 1 and all(owners)
    if alone:
        group.note = owners.pop()
    for bar in group.rings:
        device = bar.device[:1].upper() + bar.device[1:]
        bar.name = device if alone else ", ".join(filter(None, (bar.owner, bar.device)))
