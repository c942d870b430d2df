"""One INVITE usage as a value with verbs: what a call holds of each of its legs.

An owner uses the verbs and hears of everything else through ``listener``. The rules:

* A listener is called from the event loop and must not block. It is never called from inside a verb.
* Exactly one of ``Failed``, ``Cancelled`` and ``Ended`` is the last event of a session, except after
  the owner's own ``reject`` or ``bye``, which are silent: nothing follows them.
* A verb that comes too late (an answer after the caller cancelled) does nothing. A verb of the other
  side (``answer`` on an outbound session) is a mistake and raises WrongSide.

The classes made by the agent are ``InboundSession`` and ``OutboundSession``; this module holds what
they share: requests inside the dialog and its end (RFC 3261 §12 to §15). ``usage`` holds its state.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from core.errors import SunSimError
from core.sip._wire import build_request
from core.sip.awaited import AwaitedAck
from core.sip.dialog_request import HARMLESS, TELLING, DialogRequest
from core.sip.info import relayed
from core.sip.reason import parse_reason
from core.sip.session_events import (
    Answered,
    Cancelled,
    Confirmed,
    Digit,
    EarlyAnswer,
    Ended,
    Failed,
    Progress,
    Referred,
    Reoffer,
    ReofferAnswered,
    ReofferFailed,
    SessionEvent,
)
from core.sip.session_timer import SessionTimer, terms_for
from core.sip.usage import Headers, Listener, SessionState, Usage

if TYPE_CHECKING:
    from core.sip._wire import Message
    from core.sip.agent import Agent
    from core.sip.dialog import Dialog
    from core.sip.transaction_server import InviteServer, ServerTransaction

__all__ = [
    "Answered",
    "Cancelled",
    "Confirmed",
    "Digit",
    "EarlyAnswer",
    "Ended",
    "Failed",
    "Headers",
    "Listener",
    "Progress",
    "Referred",
    "Reoffer",
    "ReofferAnswered",
    "ReofferFailed",
    "Session",
    "SessionEvent",
    "SessionState",
    "WrongSide",
]


class WrongSide(SunSimError):
    """Only the other side of a session has the verb {verb}."""

    code: ClassVar[str] = "wrong_side"


class Session(Usage):
    """One INVITE usage, either side: what an owner does with it, and how it ends."""

    __slots__ = ()

    def __init__(self, agent: Agent, call_id: str, tag: str, listener: Listener | None) -> None:
        super().__init__(agent, call_id, tag, listener)
        agent.sessions[tag] = self

    # --- inbound ------------------------------------------------------------------------------

    @property
    def request(self) -> Message:
        """The INVITE that came."""
        raise WrongSide(verb="request")

    @property
    def secret(self) -> bool:
        """Whether the INVITE came where nobody on the way could read it."""
        raise WrongSide(verb="secret")

    @property
    def max_forwards(self) -> int:
        """How many hops the call may still take: for the INVITEs that follow from it (RFC 7332)."""
        raise WrongSide(verb="max_forwards")

    @property
    def replaced(self) -> Session | None:
        """The session whose place the INVITE wants to take (RFC 3891)."""
        return None

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
        if headers:
            build_request("BYE", "sip:check", headers)  # what breaks it must not do so later
        self.listener = None
        if self.state is SessionState.EARLY:
            self._give_up(headers)
        elif self.state is SessionState.ANSWERED:
            self._bye_headers = headers
        elif self.state is SessionState.CONFIRMED:
            self._send_bye(headers)

    def accept(self, sdp: bytes) -> None:
        """Say 200 to the offer delivered as Reoffer."""
        offer, self.their_offer = self.their_offer, None
        if offer is not None:
            offer.accept(sdp)

    def refuse(self, status: int = 488) -> None:
        """Refuse the offer; the session goes on as it was."""
        offer, self.their_offer = self.their_offer, None
        if offer is not None:
            offer.refuse(status)

    def reoffer(self, sdp: bytes) -> bool:
        """Send a re-INVITE; ReofferAnswered or ReofferFailed follows. 491 is tried again by itself.

        False, and nothing is sent, before the ACK and while another offer is under way, ours or theirs.
        """
        return self.state is SessionState.CONFIRMED and self._reinvite(sdp, refresh=False)

    def refresh(self) -> bool:
        """Repeat our body in a re-INVITE for the session timer; False while an offer is under way."""
        return not self.offered and self._reinvite(self.local_sdp, refresh=True)

    def probe(self) -> None:
        """Ask by OPTIONS whether the far side is there. If not, the session ends (``vanished``)."""
        if self.state is SessionState.CONFIRMED and self.dialog is not None:
            DialogRequest(self, self._agent, self.dialog, "OPTIONS", why="vanished")

    def digit(self, digit: str, milliseconds: int) -> None:
        """Say by INFO that a key was pressed, ``0-9*#A-D``; whether it arrives matters to nobody."""
        if self.established and self.dialog is not None:
            headers, body = relayed(digit, milliseconds)
            DialogRequest(self, self._agent, self.dialog, "INFO", headers, body, fatal=TELLING)

    # --- what the agent hands over ------------------------------------------------------------

    def dialog_of(self, request: Message) -> Dialog | None:
        """The dialog of this session that a request with our tag is in, if there is one."""
        dialog = self.dialog
        if (
            dialog is None
            or request.call_id != self.id
            or request.from_tag != dialog.remote_tag
            or self.state is SessionState.ENDED
        ):
            return None
        return dialog

    def acknowledged(self, request: Message) -> None:
        """An ACK for a 2xx came."""
        awaited = self._awaited
        if awaited is None or request.cseq != awaited.cseq:
            return  # of a repeated 2xx, its first ACK was seen
        awaited.stop()
        self._awaited = None
        sdp = request.body if awaited.offer else b""
        if sdp:
            self.remote_sdp = sdp
        if self.state is SessionState.ANSWERED:
            self.state = SessionState.CONFIRMED
            if self._bye_headers is not None:
                self._send_bye(self._bye_headers)
            else:
                self.tell(Confirmed(sdp))
        elif sdp:
            self.tell(Confirmed(sdp))  # the answer to the offer that our 2xx made

    def bye_received(self, request: Message, transaction: ServerTransaction) -> None:
        """A BYE in order: 200, and the session is over, also if ours is on its way."""
        transaction.respond(200)
        cause, text = parse_reason(request.header("Reason"))
        self._finish(Ended(by_remote=True, cause=cause, reason=text))

    # --- for the subclasses and their helpers -------------------------------------------------

    def known_as(self, call_id: str, remote_tag: str) -> bool:
        """Whether Replaces means this session by these."""
        dialog = self.dialog
        return dialog is not None and call_id == self.id and remote_tag == dialog.remote_tag

    def agree(self, request: Message) -> Headers:
        """What our 2xx says of the session timer, which runs from now on."""
        if self.timer is None:
            if not self.established or terms_for(request, self._agent.interval) is None:
                return ()
            self.timer = SessionTimer(self, self._agent)
        return self.timer.agree(request)

    def hear_timer(self, response: Message) -> None:
        """What their 2xx says of it."""
        if self.timer is None:
            if response.header("Session-Expires") is None:
                return
            self.timer = SessionTimer(self, self._agent)
        self.timer.heard(response)

    def _reinvite(self, sdp: bytes, *, refresh: bool) -> bool:
        from core.sip.reinvite import OwnReinvite

        busy = self.their_offer is not None or self._own_reinvite is not None
        if busy or self.dialog is None:
            return False
        self._own_reinvite = OwnReinvite(self, self._agent, self.dialog, sdp, refresh=refresh)
        return True

    def _give_up(self, headers: Headers) -> None:
        raise WrongSide(verb="bye")

    def await_ack(
        self, transaction: InviteServer, data: bytes, cseq: int, *, offer: bool = False
    ) -> None:
        """Our 2xx left; ``offer`` is whether its ACK brings the answer."""
        layer, flow = self._agent.transactions, transaction.flow
        self._awaited = AwaitedAck(layer, flow, data, cseq, self._ack_lost, offer=offer)

    def _ack_lost(self) -> None:
        self._awaited = None
        self.dead(408, "No ACK")

    def dead(self, status: int, reason: str) -> None:
        """The far side no longer knows the dialog or does not answer: BYE anyway, and tell."""
        if not self.established:
            return
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
        DialogRequest(
            *(self, self._agent, dialog, "BYE", headers),
            on_final=lambda _: self._close(),
            on_silence=lambda _: self._close(),
            fatal=HARMLESS,
        )

    def _settle(self) -> None:
        """Leave no transaction of the session waiting for us."""
        if self._awaited is not None:
            self._awaited.stop()
            self._awaited = None
        if self._own_reinvite is not None:
            self._own_reinvite.stop()
            self._own_reinvite = None
        if self.timer is not None:
            self.timer.stop()
        self.refuse(487)

    def _finish(self, event: SessionEvent) -> None:
        listener = self.listener
        self._close()
        self._call(listener, event)

    def _close(self) -> None:
        self.state = SessionState.ENDED
        self.listener = None
        self._settle()
        self._agent.sessions.pop(self.tag, None)
        on_close, self.on_close = self.on_close, None
        if on_close is not None:
            on_close()
