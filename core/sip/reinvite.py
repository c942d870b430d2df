"""A re-INVITE of our own: a new offer inside a session (RFC 3261 §14.1)."""

from __future__ import annotations

from random import uniform
from typing import TYPE_CHECKING

from core.sip.session import ReofferAnswered, ReofferFailed
from core.sip.timers import T1, TIMEOUT, Timer
from core.sip.transaction import new_branch
from core.sip.transaction_client import InviteClient

if TYPE_CHECKING:
    from core.sip._wire import Message
    from core.sip.agent import Agent
    from core.sip.dialog import Dialog
    from core.sip.flow import Flow
    from core.sip.session import Headers, Session

__all__ = ["OwnReinvite"]

_RETURN = 1.0  # seconds until it is looked whether a phone without a connection has another


class OwnReinvite:
    """One offer, sent again after 491 until it is answered or refused, and for a while to a phone that
    lost its connection.

    It refreshes the session's timer, too. One that does nothing else (``refresh``) repeats the body
    that the far side knows, and the owner hears of it only if the answer differs.
    """

    __slots__ = (
        "_ack",
        "_agent",
        "_challenged",
        "_credentials",
        "_cseq",
        "_dialog",
        "_refresh",
        "_sdp",
        "_session",
        "_stopped",
        "_timer",
        "_transaction",
        "_until",
    )

    def __init__(
        self, session: Session, agent: Agent, dialog: Dialog, sdp: bytes, *, refresh: bool = False
    ) -> None:
        self._session = session
        self._agent = agent
        self._dialog = dialog
        self._sdp = sdp
        self._ack: tuple[Flow, bytes] | None = None
        self._cseq = 0
        self._credentials: Headers = ()
        self._until = agent.wheel.clock() + TIMEOUT
        self._timer: Timer | None = None
        self._stopped = False
        self._challenged = False
        self._refresh = refresh
        self._send()

    def stop(self) -> None:
        """The session ends: what still comes is acknowledged, and nobody hears of it."""
        self._stopped = True
        if self._timer is not None:
            self._timer.cancel()

    @property
    def waiting(self) -> bool:
        """Whether it lost against theirs and waits for its turn: theirs may come now."""
        return self._timer is not None

    def _send_again(self) -> None:
        if self._session.offered:
            self._timer = self._agent.wheel.after(T1, self._send_again)
        else:
            self._timer = None
            self._send()

    def _send(self) -> None:
        branch = new_branch()
        flow = self._dialog.hop()
        head = self._dialog.head(self._agent.via(flow, branch), branch)
        self._cseq = head.cseq
        own = self._agent.headers(flow, sdp=self._sdp)
        timer = self._session.timer
        asks = timer.asks() if timer is not None else ()
        if self._challenged:
            self._credentials = self._session.credentials("INVITE", head.uri)
        data = head.build("INVITE", (*own, *asks, *self._credentials), self._sdp)
        self._transaction = InviteClient(
            self._agent.transactions, flow, head, data, self._answered, self._timed_out
        )

    def _answered(self, response: Message) -> None:
        status = response.status
        if status < 200:
            return
        if status < 300:
            self._accepted(response)
        elif not self._stopped:
            self._refused(response)

    def _accepted(self, response: Message) -> None:
        again = self._ack is not None
        if self._ack is None:
            self._dialog.refresh(response)
            self._ack = self._session.ack(self._dialog, self._cseq, self._credentials)
        self._agent.transactions.transmit(*self._ack)
        if not again and not self._stopped:
            self._answered_by(response)

    def _answered_by(self, response: Message) -> None:
        session, body = self._session, response.body
        news = bool(body) and body != session.remote_sdp
        if body:
            session.remote_sdp = body
        session.local_sdp = self._sdp
        session.hear_timer(response)
        session.reinvite_over(ReofferAnswered(body) if news or not self._refresh else None)

    def _refused(self, response: Message) -> None:
        status, reason = response.status, response.reason
        if not self._challenged and self._session.challenged(response):
            self._challenged = True
            self._send()
        elif self._session.timer is not None and self._session.timer.lengthen(response):
            self._send()
        elif status == 491:  # the owner of the Call-ID waits longer, so that one of the two goes first
            owns = self._session.called
            self._timer = self._agent.wheel.after(
                uniform(2.1, 4.0) if owns else uniform(0.0, 2.0), self._send_again
            )
        elif status in (408, 481):
            self._session.dead(status, reason)
        elif self._refresh:
            self._session.reinvite_over(None)
            if self._session.timer is not None:
                self._session.timer.refused(response)
        else:
            self._session.reinvite_over(ReofferFailed(status, reason))

    def _timed_out(self) -> None:
        session, wheel = self._session, self._agent.wheel
        if self._stopped:
            return
        if not self._transaction.lost:
            session.dead(408, "Request Timeout")
        elif self._refresh and session.timer is not None:
            session.reinvite_over(None)
            session.timer.postpone()
        elif wheel.clock() < self._until:  # a phone comes back, and its dialogs with it (ADR 0009)
            self._timer = wheel.after(_RETURN, self._send_again)
        else:
            session.dead(408, "Connection Lost")
