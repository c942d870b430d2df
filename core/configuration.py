"""A tenant's whole routing configuration and what it consists of: people, telephones, numbers. Data.

What calls are handled by is in ``core.scenarios``, when in ``core.hours``, carriers and lines are
in ``core.peers``.
"""

from __future__ import annotations

from enum import StrEnum
from uuid import UUID

from msgspec import Struct

from core.features import DEFAULTS as DEFAULT_CODES
from core.features import FeatureCode
from core.hours import Calendar, ExtraPeriod, Schedule
from core.scenarios import (
    Addressee,
    ContactTag,
    DialMode,
    ExtensionList,
    Media,
    Menu,
    MissedManager,
    Scenario,
)

__all__ = [
    "AvailabilityMode",
    "Employee",
    "Group",
    "Number",
    "Recording",
    "Snapshot",
    "Tenant",
    "Terminal",
    "TerminalKind",
]


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
