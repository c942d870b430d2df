"""What is known of a call, what changes by the second, and what is decided of it. Data.

``core.routing`` decides; whoever asks it keeps facts, live state and decision in the call's record.
"""

from __future__ import annotations

from enum import StrEnum
from uuid import UUID

from msgspec import Struct

from core.configuration import AvailabilityMode
from core.scenarios import Addressee, Chain

__all__ = [
    "CallFacts",
    "Contact",
    "ContactKind",
    "Decision",
    "DialPlan",
    "Direction",
    "Live",
    "Par",
    "PlanNode",
    "Ring",
    "Seq",
    "SkipReason",
    "Skipped",
]


class Direction(StrEnum):
    """Which way a call goes, seen from the company."""

    INCOMING = "incoming"
    OUTGOING = "outgoing"
    INTERNAL = "internal"


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
