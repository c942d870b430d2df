"""What the parts of SunSim hand to each other: frozen structs, nothing but data.

A *snapshot* is a tenant's whole routing configuration. *Facts* are what is known of one call when it
arrives. *Live* is what changes by the second. ``decide`` is a pure function of these three, an
instant and a seed; what it returns is a *decision* with its trace. What a call leaves behind is a
*CDR* with its *steps*.

Units: instants are epoch seconds (float), durations are seconds (int), telephone numbers are
``+E.164`` text, ``None`` for an anonymous caller. Ids are UUIDv7.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any
from uuid import UUID

from msgspec import Struct

from core.features import DEFAULTS as DEFAULT_CODES
from core.features import FeatureCode
from core.hours import Calendar, ExtraPeriod, Schedule
from core.peers import (
    CarrierAccount,
    Encryption,
    IdentityHeader,
    Line,
    NumberFormat,
    Trunk,
    TrunkTransport,
)
from core.recordings import CallRecording
from core.scenarios import (
    Addressee,
    AddresseeKind,
    Branch,
    Chain,
    ContactTag,
    Dial,
    DialMode,
    Executor,
    ExecutorKind,
    ExtensionList,
    HangUp,
    ManagerFirst,
    Media,
    Menu,
    MissedManager,
    Options,
    PluginStep,
    RegionFilter,
    Scenario,
    Step,
    TagFilter,
)

__all__ = [
    "Addressee",
    "AddresseeKind",
    "Attempt",
    "AvailabilityMode",
    "Branch",
    "CallFacts",
    "CallStep",
    "CarrierAccount",
    "Cdr",
    "Chain",
    "Contact",
    "ContactKind",
    "ContactTag",
    "Decision",
    "Dial",
    "DialMode",
    "DialPlan",
    "Direction",
    "Employee",
    "Encryption",
    "Executor",
    "ExecutorKind",
    "ExtensionList",
    "Group",
    "HangUp",
    "IdentityHeader",
    "Line",
    "Live",
    "ManagerFirst",
    "Manifest",
    "Media",
    "Menu",
    "MissedManager",
    "Number",
    "NumberFormat",
    "Options",
    "Outcome",
    "Par",
    "PlanNode",
    "PluginStep",
    "Recording",
    "RegionFilter",
    "Ring",
    "Scenario",
    "Seq",
    "SkipReason",
    "Skipped",
    "Snapshot",
    "Step",
    "StepCode",
    "TagFilter",
    "TaskKind",
    "TaskRequest",
    "Tenant",
    "Terminal",
    "TerminalKind",
    "Trunk",
    "TrunkTransport",
]


# --- configuration ----------------------------------------------------------------------------


class TerminalKind(StrEnum):
    """What rings: the employee's external number or one of the three SIP lines (ACC-10, EMP-01)."""

    EXTERNAL = "external"
    MOBILE = "mobile"
    SIP = "sip"
    WEB = "web"


class AvailabilityMode(StrEnum):
    """The three modes for receiving calls (AVL-01)."""

    UNAVAILABLE = "unavailable"
    SCHEDULE = "schedule"
    AVAILABLE = "available"


class Recording(StrEnum):
    """Of an employee's conversations: as number and branch say, or by himself (EMP-21, H-5)."""

    INHERIT = "inherit"
    OFF = "off"
    ON = "on"


class Terminal(Struct, frozen=True, gc=False):
    """One telephone of an employee. ``address`` is a SIP login or an external ``+E.164`` number.

    Without a schedule it is on round the clock (EMP-07).
    """

    id: UUID
    employee_id: UUID
    kind: TerminalKind
    address: str
    active: bool = True
    main: bool = True
    ring_seconds: int = 25
    channels: int = 1
    schedule_id: UUID | None = None


class Employee(Struct, frozen=True, gc=False):
    """A person who answers calls. ``terminals`` is in the order of the card.

    With ``dialled_from_menu`` callers may dial the extension (EMP-13).

    Schedule, calendar and ``extra`` periods speak of mode «Доступен по расписанию» only (AVL-06), by
    the clock of ``timezone``, or the company's (EMP-17). Without a schedule the day is never over. The
    mode itself changes by the hour and is in ``Live``.
    """

    id: UUID
    name: str
    extension: str | None = None
    dial_mode: DialMode = DialMode.PARALLEL
    caller_id: UUID | None = None
    terminals: tuple[UUID, ...] = ()
    timezone: str | None = None
    schedule_id: UUID | None = None
    calendar_id: UUID | None = None
    extra: tuple[ExtraPeriod, ...] = ()
    dialled_from_menu: bool = False
    recording: Recording = Recording.INHERIT


class Group(Struct, frozen=True):
    """Employees dialled together, in explicit order (GRP-09).

    With ``dialled_from_menu`` callers may dial the extension (GRP-03).
    """

    id: UUID
    name: str
    extension: str | None = None
    dial_mode: DialMode = DialMode.PARALLEL
    ring_seconds: int = 30
    members: tuple[UUID, ...] = ()
    dialled_from_menu: bool = False


class Number(Struct, frozen=True, gc=False):
    """A multichannel number of the contract and the one scenario that handles it (NUM-02).

    With ``shows_called`` phones are shown this number in place of who calls (NUM-07). ``records`` and
    ``announces`` are its recording and the announcement of it (NUM-06).
    """

    id: UUID
    e164: str
    label: str = ""
    scenario_id: UUID | None = None
    trunk_id: UUID | None = None
    shows_called: bool = False
    records: bool = False
    announces: bool = False


class Tenant(Struct, frozen=True):
    """A company as hooks see it; never a secret. ``plugins`` are those of its contract."""

    id: UUID
    name: str
    timezone: str = "Europe/Moscow"
    plugins: frozenset[str] = frozenset()


class Snapshot(Struct, frozen=True):
    """A tenant's whole routing configuration. ``hash`` is the SHA-256 of its content, hex.

    ``recording`` says that the contract has the service (SET-03), ``recording_pause`` that employees
    may pause it, ``announcement`` is played where no branch has its own (SET-04), ``off_hours_media``
    where nothing handles a call (H-3).
    ``default_manager`` is that of every new contact, an employee or an extension (PMA-02, H-6);
    ``missed_manager`` says who it is after a missed call (PMA-03).

    ``outgoing_tasks`` has calls that did not reach a client ask for a task (SET-06).

    ``channels`` is how many calls with the outside there may be at once, ``outgoing_calls`` how many
    of them to the outside if not as many as the settings say. ``language`` is that in which callers
    hear what the library has (``core.library.LANGUAGES``).

    ``feature_codes`` is what its people dial, or press while they talk.

    Fields are only ever added, with defaults: old snapshots are read for replay.
    """

    tenant_id: UUID
    version: int
    hash: str
    name: str
    timezone: str = "Europe/Moscow"
    plugins: frozenset[str] = frozenset()
    employees: tuple[Employee, ...] = ()
    terminals: tuple[Terminal, ...] = ()
    groups: tuple[Group, ...] = ()
    numbers: tuple[Number, ...] = ()
    scenarios: tuple[Scenario, ...] = ()
    suspended: bool = False
    schedules: tuple[Schedule, ...] = ()
    calendars: tuple[Calendar, ...] = ()
    tags: tuple[ContactTag, ...] = ()
    media: tuple[Media, ...] = ()
    menus: tuple[Menu, ...] = ()
    extension_lists: tuple[ExtensionList, ...] = ()
    recording: bool = False
    recording_pause: bool = False
    announcement: UUID | None = None
    off_hours_media: UUID | None = None
    default_manager: Addressee | None = None
    missed_manager: MissedManager = MissedManager.DEFAULT
    channels: int | None = None
    outgoing_calls: int | None = None
    feature_codes: tuple[FeatureCode, ...] = DEFAULT_CODES
    outgoing_tasks: bool = False
    language: str = "ru"

    @property
    def tenant(self) -> Tenant:
        """Whose configuration this is."""
        return Tenant(self.tenant_id, self.name, self.timezone, self.plugins)


# --- one call ---------------------------------------------------------------------------------


class Direction(StrEnum):
    """Which way a call goes, seen from the company."""

    INCOMING = "incoming"
    OUTGOING = "outgoing"
    INTERNAL = "internal"


class Outcome(StrEnum):
    """How a call ended."""

    ANSWERED = "answered"
    BUSY = "busy"
    NO_ANSWER = "no_answer"
    CANCELLED = "cancelled"
    REFUSED = "refused"
    FAILED = "failed"


class ContactKind(StrEnum):
    """What the company has saved a caller as (CON-01, CON-03)."""

    UNSAVED = "unsaved"
    BUSINESS = "business"
    PERSONAL = "personal"


class Contact(Struct, frozen=True):
    """What a call must know of whoever calls."""

    kind: ContactKind
    tags: frozenset[UUID] = frozenset()
    manager_id: UUID | None = None


class CallFacts(Struct, frozen=True):
    """What is known of a call when it arrives.

    ``called`` is the number of the contract for incoming calls, what was dialled otherwise;
    ``employee_id`` and ``terminal_id`` are who calls, for outgoing and internal calls. ``tags`` are
    the contact's, ``regions`` the codes of the federal subjects that the caller's number is from: two
    where a range of numbers is shared, none if unknown. ``contact_kind`` is ``None`` for a caller who
    is no contact; ``manager_id`` is the contact's personal manager, an employee.
    """

    call_id: UUID
    tenant_id: UUID
    direction: Direction
    caller: str | None
    called: str
    caller_name: str = ""
    number_id: UUID | None = None
    trunk_id: UUID | None = None
    employee_id: UUID | None = None
    terminal_id: UUID | None = None
    tags: frozenset[UUID] = frozenset()
    regions: tuple[int, ...] = ()
    contact_kind: ContactKind | None = None
    manager_id: UUID | None = None


class Live(Struct, frozen=True):
    """What changes by the second: which lines are registered, how many calls each terminal has, how
    many seconds each employee has talked today by the company's clock (H-10), and in which mode he is:
    who is not named is «Доступен по расписанию» (AVL-01)."""

    registered: frozenset[UUID] = frozenset()
    calls: dict[UUID, int] = {}
    talked: dict[UUID, int] = {}
    modes: dict[UUID, AvailabilityMode] = {}


class Ring(Struct, frozen=True, tag="ring", gc=False):
    """Ring one terminal (or an external number without an employee) for ``seconds``."""

    address: str
    seconds: int
    terminal_id: UUID | None = None
    employee_id: UUID | None = None

    @property
    def who(self) -> str:
        """Who would take the call: an employee's id, or the number of somebody outside."""
        return str(self.employee_id or self.address)


class Seq(Struct, frozen=True, tag="seq"):
    """One after another until somebody answers."""

    items: tuple[PlanNode, ...]


class Par(Struct, frozen=True, tag="par"):
    """All at once; the first answer wins."""

    items: tuple[PlanNode, ...]


PlanNode = Ring | Seq | Par


class SkipReason(StrEnum):
    """Why somebody who was to be dialled does not ring."""

    UNAVAILABLE = "unavailable"  # the employee's mode is «Недоступен» (AVL-03)
    INACTIVE = "inactive"  # the terminal is switched off or has no address yet
    NOT_MAIN = "not_main"  # parallel dialling rings main terminals only (PRC-11)
    NOT_REGISTERED = "not_registered"  # no phone is registered with the line
    BUSY = "busy"  # as many calls as the terminal has channels (EMP-10)
    CALLER = "caller"  # the call comes from this very terminal
    NO_TERMINALS = "no_terminals"  # the employee has no terminal, or the group no member
    UNKNOWN = "unknown"  # the addressee is deleted, or nobody has the extension
    EXTRA_UNAVAILABLE = "extra_unavailable"  # a period of extra unavailability (AVL-07)
    OFF_HOURS = "off_hours"  # the employee's schedule is closed (AVL-04)
    TERMINAL_OFF_HOURS = "terminal_off_hours"  # the terminal's schedule is closed (AVL-05)
    OWN_NUMBER = "own_number"  # a number of the company itself: the call would come back
    NOT_ALLOWED = "not_allowed"  # calls there cost extra (``numbers.is_domestic``)


class Skipped(Struct, frozen=True, gc=False):
    """Who does not ring and why: a terminal of an employee, an employee, or the ``addressee``."""

    terminal_id: UUID | None
    employee_id: UUID | None
    reason: SkipReason
    addressee: Addressee | None = None


class DialPlan(Struct, frozen=True):
    """Who rings, as a tree, and who does not and why. ``root`` is ``None`` if nobody can ring."""

    root: PlanNode | None
    skipped: tuple[Skipped, ...] = ()


class Decision(Struct, frozen=True):
    """Which branch of which scenario handles the call. ``trace`` holds codes with their ids.

    ``chain`` is the branch's chain for the off-hours if it is closed, and empty if nothing handles
    the call now. With ``shows_called`` whoever rings sees the called number as the caller's (NUM-07).
    """

    scenario_id: UUID
    scenario_version: int
    branch_id: UUID
    chain: Chain
    trace: tuple[tuple[str, ...], ...] = ()
    open: bool = True
    shows_called: bool = False


class StepCode(StrEnum):
    """Entries of a call's own log; ``tenants/trace.py`` makes sentences of them."""

    ARRIVED = "arrived"  # number, caller
    DIALLED = "dialled"  # an employee dials: called
    ADMISSION_REFUSED = "admission_refused"  # plugin, reason
    ROUTED = "routed"  # scenario_id, version, branch_id, open, passed: pairs of a branch and why not
    UNROUTED = "unrouted"  # no scenario handles it: reason
    NOT_RUNG = "not_rung"  # terminal or employee, else kind and ref of the addressee: reason
    PLAYED = "played"  # the caller is answered and hears something: media
    PRESSED = "pressed"  # the caller chose something: key
    RINGING = "ringing"  # a leg was offered
    LEG_ENDED = "leg_ended"  # a leg that was not answered: status, reason
    ANSWERED = "answered"  # a leg answered
    TASK_ASKED = "task_asked"  # task; kind and ref of the executor, if there is one
    RECORDING = "recording"  # what is said is recorded from now on: kind, why
    NOT_RECORDING = "not_recording"  # no longer, or not at all: reason, by
    HELD = "held"  # somebody put the other one on hold
    RESUMED = "resumed"  # and took him back
    TRANSFER = "transfer"  # somebody passes the other one on: to, attended
    TRANSFER_FAILED = "transfer_failed"  # nobody there took him: status
    JOINED = "joined"  # somebody came into the conversation
    TAKEN_UP = "taken_up"  # the employee for whom a call is made is at the telephone
    PICKED_UP = "picked_up"  # somebody took the call from those who rang
    QUEUED = "queued"  # nobody was free, the caller waits: place
    LEFT_QUEUE = "left_queue"  # he waits no more: reason, seconds, place
    MEDIA_MOVED = "media_moved"  # the media server was lost, the audio goes through another: seconds
    ENDED = "ended"  # by, cause


class CallStep(Struct, frozen=True, omit_defaults=True):
    """One entry of a call's log: when (epoch seconds), what, on which terminal, and details."""

    at: float
    code: StepCode
    terminal_id: UUID | None = None
    employee_id: UUID | None = None
    address: str | None = None
    data: dict[str, Any] = {}


class Attempt(Struct, frozen=True, omit_defaults=True):
    """One dialling: when its plan was asked for, of which step, and the live state that was looked at.

    Step and live state are left out if they are those of the attempt before. ``only`` those were to
    ring (``Ring.who``), if not all; ``snapshot_hash`` names the configuration if it was a newer one
    than the call's.
    """

    at: float
    step: Dial | None = None
    live: Live | None = None
    only: tuple[str, ...] | None = None
    snapshot_hash: str = ""


class TaskKind(StrEnum):
    """Why a call wants somebody to do something about it (TSK-01, TSK-04)."""

    MISSED = "missed"  # «Пропущенный звонок»
    MESSAGE = "message"  # a voice message was left (PRC-04)
    CALLBACK = "callback"  # the caller wants to be called back (IVR-16)
    OUTGOING = "outgoing"  # a client was not reached (SET-06)


class TaskRequest(Struct, frozen=True):
    """A task that a call asks for; who makes tasks reads it in the record.

    ``executor`` is an employee or a group, as chosen from whom the call had tried; ``None`` if there
    is nobody of the kind that was wanted. ``recording`` is what the caller said, of a message.
    """

    kind: TaskKind
    executor: Addressee | None = None
    recording: UUID | None = None


class Cdr(Struct, frozen=True):
    """The record of an ended call, enough to show it, count it and replay its decisions.

    ``decision`` is kept if a plugin took it: nobody else can be asked for it again. ``tasks`` are what
    the call asks for; ``missed_manager`` is who becomes the manager of a caller who was missed, when he
    is saved (PMA-03, H-23), where that is not the one of every new contact.
    """

    call_id: UUID
    tenant_id: UUID
    direction: Direction
    caller: str | None
    called: str
    outcome: Outcome
    sip_status: int
    started_at: float
    ended_at: float
    ended_by: str
    ringing_at: float | None = None
    answered_at: float | None = None
    number_id: UUID | None = None
    trunk_id: UUID | None = None
    scenario_id: UUID | None = None
    caller_employee_id: UUID | None = None
    answered_employee_id: UUID | None = None
    answered_terminal_id: UUID | None = None
    caller_name: str = ""
    steps: tuple[CallStep, ...] = ()
    snapshot_hash: str = ""
    seed: int = 0
    facts: CallFacts | None = None
    decision: Decision | None = None
    attempts: tuple[Attempt, ...] = ()
    tasks: tuple[TaskRequest, ...] = ()
    missed_manager: UUID | None = None
    recordings: tuple[CallRecording, ...] = ()


# --- plugins ----------------------------------------------------------------------------------


class Manifest(Struct, frozen=True):
    """What a plugin says of itself. ``name`` is its key in the contract; English msgids."""

    name: str
    version: str
    title: str
    summary: str
    default_on: bool = False
