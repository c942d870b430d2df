"""What the scenario check found, in sentences: where, what, when, and a call that shows it.

The core's ``Finding`` has codes, ids and instants; here they get the names of the snapshot that was
checked, and hours by the company's clock: «31 декабря 18:00–24:00 некому ответить».
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from msgspec import UNSET, Struct, UnsetType

from core.contracts import Branch, Dial, Snapshot
from core.numbers import pretty
from core.regions import SUBJECTS
from core.routing.check import Code, Finding, Place, Report, Severity, Span, Witness
from core.routing.zones import clock
from tenants.words import N_, Gettext, Words, joined

__all__ = [
    "NOTHING",
    "SEVERITIES",
    "CheckView",
    "Checked",
    "FindingView",
    "GapsView",
    "Removed",
    "SaveCheck",
    "SpanView",
    "WitnessView",
    "describe",
]

NOTHING = N_("Nothing is wrong.")
SEVERITIES = {
    Severity.ERROR: N_("Error"),
    Severity.WARNING: N_("Warning"),
    Severity.NOTE: N_("Note"),
}


class SpanView(Struct, frozen=True):
    """From ``start`` to before ``end``."""

    start: datetime
    end: datetime


class WitnessView(Struct, frozen=True):
    """A call that shows it: who calls which number when. ``called`` is empty while the scenario has no
    number; ``tags`` and ``regions`` are the caller's."""

    called: str
    caller: str | None
    at: datetime
    tags: tuple[UUID, ...]
    regions: tuple[int, ...]
    text: str


class FindingView(Struct, frozen=True):
    """A finding: ``code`` for programs, ``text`` for people; ``place`` by ids, ``numbers`` are those
    whose calls it concerns. ``reason`` says more where the code alone does not."""

    code: Code
    severity: Severity
    text: str
    place: Place
    numbers: tuple[str, ...]
    spans: tuple[SpanView, ...]
    witness: WitnessView | None
    reason: str | None = None


class GapsView(Struct, frozen=True):
    """When a caller of this number finds nobody, even if all telephones are online and free."""

    number_id: UUID
    number: str
    spans: tuple[SpanView, ...]


class CheckView(Struct, frozen=True):
    """What is wrong in the 12 months from ``start`` to ``end``, the gravest first, and the gaps of all
    numbers. ``version`` is the configuration's."""

    version: int
    start: datetime
    end: datetime
    findings: tuple[FindingView, ...]
    gaps: tuple[GapsView, ...]


class SaveCheck(Struct, frozen=True):
    """What the check says after a save: the findings that were not there before, the gravest first, and
    how many there are in all. ``url`` has them with the gaps of every number."""

    findings: tuple[FindingView, ...]
    all: int
    url: str = "/api/v1/check"


class Checked(Struct, frozen=True, kw_only=True):
    """A part of the routing configuration. ``check`` is only in the answer of a save, for those who may
    read scenarios."""

    check: SaveCheck | UnsetType = UNSET


class Removed(Checked, frozen=True, kw_only=True):
    """Something of the routing configuration is gone; ``check`` says what that leaves."""


def describe(report: Report, snapshot: Snapshot, gettext: Gettext) -> CheckView:
    """The report with the names of its snapshot."""
    text = _Sentences(snapshot, gettext)
    numbers = {number.id: number.e164 for number in snapshot.numbers}
    return CheckView(
        version=snapshot.version,
        start=_utc(report.start),
        end=_utc(report.end),
        findings=tuple(
            FindingView(
                code=finding.code,
                severity=finding.severity,
                text=text.finding(finding),
                place=finding.place,
                numbers=tuple(numbers[number] for number in finding.numbers),
                spans=_spans(finding.spans),
                witness=text.witness(finding.witness) if finding.witness else None,
                reason=finding.data.get("reason"),
            )
            for finding in report.findings
        ),
        gaps=tuple(
            GapsView(gap.number_id, numbers[gap.number_id], _spans(gap.spans)) for gap in report.gaps
        ),
    )


SENTENCES = {
    Code.SUSPENDED: N_("The contract is suspended: no call is taken"),
    Code.NUMBER_WITHOUT_SCENARIO: N_("has no scenario, its calls are not taken"),
    Code.SCENARIO_DISABLED: N_("the scenario is switched off, the calls of its numbers are not taken"),
    Code.BRANCH_COVERED: N_("never chosen, all its calls are taken by earlier ones: {by}"),
    Code.BRANCH_NEVER_OPEN: N_("never open, and nothing is set up for non-working time"),
    Code.NO_SUCH_CALLER: N_("no caller fits"),
    Code.CHAIN_UNUSED: N_("handles no call: {reason}"),
    Code.CLOSED_WITHOUT_CHAIN: N_("{when} nothing handles the calls"),
    Code.CHAIN_EMPTY: N_("nothing is set up, calls just end"),
    Code.NOBODY_EVER: N_("nobody can ever answer"),
    Code.NOBODY_AT_TIMES: N_("{when} nobody can answer"),
    Code.STEP_RINGS_NOBODY: N_("this forwarding never rings anybody"),
    Code.TARGET_GONE: N_("does not exist any more"),
    Code.TARGET_NEVER_RINGS: N_("never rings: {reason}"),
    Code.UNAVAILABLE_NOW: N_("everybody in this step is switched to “Unavailable” now"),
    Code.SCHEDULE_GONE: N_("the schedule does not exist any more, so it is round the clock"),
    Code.CALENDAR_GONE: N_("the calendar does not exist any more, so there are no holidays"),
    Code.TAG_UNUSED: N_("nobody has the tag “{tag}”"),
    Code.QUEUE_MISSING: N_("the contract has no queues: who is not reached does not wait"),
    Code.QUEUE_IN_VAIN: N_("callers wait for {seconds} s in vain: nobody ever rings here"),
    Code.PLUGIN_MISSING: N_("passed over, because the contract does not have “{plugin}”"),
    Code.STEP_UNKNOWN: N_("passed over, because nothing executes the step “{name}”"),
    Code.STEP_UNREACHED: N_("never reached, the call ends before it"),
    Code.FORWARD_LOOP: N_("a number of the company itself does not ring"),
    Code.NET_SAME: N_("the safety net rings the same people as the list before it"),
    Code.MENU_GONE: N_("passed over, because the voice menu does not exist any more"),
    Code.MENU_OFF: N_("passed over, because the voice menu is switched off"),
    Code.MENU_SILENT: N_("says nothing: callers hear silence, because no instruction is chosen"),
    Code.MENU_NO_WAY_OUT: N_("neither a key nor silence leads to anybody"),
    Code.KEY_DEAD: N_("leads to nothing: {reason}"),
    Code.KEY_NOBODY_AT_TIMES: N_("{when} nobody can answer"),
    Code.LIST_GONE: N_("the list of extensions does not exist any more"),
    Code.LIST_EMPTY: N_("no extension can be dialled"),
    Code.EXTENSION_GONE: N_("nobody has the extension {ref}"),
    Code.EXTENSION_FORBIDDEN: N_("the extension {ref} may not be dialled from menus"),
}

# Why a chain or a key is of no use; reasons of employees and telephones are in ``tenants.words``.
REASONS = {
    "covered": N_("earlier filters take them"),
    "always_open": N_("there is no non-working time"),
    "never_open": N_("there is no working time"),
    "unset": N_("nobody is chosen"),
    "gone": N_("does not exist any more"),
    "off": N_("the voice menu is switched off"),
    "no_next_block": N_("no block follows"),
    "not_served": N_("nothing executes this action"),
}

MONTHS = (
    N_("{day} January"),
    N_("{day} February"),
    N_("{day} March"),
    N_("{day} April"),
    N_("{day} May"),
    N_("{day} June"),
    N_("{day} July"),
    N_("{day} August"),
    N_("{day} September"),
    N_("{day} October"),
    N_("{day} November"),
    N_("{day} December"),
)


class _Sentences:
    """Names of one snapshot, in one language, on the company's clock."""

    def __init__(self, snapshot: Snapshot, gettext: Gettext) -> None:
        self._snapshot = snapshot
        self._ = gettext
        self._words = Words(snapshot, None, gettext)
        self._zone = clock(snapshot.timezone)
        self._tags = {str(tag.id): tag.name for tag in snapshot.tags}
        self._menus = {menu.id: menu.name for menu in snapshot.menus}
        self._lists = {each.id: each.name for each in snapshot.extension_lists}
        self._numbers = {number.id: number.e164 for number in snapshot.numbers}
        self._branches: dict[UUID, Branch] = {
            branch.id: branch
            for scenario in snapshot.scenarios
            for branch in (*scenario.branches, scenario.default)
        }

    def finding(self, finding: Finding) -> str:
        """Where and what."""
        _, data = self._, finding.data
        reason = str(data.get("reason", ""))
        what = _(SENTENCES[finding.code]).format(
            by=", ".join(self._words.branch(UUID(each)) for each in data.get("by", ())),
            reason=_(REASONS[reason]) if reason in REASONS else self._words.reason(reason),
            tag=self._tag(data.get("tag")),
            plugin=data.get("plugin"),
            ref=data.get("ref"),
            name=data.get("name"),
            when=self._when(finding.spans),
        )
        where = ", ".join(self._where(finding.place))
        return _("{where}: {what}").format(where=where, what=what) if where else what

    def witness(self, witness: Witness) -> WitnessView:
        """The call, and a sentence."""
        return WitnessView(
            called=witness.called,
            caller=witness.caller,
            at=_utc(witness.instant),
            tags=witness.tags,
            regions=witness.regions,
            text=self._call(witness),
        )

    def _call(self, witness: Witness) -> str:
        _, at = self._, datetime.fromtimestamp(witness.instant, self._zone)
        who = [_("with the tag “{tag}”").format(tag=self._tag(tag)) for tag in witness.tags]
        who += [SUBJECTS[code].name for code in witness.regions if code in SUBJECTS]
        if witness.caller:
            who.append(pretty(witness.caller))
        sentence = _("A call to {number}, {when}, {who}") if who else _("A call to {number}, {when}")
        when = f"{self._day(at.date())} {at:%H:%M}"
        number = self._words.number(witness.called) or "…"
        return sentence.format(number=number, when=when, who=", ".join(who))

    def _tag(self, tag_id: object) -> str:
        return self._tags.get(str(tag_id)) or self._("deleted")

    # --- where --------------------------------------------------------------------------------

    def _where(self, place: Place) -> Iterator[str]:
        _ = self._
        if place.number_id:
            yield self._words.number(self._numbers.get(place.number_id))
        elif place.scenario_id:
            yield _("scenario “{name}”").format(name=self._scenario(place.scenario_id))
        if place.branch_id:
            yield self._words.branch(place.branch_id)
        if place.off_hours:
            yield _("non-working time")
        if place.step is not None:
            yield _("step {number}").format(number=place.step + 1)
        if place.menu_id:
            yield _("voice menu “{name}”").format(name=self._menus.get(place.menu_id, "…"))
        if place.key:
            yield _("key {key}").format(key=place.key)
        if place.list_id:
            yield _("extensions “{name}”").format(name=self._lists.get(place.list_id, "…"))
        if place.entry is not None:
            yield self._entry(place)
        if place.employee_id:
            yield self._employee(place)

    def _entry(self, place: Place) -> str:
        """Whom an entry of a forwarding list names."""
        branch = self._branches[place.branch_id] if place.branch_id else None
        chain = branch and ((branch.off_hours if place.off_hours else None) or branch.chain)
        step = chain.all_steps[place.step or 0] if chain else None
        if not isinstance(step, Dial) or place.entry is None:
            return ""
        return self._words.addressee(*_fields(step, place.entry))

    def _employee(self, place: Place) -> str:
        if place.terminal_id:
            return joined(*self._words.telephone(place.terminal_id, place.employee_id, None))
        return self._words.employee(place.employee_id)

    def _scenario(self, scenario_id: UUID) -> str:
        scenario = self._words.scenario(scenario_id)
        return scenario.name if scenario else "…"

    # --- when ---------------------------------------------------------------------------------

    def _when(self, spans: Sequence[Span]) -> str:
        if not spans:
            return ""
        first = self._span(spans[0])
        if len(spans) == 1:
            return first
        one_of = self._("{first} (one of {count} such times in the coming 12 months)")
        return one_of.format(first=first, count=len(spans))

    def _span(self, span: Span) -> str:
        """``31 December 18:00–24:00``; over several days both of them are named."""
        start, end = (datetime.fromtimestamp(at, self._zone) for at in (span.start, span.end))
        last, till = end.date(), f"{end:%H:%M}"
        if till == "00:00":
            last, till = last - timedelta(days=1), "24:00"
        if last == start.date():
            return f"{self._day(last)} {start:%H:%M}–{till}"
        return f"{self._day(start.date())} {start:%H:%M} – {self._day(last)} {till}"

    def _day(self, day: date) -> str:
        return self._(MONTHS[day.month - 1]).format(day=day.day)


def _fields(step: Dial, entry: int) -> tuple[str, str]:
    addressee = step.addressees[entry]
    return addressee.kind, addressee.ref


def _spans(spans: Sequence[Span]) -> tuple[SpanView, ...]:
    return tuple(SpanView(_utc(span.start), _utc(span.end)) for span in spans)


def _utc(instant: int) -> datetime:
    return datetime.fromtimestamp(instant, UTC)
