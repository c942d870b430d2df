"""The ways to whom a ring of a plan reaches: phones at once, or carriers in turn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol
from uuid import UUID

from core.call.record import CallRecord
from core.contracts import PlanNode, Ring
from core.errors import Unavailable
from core.sdp import PLAIN, Profile
from core.sip.session import Listener, Session

__all__ = ["InTurn", "NoPlace", "Place", "Placer"]


class Place(NamedTuple):
    """One phone, or the carrier ``trunk_id``: ``invite`` sends the INVITE with an SDP that fits its
    ``profile``."""

    invite: Callable[[bytes, Listener], Session]
    profile: Profile = PLAIN
    trunk_id: UUID | None = None


class NoPlace(Unavailable):
    """All channels of the carrier, or of the company, are taken."""

    code = "no_channel"


class InTurn(NamedTuple):
    """Ways to one number, tried one after another until the called side says anything at all."""

    places: tuple[Place, ...]


class Placer(Protocol):
    """Turns a ring into INVITEs: one for each phone registered with the line, or one to a trunk."""

    def place(self, ring: Ring) -> Sequence[Place] | InTurn:
        """Each item sends an INVITE with the given SDP; none if the terminal cannot be reached.

        Its INVITE raises NoPlace when its carrier takes no more calls, or the company may have no more.
        """
        ...

    def redirected(self, ring: Ring, contacts: Sequence[str], record: CallRecord) -> PlanNode | None:
        """What rings instead of a phone that answers 3xx with these contacts, if anything may."""
        ...
