"""What a session tells its owner; ``session`` says when and in which order."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from core.sip.refer import Referral

__all__ = [
    "Answered",
    "Cancelled",
    "Confirmed",
    "Digit",
    "EarlyAnswer",
    "Ended",
    "Failed",
    "Progress",
    "Referred",
    "Reoffer",
    "ReofferAnswered",
    "ReofferFailed",
    "SessionEvent",
]


class Progress(Struct, frozen=True):
    """Outbound: a provisional answer, 101 to 199.

    ``sdp`` is early media, or empty if there is none or it is known already: of several far sides of a
    forked call the one that described itself last is told.
    """

    status: int
    reason: str
    sdp: bytes = b""


class Answered(Struct, frozen=True):
    """Outbound: the far side answered and has its ACK. Later answers of other forks get a BYE."""

    sdp: bytes


class Failed(Struct, frozen=True):
    """Outbound: refused (300 to 699), timed out (408), cancelled (487) or not to be reached (503).

    ``headers`` holds those of Contact, Retry-After, Reason, Warning, WWW-Authenticate and
    Proxy-Authenticate that the answer had.
    """

    status: int
    reason: str
    headers: Mapping[str, tuple[str, ...]] = {}


class Cancelled(Struct, frozen=True):
    """Inbound: the caller gave up before the answer; ``reason`` is the text of its Reason header."""

    reason: str = ""


class Confirmed(Struct, frozen=True):
    """The ACK came for our answer, or for a re-INVITE in which we made the offer.

    ``sdp`` is the answer to an offer that our 200 made, else empty.
    """

    sdp: bytes = b""


class EarlyAnswer(Struct, frozen=True):
    """Inbound: the caller answered the offer that our provisional answer made (in its PRACK)."""

    sdp: bytes


class Digit(Struct, frozen=True):
    """A key was pressed, told by INFO: one of ``0-9*#A-D``, for so many milliseconds."""

    digit: str
    milliseconds: int


class Referred(Struct, frozen=True):
    """A REFER: say ``accept`` and ``report``, or ``decline``, to the referral."""

    referral: Referral


class Ended(Struct, frozen=True):
    """An answered session is over without our asking.

    ``by_remote``: a BYE came. Otherwise the far side is lost: no ACK (408) or a dead dialog (481).
    ``cause`` is the SIP status of the Reason header, 200 for a plain BYE.
    """

    by_remote: bool
    cause: int = 200
    reason: str = ""


class Reoffer(Struct, frozen=True):
    """A new offer, by re-INVITE, UPDATE or PRACK: say ``accept(sdp)`` or ``refuse(488)``.

    Empty ``sdp`` asks us for an offer; its answer comes with Confirmed. May come before the answer.
    """

    sdp: bytes


class ReofferAnswered(Struct, frozen=True):
    """Our own re-INVITE was accepted and acknowledged, or a refresh of ours told of another address."""

    sdp: bytes


class ReofferFailed(Struct, frozen=True):
    """Our own re-INVITE was refused; the session goes on as it was."""

    status: int
    reason: str


SessionEvent = (
    Progress
    | Answered
    | Failed
    | Cancelled
    | Confirmed
    | EarlyAnswer
    | Ended
    | Digit
    | Referred
    | Reoffer
    | ReofferAnswered
    | ReofferFailed
)
