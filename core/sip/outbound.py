"""A session that we begin: INVITE, its forks, CANCEL (RFC 3261 §13.2, §9.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.sip.dialog import Dialog
from core.sip.session import (
    Answered,
    Failed,
    Headers,
    Listener,
    Progress,
    Session,
    SessionState,
)
from core.sip.timers import TIMEOUT
from core.sip.transaction import new_branch, new_tag
from core.sip.transaction_client import Head, InviteClient, NonInviteClient

if TYPE_CHECKING:
    from core.sip._wire import Message
    from core.sip.agent import Agent
    from core.sip.flow import Flow

__all__ = ["OutboundSession", "OutgoingInvite"]

_TELLING = (
    "Contact",
    "Retry-After",
    "Reason",
    "Warning",
    "WWW-Authenticate",
    "Proxy-Authenticate",
)


class OutgoingInvite:
    """What an INVITE says, until it has left."""

    __slots__ = ("from_", "headers", "max_forwards", "path", "sdp", "to", "uri")

    def __init__(self, uri: str, from_: str, to: str, sdp: bytes) -> None:
        self.uri = uri
        self.from_ = from_
        self.to = to
        self.sdp = sdp
        self.headers: Headers = ()
        self.max_forwards = 70
        self.path: tuple[str, ...] = ()


class OutboundSession(Session):
    """What ``invite`` returns. The INVITE leaves with ``start``.

    A forking proxy may answer with several To-tags. The first 2xx becomes the session's dialog;
    every other one gets its ACK and a BYE, and so does any that comes after ``cancel``.
    """

    __slots__ = ("_acks", "_cancel", "_flow", "_head", "_pinned", "_provisional", "_transaction")

    def __init__(self, agent: Agent, listener: Listener) -> None:
        super().__init__(agent, new_tag() + new_tag(), new_tag(), listener)
        self._transaction: InviteClient | None = None
        self._head: Head | None = None
        self._flow: Flow | None = None
        self._pinned = False
        self._provisional = False
        self._cancel: bytes | None = None
        self._acks: dict[str, tuple[Flow, bytes]] = {}

    @property
    def called(self) -> bool:
        """Whether we made the call, and so its Call-ID."""
        return True

    def start(self, flow: Flow, invite: OutgoingInvite, *, pinned: bool) -> None:
        """Send the INVITE on ``flow``; ``pinned`` keeps the dialog there (a registered phone)."""
        if self._cancel is not None:
            self.fail(487, "Request Terminated")
            return
        agent = self._agent
        branch = new_branch()
        self._flow = flow
        self._pinned = pinned
        self._head = head = Head(
            invite.uri,
            agent.via(flow, branch),
            branch,
            f"{invite.from_};tag={self.tag}",
            invite.to,
            self.id,
            1,
            invite.path,
        )
        own = agent.offer_headers if invite.sdp else agent.contact_headers
        data = head.build(
            "INVITE", (*own, *invite.headers), invite.sdp, max_forwards=invite.max_forwards
        )
        self._transaction = InviteClient(
            agent.transactions, flow, head, data, self._answered, self._timed_out
        )

    def cancel(self, headers: Headers = ()) -> None:
        """Give up. CANCEL leaves once a provisional answer came; a late 200 gets ACK and BYE."""
        if self.state is SessionState.EARLY and self._cancel is None:
            head = self._head
            self._cancel = b"" if head is None else head.build("CANCEL", headers)
            if self._provisional:
                self._send_cancel()

    def fail(self, status: int, reason: str) -> None:
        """The INVITE cannot leave, or nothing came back."""
        if self.state is SessionState.EARLY:
            self._finish(Failed(status, reason))

    def _give_up(self, headers: Headers) -> None:
        self.cancel(headers)

    def _send_cancel(self) -> None:
        transaction, head, flow = self._transaction, self._head, self._flow
        if transaction is None or head is None or flow is None:
            return
        layer = self._agent.transactions
        data = self._cancel or b""
        NonInviteClient(layer, flow, (head.branch, "CANCEL"), data, _ignore, _nothing)
        layer.wheel.after(TIMEOUT, transaction.abandon)

    def _timed_out(self) -> None:
        if self._cancel is None:
            self.fail(408, "Request Timeout")
        else:
            self.fail(487, "Request Terminated")

    def _answered(self, response: Message) -> None:
        status = response.status
        if status >= 300:
            self._refused(response)
        elif status >= 200:
            self._accepted(response)
        else:
            self._progressed(response)

    def _progressed(self, response: Message) -> None:
        if not self._provisional:
            self._provisional = True
            if self._cancel is not None:
                self._send_cancel()
        if response.status > 100 and self._cancel is None:
            if response.body:
                self.remote_sdp = response.body
            self._emit(Progress(response.status, response.reason, response.body))

    def _refused(self, response: Message) -> None:
        if self.state is not SessionState.EARLY:
            return
        headers = {}
        for name in _TELLING:
            values = response.headers(name)
            if values:
                headers[name] = tuple(values)
        self._finish(Failed(response.status, response.reason, headers))

    def _accepted(self, response: Message) -> None:
        known = self._acks.get(response.to_tag)
        if known is not None:  # our ACK was lost
            self._agent.transactions.stats.retransmitted_by_peer += 1
            self._agent.transactions.transmit(*known)
            return
        dialog = self._acknowledge(response)
        if self.state is SessionState.EARLY and self._cancel is None:
            self.dialog = dialog
            self.state = SessionState.CONFIRMED
            self.remote_sdp = response.body or self.remote_sdp
            self._emit(Answered(self.remote_sdp))
            return
        self._drop_fork(dialog)
        self.fail(487, "Request Terminated")

    def _acknowledge(self, response: Message) -> Dialog:
        head, flow = self._head, self._flow
        assert head is not None and flow is not None  # there is no answer without a request
        dialog = Dialog.of_client(response, head, flow, pinned=self._pinned)
        hop = dialog.hop()
        branch = new_branch()
        ack = dialog.head(self._agent.via(hop, branch), branch, head.cseq).build("ACK")
        self._acks[response.to_tag] = hop, ack
        self._agent.transactions.transmit(hop, ack)
        return dialog

    def _drop_fork(self, dialog: Dialog) -> None:
        hop = dialog.hop()
        branch = new_branch()
        data = dialog.head(self._agent.via(hop, branch), branch).build("BYE")
        NonInviteClient(self._agent.transactions, hop, (branch, "BYE"), data, _ignore, _nothing)


def _ignore(_: Message) -> None:
    """Nobody waits for this answer."""


def _nothing() -> None:
    """Nobody waits for an answer that does not come."""
