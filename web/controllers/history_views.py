"""What the templates of «История звонков» are given. Whatever a caller sent is text, never markup."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, timedelta

from msgspec import Struct

from core.contracts import Direction, Outcome
from core.recordings import RecordingKind
from tenants.services.calls import CallCard, CallRow, LiveCallState, PresentCall
from tenants.services.recordings import Peaks, RecordingView
from web.forms import Chip
from web.pages import N_, Page
from web.timeline import Entry, course

__all__ = ["Card", "Days", "Heard", "days", "filters", "heard", "present", "row"]

OUTCOMES = {
    Outcome.ANSWERED: N_("answered"),
    Outcome.BUSY: N_("busy"),
    Outcome.NO_ANSWER: N_("did not answer"),
    Outcome.CANCELLED: N_("the caller hung up"),
    Outcome.REFUSED: N_("refused"),
    Outcome.FAILED: N_("failed"),
}

KINDS = {
    RecordingKind.CONVERSATION: N_("Recording of the conversation"),
    RecordingKind.MESSAGE: N_("Voice message"),
}
STATES = {
    LiveCallState.STARTED: N_("hears a greeting or a menu"),
    LiveCallState.WAITING: N_("waits in a queue"),
    LiveCallState.RINGING: N_("rings"),
    LiveCallState.TALKING: N_("talks"),
}
STATE_ICONS = {
    LiveCallState.STARTED: "dialpad",
    LiveCallState.WAITING: "clock",
    LiveCallState.RINGING: "phone-calling",
    LiveCallState.TALKING: "phone-call",
}
_BARS = 200
_HEIGHT = 20  # of one channel, in units of the drawing

Url = Callable[..., str]


class Row(Struct, frozen=True):
    """A call of the list in the reader's words."""

    id: str
    direction: str
    missed: bool
    client: str
    client_note: str
    who: str
    who_note: str
    wait: str
    talk: str
    time: str
    recorded: str


class Now(Struct, frozen=True):
    """A call that goes on: ``state`` in words, and for how long it has been in it unless it rings."""

    client: str
    who: str
    state: str
    icon: str
    rings: bool
    talking: bool
    since: float
    lasts: str


class Days(Struct, frozen=True):
    """Where the arrows beside the day lead."""

    title: str
    is_today: bool
    before: str
    today: str
    after: str
    plain: str


def row(call: CallRow, page: Page) -> Row:
    """One call as its row."""
    answered = call.outcome is Outcome.ANSWERED
    missed = call.direction is Direction.INCOMING and not answered
    client, client_note = _client(call, page)
    return Row(
        id=str(call.id),
        direction=call.direction.value,
        missed=missed,
        client=client,
        client_note=client_note,
        who=page.text("Nobody answered") if missed else call.employee.name if call.employee else "",
        who_note=_who_note(call, page, answered),
        wait=page.formats.span(call.wait_seconds),
        talk=page.formats.span(call.talk_seconds) if answered else "",
        time=page.formats.time(call.started_at.timestamp()),
        recorded=", ".join(str(page.text(KINDS[kind])) for kind in dict.fromkeys(call.recordings)),
    )


def _client(call: CallRow, page: Page) -> tuple[str, str]:
    """Who is at the other end, and the second line: the name that the network gave.

    The name of a colleague or a contact comes first, what was dialled or called from second.
    """
    if call.colleague:
        return call.colleague.name, page.text("ext. {number}", number=call.called)
    other = call.caller if call.direction is Direction.INCOMING else call.called
    number = page.formats.phone(other) or page.text("Hidden number")
    if call.client and call.client.name:
        return call.client.name, number
    name = call.caller_name if call.direction is Direction.INCOMING else ""
    return number, name if name and name != other else ""


def _who_note(call: CallRow, page: Page, answered: bool) -> str:
    """The company's number, or what became of a call of one's own."""
    if call.direction is Direction.INCOMING:
        called = page.formats.phone(call.called)
        return f"{call.number_label}, {called}" if call.number_label else called
    if not answered:
        return page.text(OUTCOMES[call.outcome])
    return page.formats.phone(call.caller) if call.direction is Direction.OUTGOING else ""


def present(call: PresentCall, page: Page) -> Now:
    """A call that goes on, and since when."""
    incoming = call.direction is Direction.INCOMING
    state = _state(call)
    since = (call.answered_at or call.queued_at or call.started_at).timestamp()
    other = call.caller if incoming else call.called
    client, who = page.formats.phone(other), ", ".join(party.name for party in call.parties)
    if call.direction is Direction.INTERNAL:
        client, who = who or client, f"{call.caller} → {call.called}"
    return Now(
        client=client or page.text("Hidden number"),
        who=who,
        state=page.text(STATES[state]),
        icon=STATE_ICONS[state],
        rings=state is LiveCallState.RINGING,
        talking=state is LiveCallState.TALKING,
        since=since,
        lasts=page.formats.span(page.now - since),
    )


def _state(call: PresentCall) -> LiveCallState:
    """What is to be said of it: a call of our own that has only begun is as good as ringing."""
    if call.answered_at is not None:
        return LiveCallState.TALKING
    if call.state is LiveCallState.STARTED and call.direction is not Direction.INCOMING:
        return LiveCallState.RINGING
    return call.state


class Heard(Struct, frozen=True):
    """A recording with its player: a bar for each moment, the client above, the employee below."""

    id: str
    title: str
    lasts: str
    wave: tuple[str, ...]


def heard(recording: RecordingView, peaks: Peaks, page: Page) -> Heard:
    """What the card shows of a recording."""
    return Heard(
        id=str(recording.id),
        title=page.text(KINDS[recording.kind]),
        lasts=page.formats.span(round(recording.milliseconds / 1000)),
        wave=tuple(_bars(each, -1 if at == 0 else 1) for at, each in enumerate(peaks.channels)),
    )


def _bars(peaks: Sequence[int], side: int) -> str:
    """A path with a bar up (-1) or down (1) from the middle for each moment."""
    step = max(1, -(-len(peaks) // _BARS))
    louder = (max(peaks[at : at + step]) for at in range(0, len(peaks), step))
    return "".join(
        f"M{at} {_HEIGHT}v{side * max(1, peak * _HEIGHT // 256)}" for at, peak in enumerate(louder)
    )


class Card:
    """One call: the facts, its course, and what can be heard of it."""

    def __init__(self, found: CallCard, page: Page, recordings: Sequence[Heard] = ()) -> None:
        self.recordings = recordings
        call = row(found.call, page)
        self.id = call.id
        self.client, self.client_note = call.client, call.client_note
        self.wait, self.talk = call.wait, call.talk
        started = found.call.started_at.timestamp()
        self.began = page.formats.clock(started)
        self.title = page.formats.moment(started)
        self.icon = {"incoming": "phone-incoming", "outgoing": "phone-outgoing"}.get(
            call.direction, "switch-horizontal"
        )
        if call.missed:
            self.icon = "phone-x"
        self.region = ""
        if found.call.direction is Direction.INCOMING and found.call.caller:
            self.region = ", ".join(found.regions) or str(page.text("Region unknown"))
        self.line: list[Entry] = course(found, page)


def days(day: date, today: date, page: Page, url: Url) -> Days:
    """The day shown and its neighbours; there is nothing after today."""
    one = timedelta(days=1)
    after = (day + one).isoformat() if day + one < today else ""
    return Days(
        title=page.formats.day(day),
        is_today=day == today,
        before=url(day=(day - one).isoformat()),
        today=url(day=""),
        after=url(day=after) if day < today else "",
        plain=url(show=""),
    )


def filters(page: Page, shown: str, url: Url) -> list[Chip]:
    """The chips beside the day."""
    choices = [
        ("", page.text("All calls")),
        ("incoming", page.text("Incoming calls")),
        ("outgoing", page.text("Outgoing calls")),
        ("missed", page.text("Missed calls")),
    ]
    return [Chip(str(title), url(show=value), chosen=value == shown) for value, title in choices]
