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
import re
from collections.abc import Callable, Iterable
from enum import IntEnum
from typing import TYPE_CHECKING, ClassVar

from core.errors import SunSimError
from core.sip._wire import build_request
from core.sip.awaited import AwaitedAck
from core.sip.session_events import (
    Answered,
    Cancelled,
    Confirmed,
    Ended,
    Failed,
    Progress,
    Reoffer,
    ReofferAnswered,
    ReofferFailed,
    SessionEvent,
)
from core.sip.transaction import new_branch
from core.sip.transaction_client import NonInviteClient

if TYPE_CHECKING:
    from core.sip._wire import Message
    from core.sip.agent import Agent
    from core.sip.dialog import Dialog
    from core.sip.reinvite import OwnReinvite
    from core.sip.transaction_server import InviteServer, ServerTransaction

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
    "SessionState",
    "WrongSide",
]

log = logging.getLogger(__name__)

_REASON_PARAM = re.compile(r""";\s*(\w+)\s*=\s*("(?:[^"\\]|\\.)*"|[^;\s]*)""", re.ASCII)

Headers = Iterable[tuple[str, str]]
"""Further headers of a message, as (name, value)."""


Listener = Callable[[SessionEvent], None]


class WrongSide(SunSimError):
    """Only the other side of a session has the verb {verb}."""

    code: ClassVar[str] = "wrong_side"


class SessionState(IntEnum):
    """Where a session is in its life."""

    EARLY = 0  # no final answer yet
    ANSWERED = 1  # inbound: 2xx sent, ACK awaited
    CONFIRMED = 2
    CLOSING = 3  # our BYE is on its way
    ENDED = 4


class Session:
    """One INVITE usage, either side. ``id`` is its Call-ID, ``remote_sdp`` the last body seen.

    ``tag`` is our tag of the dialog, by which the agent finds the session.
    """

    __slots__ = (
        "_agent",
        "_awaited",
        "_bye_headers",
        "_own_reinvite",
        "_reoffer",
        "dialog",
        "id",
        "listener",
        "remote_sdp",
        "state",
        "tag",
    )

    def __init__(self, agent: Agent, call_id: str, tag: str, listener: Listener | None) -> None:
        self._agent = agent
        self.id = call_id
        self.tag = tag
        self.listener = listener
        self.remote_sdp = b""
        self.state = SessionState.EARLY
        self.dialog: Dialog | None = None
        self._awaited: AwaitedAck | None = None
        self._bye_headers: Headers | None = None
        self._reoffer: InviteServer | None = None
        self._own_reinvite: OwnReinvite | None = None
        agent.sessions[tag] = self

    # --- inbound ------------------------------------------------------------------------------

    @property
    def request(self) -> Message:
        """The INVITE that came."""
        raise WrongSide(verb="request")

    @property
    def max_forwards(self) -> int:
        """How many hops the call may still take: for the INVITEs that follow from it (RFC 7332)."""
        raise WrongSide(verb="max_forwards")

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
        """End the session whatever its state: BYE; before the answer CANCEL or 480.

        Nothing follows on the listener. A BYE for an answer without its ACK waits for it (§15.1.1).
        WireError if a header would break the message.
        """
        headers = tuple(headers)
        build_request("BYE", "sip:check", headers)  # a header that breaks it must not do so later
        self.listener = None
        if self.state is SessionState.EARLY:
            self._give_up(headers)
        elif self.state is SessionState.ANSWERED:
            self._bye_headers = headers
        elif self.state is SessionState.CONFIRMED:
            self._send_bye(headers)

    def accept(self, sdp: bytes) -> None:
        """Say 200 to the re-INVITE delivered as Reoffer."""
        transaction, self._reoffer = self._reoffer, None
        if transaction is None or self.dialog is None or transaction.request is None:
            return
        request = transaction.request
        self.dialog.refresh(request)
        if request.body:
            self.remote_sdp = request.body
        own = self._agent.headers(transaction.flow, sdp=sdp)
        data = transaction.respond(200, headers=own, body=sdp)
        self._await_ack(transaction, data, request.cseq)

    def refuse(self, status: int = 488) -> None:
        """Refuse the re-INVITE; the session goes on as it was."""
        transaction, self._reoffer = self._reoffer, None
        if transaction is not None:
            transaction.respond(status)

    def reoffer(self, sdp: bytes) -> None:
        """Send a re-INVITE; ReofferAnswered or ReofferFailed follows. 491 is tried again by itself.

        While another re-INVITE is under way, ours or theirs, it fails with 491 at once.
        """
        from core.sip.reinvite import OwnReinvite

        if self.state is not SessionState.CONFIRMED or self.dialog is None:
            return
        if self._reoffer is not None or self._own_reinvite is not None:
            failed = ReofferFailed(491, "Request Pending")
            self._agent.wheel.after(0, lambda: self._emit(failed))
            return
        self._own_reinvite = OwnReinvite(self, self._agent, self.dialog, sdp)

    # --- what the agent hands over ------------------------------------------------------------

    def owns(self, request: Message) -> bool:
        """Whether a request with our tag is of this session's dialog."""
        dialog = self.dialog
        return (
            dialog is not None
            and request.call_id == self.id
            and request.from_tag == dialog.remote_tag
            and self.state is not SessionState.ENDED
        )

    def acknowledged(self, request: Message) -> None:
        """An ACK for a 2xx came."""
        awaited = self._awaited
        if awaited is None or request.cseq != awaited.cseq:
            return  # of a repeated 2xx, its first ACK was seen
        awaited.stop()
        self._awaited = None
        if request.body:
            self.remote_sdp = request.body
        if self.state is SessionState.ANSWERED:
            self.state = SessionState.CONFIRMED
            if self._bye_headers is not None:
                self._send_bye(self._bye_headers)
            else:
                self._emit(Confirmed())
        elif request.body:
            self._emit(Confirmed())  # the answer to the offer that our 2xx made

    def reinvited(self, request: Message, transaction: InviteServer) -> None:
        """A re-INVITE in order: ask the owner, unless another offer is under way (§14.2)."""
        if self.state >= SessionState.CLOSING:
            transaction.respond(481)
        elif self._awaited is not None or (
            self._own_reinvite is not None and not self._own_reinvite.waiting
        ):
            transaction.respond(491)
        elif self._reoffer is not None or self.state is SessionState.EARLY:
            transaction.respond(500, headers=(("Retry-After", str(1 + request.cseq % 10)),))
        elif self.listener is None:
            transaction.respond(488)
        else:
            self._reoffer = transaction
            self._emit(Reoffer(request.body))

    def bye_received(self, request: Message, transaction: ServerTransaction) -> None:
        """A BYE in order: 200, and the session is over, also if ours is on its way."""
        transaction.respond(200)
        cause, text = parse_reason(request.header("Reason"))
        self._finish(Ended(by_remote=True, cause=cause, reason=text))

    # --- for the subclasses and their helpers -------------------------------------------------

    @property
    def called(self) -> bool:
        """Whether we made the call, and so its Call-ID."""
        return False

    @property
    def offered(self) -> bool:
        """Whether an offer of the far side is under way."""
        return self._reoffer is not None or self._awaited is not None

    def reinvite_over(self, event: ReofferAnswered | ReofferFailed) -> None:
        """Our re-INVITE has its answer."""
        self._own_reinvite = None
        self._emit(event)

    def _give_up(self, headers: Headers) -> None:
        raise WrongSide(verb="bye")

    def _await_ack(self, transaction: InviteServer, data: bytes, cseq: int) -> None:
        layer = self._agent.transactions
        self._awaited = AwaitedAck(layer, transaction.flow, data, cseq, self._ack_lost)

    def _ack_lost(self) -> None:
        self._awaited = None
        self.dead(408, "No ACK")

    def dead(self, status: int, reason: str) -> None:
        """The far side no longer knows the dialog or does not answer: BYE anyway, and tell."""
        listener = self.listener
        self.listener = None
        self._send_bye(self._bye_headers or ())
        self._call(listener, Ended(by_remote=False, cause=status, reason=reason))

    def _send_bye(self, headers: Headers) -> None:
        dialog = self.dialog
        if dialog is None:
            return
        self.state = SessionState.CLOSING
        self._settle()
        agent = self._agent
        branch = new_branch()
        flow = dialog.hop()
        data = dialog.head(agent.via(flow, branch), branch).build("BYE", headers)
        NonInviteClient(
            agent.transactions, flow, (branch, "BYE"), data, self._bye_answered, self._close
        )

    def _bye_answered(self, response: Message) -> None:
        if response.status >= 200:
            self._close()

    def _settle(self) -> None:
        """Leave no transaction of the session waiting for us."""
        if self._awaited is not None:
            self._awaited.stop()
            self._awaited = None
        if self._own_reinvite is not None:
            self._own_reinvite.stop()
            self._own_reinvite = None
        transaction, self._reoffer = self._reoffer, None
        if transaction is not None:
            transaction.respond(487)

    def _finish(self, event: SessionEvent) -> None:
        listener = self.listener
        self._close()
        self._call(listener, event)

    def _close(self) -> None:
        self.state = SessionState.ENDED
        self.listener = None
        self._settle()
        self._agent.sessions.pop(self.tag, None)

    def _emit(self, event: SessionEvent) -> None:
        self._call(self.listener, event)

    def _call(self, listener: Listener | None, event: SessionEvent) -> None:
        if listener is None:
            return
        try:
            listener(event)
        except Exception:  # an owner's mistake must not stop the stack for everybody else
            log.exception("listener failed", extra={"call_id": self.id})


def parse_reason(value: str | None) -> tuple[int, str]:
    """Cause and text of a Reason header (RFC 3326); 200 without one.

    A cause of Q.850, which speaks of the telephone network, is kept as text only.
    """
    if value is None:
        return 200, ""
    cause, text = 200, ""
    is_sip = value.partition(";")[0].strip().upper() == "SIP"
    for name, given in _REASON_PARAM.findall(value):
        if name.lower() == "cause" and given.isdigit() and is_sip:
            cause = int(given[:3])
        elif name.lower() == "text":
            text = re.sub(r"\\(.)", r"\1", given[1:-1] if given.startswith('"') else given)
    return cause, text
