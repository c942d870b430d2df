"""What is published on the bus: typed, immutable, one tenant each.

An event says what happened, never what to do. Delivery to ``on_event`` is best effort and for
screens; what must happen reads the outbox. A *call step* is something else: an entry in one call's
own log (``contracts.CallStep``).
"""

from __future__ import annotations

from uuid import UUID

from msgspec import Struct

from core.contracts import Cdr, Direction

__all__ = [
    "CallAnswered",
    "CallEnded",
    "CallStarted",
    "ConfigurationChanged",
    "Event",
    "LineRegistered",
    "LineUnregistered",
]


class Event(Struct, frozen=True, kw_only=True, tag=True):
    """The base of all events: whose it is, its own id (for idempotence) and when (epoch seconds)."""

    id: UUID
    tenant_id: UUID
    at: float


class CallStarted(Event, frozen=True):
    """A call was admitted and has a place in the list of present calls."""

    call_id: UUID
    direction: Direction
    caller: str | None
    called: str


class CallAnswered(Event, frozen=True):
    """Two parties are connected."""

    call_id: UUID
    employee_id: UUID | None
    terminal_id: UUID | None


class CallEnded(Event, frozen=True):
    """A call is over; its record is stored, or safe in the journal."""

    cdr: Cdr


class LineRegistered(Event, frozen=True):
    """A phone took its line into use."""

    terminal_id: UUID
    user_agent: str


class LineUnregistered(Event, frozen=True):
    """A line has no phone any more."""

    terminal_id: UUID


class ConfigurationChanged(Event, frozen=True):
    """The tenant's routing configuration has a new version."""

    version: int
