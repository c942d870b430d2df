"""One INVITE usage as a value with verbs: what a call holds of each of its legs.

An owner uses the verbs and hears of everything else through ``listener``. The rules:

* A listener is called from the event loop and must not block. It is never called from inside a verb.
* Exactly one of ``Failed``, ``Cancelled`` and ``Ended`` is the last event of a session, except after
  the owner's own ``reject`` or ``bye``, which are silent: nothing follows them.
* A verb that comes too late (an answer after the caller cancelled) does nothing. A verb of the other
  side (``answer`` on an outbound session) is a mistake and raises WrongSide.

The classes made by the agent are ``InboundSession`` and ``OutboundSession``; this module holds what
they share: the dialog, its in-dialog requests and its end (RFC 3261 §12 to §15).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, ClassVar

from msgspec import Struct

from core.errors import SunSimError

if TYPE_CHECKING:
    from core.sip._wire import Message

__all__ = [
    "Answered",
    "Cancelled",
    "Confirmed",
    "Ended",
    "Failed",
    "Headers",
    "Listener",
    "Progress",
    "Reoffer",
    "ReofferAnswered",
    "ReofferFailed",
    "Session",
    "SessionEvent",
    "WrongSide",
]

log = logging.getLogger(__name__)

Headers = Iterable[tuple[str, str]]
"""Further headers of a message, as (name, value)."""


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

Listener = Callable[[SessionEvent], None]


class WrongSide(SunSimError):
    """Only the other side of a session has the verb {verb}."""

    code: ClassVar[str] = "wrong_side"


class Session:
    """One INVITE usage, either side. ``id`` is its Call-ID, ``remote_sdp`` the last body seen."""

    __slots__ = ("__weakref__", "id", "listener", "remote_sdp", "request")

    def __init__(self, call_id: str, request: Message | None, listener: Listener | None) -> None:
        self.id = call_id
        self.request = request
        self.remote_sdp: bytes = request.body if request is not None else b""
        self.listener = listener

    # --- inbound ------------------------------------------------------------------------------

    def progress(self, status: int, sdp: bytes = b"", headers: Headers = ()) -> None:
        """Send 180 or 183. The 100 left by itself when the INVITE came."""
        raise WrongSide(verb="progress")

    def answer(self, sdp: bytes, headers: Headers = ()) -> None:
        """Send 200, again and again until the ACK; without one the session gets a BYE and ends."""
        raise WrongSide(verb="answer")

    def reject(self, status: int, reason: str = "", headers: Headers = ()) -> None:
        """Refuse with 300 to 699. An empty ``reason`` becomes the standard phrase."""
        raise WrongSide(verb="reject")

    # --- outbound -----------------------------------------------------------------------------

    def cancel(self, headers: Headers = ()) -> None:
        """Give up. CANCEL leaves once a provisional answer came; a late 200 gets ACK and BYE.

        ``Failed`` follows, normally with 487.
        """
        raise WrongSide(verb="cancel")

    # --- both ---------------------------------------------------------------------------------

    def bye(self, headers: Headers = ()) -> None:
        """End the session whatever its state: BYE; before the answer CANCEL or 480."""
        raise WrongSide(verb="bye")

    def accept(self, sdp: bytes) -> None:
        """Say 200 to the re-INVITE delivered as Reoffer."""
        raise WrongSide(verb="accept")

    def refuse(self, status: int = 488) -> None:
        """Refuse the re-INVITE; the session goes on as it was."""
        raise WrongSide(verb="refuse")

    def reoffer(self, sdp: bytes) -> None:
        """Send a re-INVITE; ReofferAnswered or ReofferFailed follows. 491 is tried again by itself."""
        raise WrongSide(verb="reoffer")
