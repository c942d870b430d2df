"""A session that we begin: INVITE, its forks, CANCEL (RFC 3261 §13.2, §9.1)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from core.contracts import CarrierAccount
from core.sip import digest
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


_CHALLENGES = {
    401: ("WWW-Authenticate", "Authorization"),
    407: ("Proxy-Authenticate", "Proxy-Authorization"),
}
"""In which header each asks, and in which one is answered."""


class OutgoingInvite:
    """What an INVITE says. ``account`` answers challenges; ``patience`` is how many seconds to wait
    for the first sign of life before it counts as failed (408); ``on_close`` is called once when
    the session has ended, whoever ended it. With ``any_transport`` one that is too large for UDP goes
    by TCP, and by UDP after all where TCP is refused (RFC 3261 §18.1.1)."""

    __slots__ = (
        "account",
        "any_transport",
        "from_",
        "headers",
        "max_forwards",
        "on_close",
        "path",
        "patience",
        "sdp",
        "to",
        "uri",
    )

    def __init__(self, uri: str, from_: str, to: str, sdp: bytes) -> None:
        self.uri = uri
        self.from_ = from_
        self.to = to
        self.sdp = sdp
        self.headers: Headers = ()
        self.max_forwards = 70
        self.path: tuple[str, ...] = ()
        self.account: CarrierAccount | None = None
        self.any_transport = False
        self.patience: float | None = None
        self.on_close: Callable[[], None] | None = None


class OutboundSession(Session):
    """What ``invite`` returns. The INVITE leaves with ``start``.

    A forking proxy may answer with several To-tags. The first 2xx becomes the session's dialog;
    every other one gets its ACK and a BYE, and so does any that comes after ``cancel``.

    With an ``account`` a challenge is answered, once (RFC 3261 §22.2), and so is one of the BYE; the
    owner hears nothing of it. What cannot be answered is 503: the carrier does not serve us.
    """

    __slots__ = (
        "_acks",
        "_cancel",
        "_challenge",
        "_flow",
        "_head",
        "_invite",
        "_pinned",
        "_provisional",
        "_small",
        "_transaction",
    )

    def __init__(self, agent: Agent, listener: Listener, invite: OutgoingInvite) -> None:
        super().__init__(agent, new_tag() + new_tag(), new_tag(), listener)
        self._transaction: InviteClient | None = None
        self._head: Head | None = None
        self._flow: Flow | None = None
        self._small: Flow | None = None  # by UDP, in case TCP does not lead there
        self._pinned = False
        self._provisional = False
        self._cancel: bytes | None = None
        self._acks: dict[str, tuple[Flow, bytes]] = {}
        self._invite: OutgoingInvite | None = invite
        self._challenge: _Challenged | None = None

    @property
    def called(self) -> bool:
        """Whether we made the call, and so its Call-ID."""
        return True

    def start(self, flow: Flow, *, pinned: bool) -> None:
        """Send the INVITE on ``flow``; ``pinned`` keeps the dialog there (a registered phone)."""
        invite = self._invite
        if self._cancel is not None or invite is None:
            self.fail(487, "Request Terminated")
            return
        self._flow = flow
        self._pinned = pinned
        self._send_invite(1)
        if invite.patience is not None:
            self._agent.wheel.after(invite.patience, self._lose_patience)

    def _send_invite(self, cseq: int) -> None:
        """The INVITE, or with the next ``cseq`` the same one with credentials."""
        agent, flow, invite = self._agent, self._flow, self._invite
        assert flow is not None and invite is not None  # start() comes first
        branch = new_branch()
        self._provisional = False
        self._head = head = Head(
            invite.uri,
            agent.via(flow, branch),
            branch,
            f"{invite.from_};tag={self.tag}",
            invite.to,
            self.id,
            cseq,
            invite.path,
        )
        own = agent.headers(flow, sdp=invite.sdp)
        data = head.build(
            "INVITE",
            (*own, *invite.headers, *self._credentials("INVITE", invite.uri)),
            invite.sdp,
            max_forwards=invite.max_forwards,
        )
        larger = agent.larger(flow, len(data)) if invite.any_transport else None
        if larger is None:
            self._transaction = InviteClient(
                agent.transactions, flow, head, data, self._answered, self._timed_out
            )
        else:
            self._small, self._flow = flow, larger
            self._send_invite(cseq)

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

    def _lose_patience(self) -> None:
        """Not even a 100 came: tell the owner now; a late answer finds that we gave up."""
        if self.state is SessionState.EARLY and not self._provisional and self._cancel is None:
            listener, self.listener = self.listener, None
            self.cancel()
            self._call(listener, Failed(408, "Request Timeout"))

    def _close(self) -> None:
        invite, self._invite = self._invite, None
        super()._close()
        if invite is not None and invite.on_close is not None:
            invite.on_close()

    def _send_cancel(self) -> None:
        transaction, head, flow = self._transaction, self._head, self._flow
        if transaction is None or head is None or flow is None:
            return
        layer = self._agent.transactions
        data = self._cancel or b""
        NonInviteClient(layer, flow, (head.branch, "CANCEL"), data, _ignore, _nothing)
        layer.wheel.after(TIMEOUT, transaction.abandon)

    def _timed_out(self) -> None:
        transaction, small = self._transaction, self._small
        lost = transaction is not None and transaction.lost
        if self._cancel is not None:
            self.fail(487, "Request Terminated")
        elif lost and small is not None and not self._provisional and self._head is not None:
            self._agent.without_tcp(small.remote)
            self._flow, self._small = small, None
            self._send_invite(self._head.cseq)
        elif lost:
            self.fail(503, "Connection Lost")
        else:
            self.fail(408, "Request Timeout")

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
        if response.status in _CHALLENGES and self._invite is not None and self._invite.account:
            self._challenged(response, self._invite.account)
            return
        headers = {}
        for name in _TELLING:
            values = response.headers(name)
            if values:
                headers[name] = tuple(values)
        self._finish(Failed(response.status, response.reason, headers))

    def _challenged(self, response: Message, account: CarrierAccount) -> None:
        """The INVITE again with credentials, unless they were wrong or nobody waits any more."""
        if self._cancel is not None:
            self.fail(487, "Request Terminated")
            return
        if self._challenge is not None or not self._accept_challenge(response, account):
            self.fail(503, "Refused By Carrier")
            return
        assert self._head is not None  # it was answered
        self._send_invite(self._head.cseq + 1)

    def _accept_challenge(self, response: Message, account: CarrierAccount) -> bool:
        asks, answers = _CHALLENGES[response.status]
        challenge = digest.strongest(response.headers(asks), account.realm)
        if challenge is None:
            return False
        self._challenge = _Challenged(challenge, answers, account)
        return True

    def _credentials(self, method: str, uri: str) -> Headers:
        return () if self._challenge is None else (self._challenge.answer(method, uri),)

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
            if self._invite is not None:  # not sent again: what follows needs the account only
                self._invite.sdp = b""
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
        # It has the credentials of its INVITE (RFC 3261 §13.2.2.4).
        ack = dialog.head(self._agent.via(hop, branch), branch, head.cseq).build(
            "ACK", () if self._challenge is None else (self._challenge.last,)
        )
        self._acks[response.to_tag] = hop, ack
        self._agent.transactions.transmit(hop, ack)
        return dialog

    def _drop_fork(self, dialog: Dialog) -> None:
        hop = dialog.hop()
        branch = new_branch()
        data = dialog.head(self._agent.via(hop, branch), branch).build("BYE")
        NonInviteClient(self._agent.transactions, hop, (branch, "BYE"), data, _ignore, _nothing)

    def _bye_answered(self, response: Message) -> None:
        account = None if self._invite is None else self._invite.account
        if (
            response.status in _CHALLENGES
            and account is not None
            and self.dialog is not None
            and self._accept_challenge(response, account)
        ):
            assert self._invite is not None
            self._invite.account = None  # once
            self._again_bye(self.dialog)
        else:
            super()._bye_answered(response)

    def _again_bye(self, dialog: Dialog) -> None:
        flow, branch = dialog.hop(), new_branch()
        head = dialog.head(self._agent.via(flow, branch), branch)
        data = head.build("BYE", self._credentials("BYE", head.uri))
        layer = self._agent.transactions
        NonInviteClient(layer, flow, (branch, "BYE"), data, super()._bye_answered, self._close)


class _Challenged:
    """A challenge that was accepted, and how often its nonce was used."""

    __slots__ = ("_account", "_challenge", "_count", "_header", "last")

    def __init__(self, challenge: digest.Challenge, header: str, account: CarrierAccount) -> None:
        self._challenge = challenge
        self._header = header
        self._account = account
        self._count = 0
        self.last = ("", "")

    def answer(self, method: str, uri: str) -> tuple[str, str]:
        """The header that answers it for one request."""
        self._count += 1
        account = self._account
        value = digest.authorize(
            self._challenge, method, uri, account.login, account.password, self._count
        )
        self.last = self._header, value
        return self.last


def _ignore(_: Message) -> None:
    """Nobody waits for this answer."""


def _nothing() -> None:
    """Nobody waits for an answer that does not come."""
