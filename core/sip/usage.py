"""What every session has in common for the modules of this package: its state, offers, credentials.

``session`` builds the verbs on it that an owner uses. One offer at a time is under way (RFC 3264 §4):
``their_offer`` holds one of the far side, ``OwnReinvite`` one of ours.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from enum import IntEnum
from typing import TYPE_CHECKING

from core.sip.challenge import Challenged
from core.sip.session_events import ReofferAnswered, ReofferFailed, SessionEvent
from core.sip.transaction import new_branch

if TYPE_CHECKING:
    from core.contracts import CarrierAccount
    from core.sip._wire import Message
    from core.sip.agent import Agent
    from core.sip.awaited import AwaitedAck
    from core.sip.dialog import Dialog
    from core.sip.flow import Flow
    from core.sip.reinvite import OwnReinvite
    from core.sip.session_timer import SessionTimer
    from core.sip.their_offer import TheirOffer

__all__ = ["Headers", "Listener", "SessionState", "Usage"]

log = logging.getLogger(__name__)

Headers = Iterable[tuple[str, str]]
"""Further headers of a message, as (name, value)."""


Listener = Callable[[SessionEvent], None]


class SessionState(IntEnum):
    """Where a session is in its life."""

    EARLY = 0  # no final answer yet
    ANSWERED = 1  # inbound: 2xx sent, ACK awaited
    CONFIRMED = 2
    CLOSING = 3  # our BYE is on its way
    ENDED = 4


class Usage:
    """One INVITE usage, either side. ``id`` is its Call-ID, ``remote_sdp`` the last body seen and
    ``local_sdp`` the last one sent.

    ``tag`` is our tag of the dialog, by which the agent finds the session. ``account`` answers
    challenges to requests inside the dialog. ``timer`` is there if the far side knows session timers.
    ``on_close`` is called once, when all is over; of sessions that we begin ``OutgoingInvite`` has it.
    """

    __slots__ = (
        "_agent",
        "_awaited",
        "_bye_headers",
        "_challenge",
        "_own_reinvite",
        "account",
        "by_info",
        "dialog",
        "id",
        "line",
        "listener",
        "local_sdp",
        "on_close",
        "remote_sdp",
        "state",
        "tag",
        "their_offer",
        "timer",
    )

    def __init__(self, agent: Agent, call_id: str, tag: str, listener: Listener | None) -> None:
        self._agent = agent
        self.id = call_id
        self.line = ""
        self.tag = tag
        self.listener = listener
        self.remote_sdp = b""
        self.local_sdp = b""
        self.by_info = False  # keys reach it by INFO alone: its body has no events, its Allow has INFO
        self.on_close: Callable[[], None] | None = None
        self.account: CarrierAccount | None = None
        self.state = SessionState.EARLY
        self.dialog: Dialog | None = None
        self._awaited: AwaitedAck | None = None
        self._bye_headers: Headers | None = None
        self._challenge: Challenged | None = None
        self._own_reinvite: OwnReinvite | None = None
        self.their_offer: TheirOffer | None = None
        self.timer: SessionTimer | None = None

    @property
    def called(self) -> bool:
        """Whether we made the call, and so its Call-ID."""
        return False

    @property
    def established(self) -> bool:
        """Whether it was answered and is not over."""
        return self.state in (SessionState.ANSWERED, SessionState.CONFIRMED)

    @property
    def leaving(self) -> bool:
        """Whether it is over, or our BYE is on its way."""
        return self.state >= SessionState.CLOSING

    @property
    def acknowledging(self) -> bool:
        """Whether a 2xx of ours waits for its ACK."""
        return self._awaited is not None

    @property
    def offered(self) -> bool:
        """Whether an offer of the far side is under way."""
        return self.their_offer is not None or self._awaited is not None

    def offering(self, dialog: Dialog) -> bool:
        """Whether an offer of ours in this dialog waits for its answer."""
        own = self._own_reinvite
        return (own is not None and not own.waiting) or (
            self._awaited is not None and self._awaited.offer
        )

    def negotiated(self, dialog: Dialog) -> bool:
        """Whether the first offer of this dialog has its answer, so that another may follow."""
        return self.established

    def described(self, dialog: Dialog, body: bytes) -> None:
        """The far side described itself anew."""
        self.remote_sdp = body

    def challenged(self, response: Message) -> bool:
        """Whether a refusal is a challenge that the account answers: then send it again."""
        accepted = Challenged.of(response, self.account)
        if accepted is None:
            return False
        self._challenge = accepted
        return True

    def credentials(self, method: str, uri: str) -> Headers:
        """The answer to the last challenge, for one request."""
        return () if self._challenge is None else (self._challenge.answer(method, uri),)

    def ack(self, dialog: Dialog, cseq: int, credentials: Headers) -> tuple[Flow, bytes]:
        """The ACK of a 2xx to the INVITE with this number and these credentials, which it repeats
        (RFC 3261 §13.2.2.4), and where it goes."""
        hop, branch = dialog.hop(), new_branch()
        head = dialog.head(self._agent.via(hop, branch), branch, cseq)
        return hop, head.build("ACK", credentials)

    def reinvite_over(self, event: ReofferAnswered | ReofferFailed | None) -> None:
        """Our re-INVITE has its answer."""
        self._own_reinvite = None
        if event is not None:
            self.tell(event)

    def tell(self, event: SessionEvent) -> None:
        """Let the owner hear it."""
        self._call(self.listener, event)

    def _call(self, listener: Listener | None, event: SessionEvent) -> None:
        if listener is None:
            return
        try:
            listener(event)
        except Exception:  # an owner's mistake must not stop the stack for everybody else
            log.exception("listener failed", extra={"call_id": self.id})
