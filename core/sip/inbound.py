"""A session that came to us: INVITE, our answers, ACK or CANCEL (RFC 3261 §13.3, §9.2).

Provisional answers are reliable where the caller requires it, and where it knows how and there is a
body to lose (RFC 3262): nothing repeats early media that got lost by UDP.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.sip.capabilities import lists
from core.sip.dialog import Dialog
from core.sip.info import without_events
from core.sip.reason import parse_reason
from core.sip.reliable import Provisionals
from core.sip.session import Cancelled, EarlyAnswer, Headers, Session, SessionState
from core.sip.their_offer import take
from core.sip.transaction import new_tag

if TYPE_CHECKING:
    from core.sip._wire import Message
    from core.sip.agent import Agent
    from core.sip.flow import Flow
    from core.sip.transaction_server import InviteServer, ServerTransaction

__all__ = ["InboundSession"]


class InboundSession(Session):
    """What ``on_invite`` is given. ``pinned``: in-dialog requests leave on the flow of the INVITE.

    ``replaced`` is the session whose place it wants to take, if any.
    """

    __slots__ = (
        "_answer",
        "_changed",
        "_flow",
        "_pinned",
        "_provisionals",
        "_replaced",
        "_request",
        "_transaction",
    )

    def __init__(
        self,
        agent: Agent,
        request: Message,
        transaction: InviteServer,
        flow: Flow,
        *,
        pinned: bool,
        replaced: Session | None = None,
    ) -> None:
        super().__init__(agent, request.call_id, new_tag(), None)
        self._request = request
        self._transaction = transaction
        self._flow = flow
        self._pinned = pinned
        self._provisionals: Provisionals | None = None
        self._answer: tuple[bytes, Headers] | None = None  # waits for a PRACK
        self._changed = False  # by an UPDATE before the answer, which then has nothing to say
        self._replaced = replaced
        self.remote_sdp = request.body
        self.by_info = without_events(request.body, request)
        transaction.session = self

    @property
    def request(self) -> Message:
        """The INVITE that came."""
        return self._request

    @property
    def secret(self) -> bool:
        """Whether the INVITE came where nobody on the way could read it."""
        return self._flow.transport in ("TLS", "WSS")

    @property
    def max_forwards(self) -> int:
        """How many hops the call may still take: for the INVITEs that follow from it (RFC 7332)."""
        given = self._request.header("Max-Forwards") or ""
        return min(int(given), 71) - 1 if given.isdigit() and given != "0" else 69

    @property
    def replaced(self) -> Session | None:
        """The session whose place the INVITE wants to take (RFC 3891)."""
        return self._replaced

    def progress(self, status: int, sdp: bytes = b"", headers: Headers = ()) -> None:
        """Send 180 or 183. The 100 left by itself when the INVITE came.

        To an INVITE without an offer a body is our offer; it is left out where it would not be sent
        reliably. Its answer is told as EarlyAnswer.
        """
        if self.state is not SessionState.EARLY or self._answer is not None:
            return
        self._establish()
        reliable = self._reliable(sdp)
        if reliable is None and not self._request.body:
            sdp = b""
        if reliable is not None and sdp and (reliable.described or reliable.describing):
            sdp = b""  # one description is enough, and another would be a new offer
        self.local_sdp = sdp or self.local_sdp
        own = (*self._agent.headers(self._flow, sdp=sdp), *headers)
        if reliable is not None:
            reliable.send(status, own, sdp)
        else:
            self._transaction.respond(status, headers=own, body=sdp, to_tag=self.tag)

    def answer(self, sdp: bytes, headers: Headers = ()) -> None:
        """Send 200, again and again until the ACK; without one the session gets a BYE and ends.

        It waits for the PRACK of early media, if that is on its way.
        """
        if self.state is not SessionState.EARLY or self._answer is not None:
            return
        self._establish()
        early = self._provisionals
        if early is not None:
            if early.describing:
                self._answer = sdp, headers
                return
            early.end()
            if self._changed or (early.described and not self._request.body):
                sdp = b""  # all is said (RFC 6337 §3.1.1)
        self.state = SessionState.ANSWERED
        self.local_sdp = sdp or self.local_sdp
        own = self._agent.headers(self._flow, sdp=sdp)
        timer = self.agree(self._request)
        data = self._transaction.respond(
            200, headers=(*own, *timer, *headers), body=sdp, to_tag=self.tag
        )
        offer = bool(sdp) and not self._request.body
        self.await_ack(self._transaction, data, self._request.cseq, offer=offer)

    def reject(self, status: int, reason: str = "", headers: Headers = ()) -> None:
        """Refuse with 300 to 699. An empty ``reason`` becomes the standard phrase."""
        if self.state is SessionState.EARLY:
            self._transaction.respond(status, reason, headers, to_tag=self.tag)
            self._close()

    def cancelled(self, request: Message) -> None:
        """The CANCEL of our INVITE came, or a BYE before the answer: 487 (§9.2, §15.1.2)."""
        if self.state is SessionState.EARLY:
            self._transaction.respond(487, to_tag=self.tag)
            self._finish(Cancelled(parse_reason(request.header("Reason"))[1]))

    def caller_lost(self) -> None:
        """The connection that the answer must take is gone: nobody waits for it any more."""
        if self.state is SessionState.EARLY:
            self._transaction.respond(487, to_tag=self.tag)
            self._finish(Cancelled("Connection lost"))

    def pracked(self, dialog: Dialog, request: Message, transaction: ServerTransaction) -> None:
        """A PRACK: the answer to our offer, a new offer or nothing but itself (RFC 3262 §3, §5)."""
        early, body = self._provisionals, request.body
        owed = not self._request.body and not self.remote_sdp
        if early is None or self.leaving or not early.acknowledge(request):
            transaction.respond(481)
            return
        if owed and early.described:
            if not body:
                transaction.respond(400, "Answer Missing")
                self._unheard()
                return
            self.remote_sdp = body
            transaction.respond(200)
            self.tell(EarlyAnswer(body))
        elif not body:
            transaction.respond(200)
        elif not early.described or self.offered:
            transaction.respond(488)
        else:
            take(self, self._agent, dialog, request, transaction)
        early.go_on()
        if self._answer is not None and not early.describing:
            answer, self._answer = self._answer, None
            self.answer(*answer)

    def negotiated(self, dialog: Dialog) -> bool:
        """Whether the first offer of this dialog has its answer, so that another may follow."""
        early = self._provisionals
        return self.established or (early is not None and early.described and not early.describing)

    def offering(self, dialog: Dialog) -> bool:
        """Whether an offer of ours in this dialog waits for its answer."""
        early = self._provisionals
        unanswered = early is not None and early.describing and not self._request.body
        return unanswered or super().offering(dialog)

    def described(self, dialog: Dialog, body: bytes) -> None:
        """The far side described itself anew."""
        super().described(dialog, body)
        self._changed = self.state is SessionState.EARLY

    def bye_received(self, request: Message, transaction: ServerTransaction) -> None:
        """A BYE in order; a caller may use it before the answer, too."""
        if self.state is SessionState.EARLY:
            transaction.respond(200)
            self.cancelled(request)
        else:
            super().bye_received(request, transaction)

    def _give_up(self, headers: Headers) -> None:
        self.reject(480, headers=headers)

    def _settle(self) -> None:
        if self._provisionals is not None:
            self._provisionals.end()
        super()._settle()

    def _reliable(self, sdp: bytes) -> Provisionals | None:
        if self._provisionals is None:
            request = self._request
            if lists(request, "Require", "100rel") or (sdp and lists(request, "Supported", "100rel")):
                self._provisionals = Provisionals(
                    self._transaction, request.cseq, self.tag, self._unheard
                )
        return self._provisionals

    def _unheard(self) -> None:
        """Nobody acknowledges what we say before the answer (RFC 3262 §3): the INVITE is refused."""
        if self.state is SessionState.EARLY:
            self._transaction.respond(500, "No PRACK", to_tag=self.tag)
            self._finish(Cancelled("No PRACK"))

    def _establish(self) -> None:
        if self.dialog is None:
            self.dialog = Dialog.of_server(self._request, self.tag, self._flow, pinned=self._pinned)
