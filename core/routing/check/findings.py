"""What a check finds: codes, where, when, and for whom; ``tenants/checktext.py`` makes sentences."""

from __future__ import annotations

from enum import StrEnum
from typing import Any
from uuid import UUID

from msgspec import Struct

__all__ = ["Code", "Finding", "NumberGaps", "Place", "Report", "Severity", "Span", "Witness", "fresh"]


class Severity(StrEnum):
    """How much a finding matters."""

    ERROR = "error"  # calls are lost
    WARNING = "warning"  # calls may be lost, or something cannot have been meant
    NOTE = "note"  # of no effect


class Code(StrEnum):
    """Kinds of findings. ``data`` holds what is said in brackets."""

    SUSPENDED = "suspended"  # the company gets no calls at all
    NUMBER_WITHOUT_SCENARIO = "number_without_scenario"
    SCENARIO_DISABLED = "scenario_disabled"  # and numbers are handled by it
    BRANCH_COVERED = "branch_covered"  # earlier branches take all its calls (by: their ids)
    BRANCH_NEVER_OPEN = "branch_never_open"  # closed for 12 months, and no off-hours chain
    NO_SUCH_CALLER = "no_such_caller"  # a filter without values, or regions without numbers
    CHAIN_UNUSED = "chain_unused"  # one of the two chains of a branch handles no call
    CLOSED_WITHOUT_CHAIN = "closed_without_chain"  # no branch takes the call (H-3)
    CHAIN_EMPTY = "chain_empty"  # a chain without steps
    NOBODY_EVER = "nobody_ever"  # nobody rings, whenever the chain handles a call
    NOBODY_AT_TIMES = "nobody_at_times"  # nobody rings in these spans
    STEP_RINGS_NOBODY = "step_rings_nobody"  # one forwarding of several never rings anybody
    TARGET_GONE = "target_gone"  # an addressee is deleted, or nobody has the extension (ref)
    TARGET_NEVER_RINGS = "target_never_rings"  # (reason: a ``SkipReason``)
    UNAVAILABLE_NOW = "unavailable_now"  # a step that rings nobody but people in «Недоступен»
    SCHEDULE_GONE = "schedule_gone"  # a deleted schedule; counts as none
    CALENDAR_GONE = "calendar_gone"
    TAG_UNUSED = "tag_unused"  # no contact has it (tag)
    PLUGIN_MISSING = "plugin_missing"  # the contract has not the plugin of a step (plugin)
    STEP_UNKNOWN = "step_unknown"  # no plugin has a step of this name (name)
    QUEUE_MISSING = "queue_missing"  # the contract has no queues: nobody waits
    QUEUE_IN_VAIN = "queue_in_vain"  # callers wait where nobody ever rings (seconds)
    STEP_UNREACHED = "step_unreached"  # a step after the end of the call
    FORWARD_LOOP = "forward_loop"  # an addressee is a number of ours: it does not ring
    NET_SAME = "net_same"  # the safety net rings the same people as the list before it (H-9)
    MENU_GONE = "menu_gone"  # a deleted menu, or a step that cannot be read
    MENU_OFF = "menu_off"  # a menu that is not switched on (IVR-19)
    MENU_SILENT = "menu_silent"  # one that is on and says nothing: callers hear silence
    MENU_NO_WAY_OUT = "menu_no_way_out"  # no key and no silence leads to anybody
    KEY_DEAD = "key_dead"  # a key that leads to nothing (action, reason)
    KEY_NOBODY_AT_TIMES = "key_nobody_at_times"  # nobody rings on that key in these spans
    LIST_GONE = "list_gone"  # a deleted list of extensions
    LIST_EMPTY = "list_empty"  # no extension can be dialled by it
    EXTENSION_GONE = "extension_gone"  # of a list: nobody has it (ref)
    EXTENSION_FORBIDDEN = "extension_forbidden"  # of a list: its owner does not permit it (ref; EXT-06)


class Span(Struct, frozen=True):
    """From ``start`` to before ``end``, epoch seconds."""

    start: int
    end: int


class Place(Struct, frozen=True, omit_defaults=True):
    """Where in the configuration. ``off_hours`` says which chain of the branch; ``step`` is counted
    from 0 in the chain with its safety net, ``entry`` in the forwarding list."""

    number_id: UUID | None = None
    scenario_id: UUID | None = None
    branch_id: UUID | None = None
    off_hours: bool | None = None
    step: int | None = None
    entry: int | None = None
    menu_id: UUID | None = None
    key: str | None = None
    list_id: UUID | None = None
    employee_id: UUID | None = None
    terminal_id: UUID | None = None


class Witness(Struct, frozen=True, omit_defaults=True):
    """A call that shows it: who calls which number when. The dry run agrees with every
    witness, with those in «Недоступен» back on schedule.

    ``caller`` is some number of these regions if one is known. ``called`` is empty while the scenario
    has no number.
    """

    called: str
    instant: int
    tags: tuple[UUID, ...] = ()
    regions: tuple[int, ...] = ()
    caller: str | None = None


class Finding(Struct, frozen=True, omit_defaults=True):
    """One finding. ``numbers`` are those of the company whose calls it concerns."""

    code: Code
    severity: Severity
    place: Place
    numbers: tuple[UUID, ...] = ()
    spans: tuple[Span, ...] = ()
    witness: Witness | None = None
    data: dict[str, Any] = {}


class NumberGaps(Struct, frozen=True):
    """When there is a caller of this number whom nobody can answer, however many phones are online."""

    number_id: UUID
    spans: tuple[Span, ...]


class Report(Struct, frozen=True):
    """All findings of one snapshot, the gravest first, and the gaps of every number.

    Spans are within ``start`` and ``end``, the coming 12 months, in rising order and apart.
    """

    snapshot_hash: str
    start: int
    end: int
    findings: tuple[Finding, ...]
    gaps: tuple[NumberGaps, ...]


def fresh(before: Report, after: Report) -> tuple[Finding, ...]:
    """What ``after`` finds and ``before`` did not, or not for as long; both of the same company.

    Only the time that both reports speak of counts: a gap of next year is no news because a day has
    passed.
    """
    start, end = max(before.start, after.start), min(before.end, after.end)
    known = [(_what(each), _within(each.spans, start, end)) for each in before.findings]
    return tuple(
        found
        for found in after.findings
        if not any(
            _what(found) == what and _covered(_within(found.spans, start, end), spans)
            for what, spans in known
        )
    )


def _what(finding: Finding) -> tuple[Code, Place, dict[str, Any]]:
    return finding.code, finding.place, finding.data


def _within(spans: tuple[Span, ...], start: int, end: int) -> list[Span]:
    clipped = (Span(max(span.start, start), min(span.end, end)) for span in spans)
    return [span for span in clipped if span.start < span.end]


def _covered(spans: list[Span], by: list[Span]) -> bool:
    return all(any(a.start <= span.start and span.end <= a.end for a in by) for span in spans)
