"""What a session tells its owner; ``session`` says when and in which order."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

__all__ = [
    "Answered",
    "Cancelled",
    "Confirmed",
    "Ended",
    "Failed",
    "Progress",
    "Reoffer",
    "ReofferAnswered",
    "ReofferFailed",
    "SessionEvent",
]


class Progress(Struct, frozen=True):
    """Outbound: a provisional answer, 101 to 199; ``sdp`` is early media or empty."""

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
    """Inbound: the ACK for our answer came; the session's ``remote_sdp`` may be its body."""


class Ended(Struct, frozen=True):
    """An answered session is over without our asking.

    ``by_remote``: a BYE came. Otherwise the far side is lost: no ACK (408) or a dead dialog (481).
    ``cause`` is the SIP status of the Reason header, 200 for a plain BYE.
    """

    by_remote: bool
    cause: int = 200
    reason: str = ""


class Reoffer(Struct, frozen=True):
    """A re-INVITE: say ``accept(sdp)`` or ``refuse(488)``. Empty ``sdp`` asks us for an offer."""

    sdp: bytes


class ReofferAnswered(Struct, frozen=True):
    """Our own re-INVITE was accepted and acknowledged."""

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
    | Ended
    | Reoffer
    | ReofferAnswered
    | ReofferFailed
)
