"""A session that we begin: INVITE, its forks, CANCEL (RFC 3261 §13.2, §9.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.sip.challenge import CHALLENGES
from core.sip.dialog import Dialog
from core.sip.dialog_request import HARMLESS, DialogRequest
from core.sip.info import without_events
from core.sip.reliable import Fork, reliable_number
from core.sip.request import OutgoingInvite
from core.sip.session import (
    Answered,
    Failed,
    Headers,
    Listener,
    Progress,
    Session,
    SessionState,
)
from core.sip.session_timer import asking, min_se
from core.sip.timers import TIMEOUT
from core.sip.transaction import new_branch, new_tag
from core.sip.transaction_client import Head, InviteClient, NonInviteClient

if TYPE_CHECKING:
    from core.sip._wire import Message
    from core.sip.agent import Agent
    from core.sip.flow import Flow
    from core.sip.transaction_server import ServerTransaction

__all__ = ["OutboundSession", "OutgoingInvite"]

_TOLD = (  # of a refusal; see Failed
    "Contact",
    "Retry-After",
    "Reason",
    "Warning",
    "WWW-Authenticate",
    "Proxy-Authenticate",
)

_FORKS = 32
"""Far sides of one INVITE that are told apart; no honest proxy makes more."""


class OutboundSession(Session):
    """What ``invite`` returns. The INVITE leaves with ``start``.

    A forking proxy may answer with several To-tags, each an early dialog of its own; the body of the
    one that described itself last is told. The first 2xx becomes the session's dialog; every other
    one gets its ACK and a BYE, and so does any that comes after ``cancel``.

    With an ``account`` a challenge is answered, once (RFC 3261 §22.2), and so is one of each request
    inside the dialog; the owner hears nothing of it. What cannot be answered is 503: the carrier
    does not serve us.
    """

    __slots__ = (
        "_acks",
        "_cancel",
        "_credentials",
        "_expires",
        "_flow",
        "_forks",
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
        self._credentials: Headers = ()  # of the INVITE that was sent last
        self._forks: dict[str, Fork] = {}
        self._invite: OutgoingInvite | None = invite
        self._expires: Headers | None = None  # after a 422
        self.account = invite.account
        self.local_sdp = invite.sdp

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
        self._credentials = self.credentials("INVITE", invite.uri)
        data = head.build(
            "INVITE",
            (*own, *(self._expires or agent.asking), *invite.headers, *self._credentials),
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
            self._free()  # whoever is silent carries no call, and others may want the channel
            self._call(listener, Failed(408, "Request Timeout"))

    def _close(self) -> None:
        super()._close()
        self._free()
        self._invite = None

    def _free(self) -> None:
        """Say once that the carrier has nothing to do with it any more."""
        invite = self._invite
        if invite is not None and invite.on_close is not None:
            on_close, invite.on_close = invite.on_close, None
            on_close()

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
            self._early(response)

    def _early(self, response: Message) -> None:
        """An early dialog speaks; what is reliable gets its PRACK, and only once (RFC 3262 §4)."""
        fork = self._forks.get(response.to_tag)
        if fork is None:
            fork = Fork(response)
            if len(self._forks) < _FORKS:
                self._forks[response.to_tag] = fork
        fork.heard(response)
        number = reliable_number(response)
        if number:
            if fork.number and number != fork.number + 1:
                return  # repeated, or one before it is missing
            fork.number = number
            acknowledges = ("RAck", f"{number} {response.cseq} INVITE")
            dialog = self._dialog_with(fork)
            DialogRequest(self, self._agent, dialog, "PRACK", (acknowledges,), fatal=HARMLESS)
        body = fork.fresh(response.body)
        if body:
            self.remote_sdp = body
        fork.described = fork.described or bool(number and response.body)
        self.tell(Progress(response.status, response.reason, body))

    def _dialog_with(self, fork: Fork) -> Dialog:
        if fork.dialog is None:
            head, flow = self._head, self._flow
            assert head is not None and flow is not None  # there is no answer without a request
            fork.dialog = Dialog.of_client(fork.response, head, flow, pinned=self._pinned)
        return fork.dialog

    def _refused(self, response: Message) -> None:
        if self.state is not SessionState.EARLY:
            return
        self._forks.clear()
        if response.status in CHALLENGES and self.account is not None:
            self._answer_challenge(response)
        elif response.status == 422 and self._expires is None and self._cancel is None:
            self._be_patient(response)
        else:
            given = ((name, tuple(response.headers(name))) for name in _TOLD)
            headers = {name: values for name, values in given if values}
            self._finish(Failed(response.status, response.reason, headers))

    def _answer_challenge(self, response: Message) -> None:
        """The INVITE again with credentials, unless they were wrong or nobody waits any more."""
        if self._cancel is not None:
            self.fail(487, "Request Terminated")
        elif self._challenge is not None or not self.challenged(response):
            self.fail(503, "Refused By Carrier")
        else:
            self._invite_again()

    def _be_patient(self, response: Message) -> None:
        """The INVITE again with the interval that the far side wants at least (RFC 4028 §7.3)."""
        interval = self._agent.interval
        seconds = max(interval.seconds, min_se(response))
        self._expires = asking(interval._replace(seconds=seconds, minimum=seconds))
        self._invite_again()

    def _invite_again(self) -> None:
        assert self._head is not None  # it was answered
        self._send_invite(self._head.cseq + 1)

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
            self._describe(response)
            self.by_info = without_events(self.remote_sdp, response)
            if self._invite is not None:  # not sent again
                self._invite.sdp = b""
            self.hear_timer(response)
            self.tell(Answered(self.remote_sdp))
            return
        DialogRequest(self, self._agent, dialog, "BYE", fatal=HARMLESS)
        self.fail(487, "Request Terminated")

    def _describe(self, response: Message) -> None:
        """The body that counts: the answer, unless that came before it, in a reliable 1xx."""
        fork = self._forks.get(response.to_tag)
        early = fork.sdp if fork is not None else b""
        if fork is not None and fork.described:
            self.remote_sdp = early
        else:
            self.remote_sdp = response.body or early or self.remote_sdp
        self._forks.clear()

    def _acknowledge(self, response: Message) -> Dialog:
        head, flow = self._head, self._flow
        assert head is not None and flow is not None  # there is no answer without a request
        fork = self._forks.get(response.to_tag)
        if fork is not None and fork.dialog is not None:
            dialog = fork.dialog
            dialog.confirm(response)
        else:
            dialog = Dialog.of_client(response, head, flow, pinned=self._pinned)
        ack = self._acks[response.to_tag] = self.ack(dialog, head.cseq, self._credentials)
        self._agent.transactions.transmit(*ack)
        return dialog

    # --- before the answer ----------------------------------------------------------------------

    def dialog_of(self, request: Message) -> Dialog | None:
        """The dialog of this session that a request with our tag is in, early ones included."""
        if self.state is not SessionState.EARLY:
            return super().dialog_of(request)
        fork = self._forks.get(request.from_tag)
        if fork is None or request.call_id != self.id:
            return None
        return self._dialog_with(fork)

    def known_as(self, call_id: str, remote_tag: str) -> bool:
        """Whether Replaces means this session by these; before the answer any fork will do."""
        early = self.state is SessionState.EARLY and call_id == self.id and remote_tag in self._forks
        return early or super().known_as(call_id, remote_tag)

    def offering(self, dialog: Dialog) -> bool:
        """Whether an offer of ours in this dialog waits for its answer."""
        if self.state is SessionState.EARLY:
            fork = self._forks.get(dialog.remote_tag)
            return fork is None or not fork.described
        return super().offering(dialog)

    def negotiated(self, dialog: Dialog) -> bool:
        """Whether the first offer of this dialog has its answer, so that another may follow."""
        return self.established or not self.offering(dialog)

    def described(self, dialog: Dialog, body: bytes) -> None:
        """The far side described itself anew."""
        super().described(dialog, body)
        fork = self._forks.get(dialog.remote_tag)
        if fork is not None:
            fork.sdp = body

    def bye_received(self, request: Message, transaction: ServerTransaction) -> None:
        """A BYE in order; before its answer a far side refuses instead (§15)."""
        if self.state is SessionState.EARLY:
            transaction.respond(481)
        else:
            super().bye_received(request, transaction)


def _ignore(_: Message) -> None:
    """Nobody waits for this answer."""


def _nothing() -> None:
    """Nobody waits for an answer that does not come."""
