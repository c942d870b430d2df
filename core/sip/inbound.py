"""A session that came to us: INVITE, our answers, ACK or CANCEL (RFC 3261 §13.3, §9.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.sip.dialog import Dialog
from core.sip.session import Cancelled, Headers, Session, SessionState, parse_reason
from core.sip.transaction import new_tag

if TYPE_CHECKING:
    from core.sip._wire import Message
    from core.sip.agent import Agent
    from core.sip.flow import Flow
    from core.sip.transaction_server import InviteServer, ServerTransaction

__all__ = ["InboundSession"]


class InboundSession(Session):
    """What ``on_invite`` is given. ``pinned``: in-dialog requests leave on the flow of the INVITE."""

    __slots__ = ("_flow", "_pinned", "_request", "_transaction")

    def __init__(
        self, agent: Agent, request: Message, transaction: InviteServer, flow: Flow, *, pinned: bool
    ) -> None:
        super().__init__(agent, request.call_id, new_tag(), None)
        self._request = request
        self._transaction = transaction
        self._flow = flow
        self._pinned = pinned
        self.remote_sdp = request.body
        transaction.session = self

    @property
    def request(self) -> Message:
        """The INVITE that came."""
        return self._request

    @property
    def max_forwards(self) -> int:
        """How many hops the call may still take: for the INVITEs that follow from it (RFC 7332)."""
        given = self._request.header("Max-Forwards") or ""
        return min(int(given), 71) - 1 if given.isdigit() and given != "0" else 69

    def progress(self, status: int, sdp: bytes = b"", headers: Headers = ()) -> None:
        """Send 180 or 183. The 100 left by itself when the INVITE came."""
        if self.state is SessionState.EARLY:
            self._establish()
            own = self._agent.headers(self._flow, sdp=sdp)
            self._transaction.respond(status, headers=(*own, *headers), body=sdp, to_tag=self.tag)

    def answer(self, sdp: bytes, headers: Headers = ()) -> None:
        """Send 200, again and again until the ACK; without one the session gets a BYE and ends."""
        if self.state is not SessionState.EARLY:
            return
        self._establish()
        own = self._agent.headers(self._flow, sdp=sdp)
        data = self._transaction.respond(200, headers=(*own, *headers), body=sdp, to_tag=self.tag)
        self.state = SessionState.ANSWERED
        self._await_ack(self._transaction, data, self._request.cseq)

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

    def bye_received(self, request: Message, transaction: ServerTransaction) -> None:
        """A BYE in order; a caller may use it before the answer, too."""
        if self.state is SessionState.EARLY:
            transaction.respond(200)
            self.cancelled(request)
        else:
            super().bye_received(request, transaction)

    def _give_up(self, headers: Headers) -> None:
        self.reject(480, headers=headers)

    def _establish(self) -> None:
        if self.dialog is None:
            self.dialog = Dialog.of_server(self._request, self.tag, self._flow, pinned=self._pinned)
