"""Offers that the far side makes inside a session: re-INVITE, UPDATE, PRACK (RFC 3261 §14.2, RFC 3311).

One offer at a time. Theirs is refused with 491 while one of ours is under way, and with 500 and a time
to wait while theirs before it has no answer yet. What stands the test goes to the owner as Reoffer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.sip.capabilities import bare
from core.sip.session_events import Reoffer
from core.sip.session_timer import too_brief
from core.sip.transaction_server import InviteServer, ServerTransaction

if TYPE_CHECKING:
    from core.sip._wire import Message
    from core.sip.agent import Agent
    from core.sip.dialog import Dialog
    from core.sip.session import Session

__all__ = ["TheirOffer", "reinvited", "take", "updated"]


class TheirOffer:
    """An offer that waits for the owner's answer, and the dialog in which it came."""

    __slots__ = ("_agent", "_dialog", "_session", "_transaction", "tag")

    def __init__(
        self, session: Session, agent: Agent, dialog: Dialog, transaction: ServerTransaction
    ) -> None:
        self._session = session
        self._agent = agent
        self._dialog = dialog
        self._transaction = transaction
        self.tag = session.tag
        if isinstance(transaction, InviteServer):
            transaction.session = self

    def cancelled(self, request: Message) -> None:
        """The CANCEL of a re-INVITE came: the session goes on as it was (§9.2)."""
        self._session.refuse(487)

    def caller_lost(self) -> None:
        """Nobody waits for the answer any more."""
        self._session.refuse(487)

    def accept(self, sdp: bytes) -> None:
        """200 with our answer, or with our offer if the re-INVITE had none."""
        transaction, session = self._transaction, self._session
        request = transaction.request
        if request is None:
            return
        self._dialog.refresh(request)
        if request.body:
            session.described(self._dialog, request.body)
        session.local_sdp = sdp
        own = self._agent.headers(transaction.flow, sdp=sdp)
        data = transaction.respond(200, headers=(*own, *session.agree(request)), body=sdp)
        if isinstance(transaction, InviteServer):
            session.await_ack(transaction, data, request.cseq, offer=not request.body)

    def refuse(self, status: int) -> None:
        """The session goes on as it was."""
        self._transaction.respond(status, headers=_later(1) if status == 500 else ())


def reinvited(
    session: Session, agent: Agent, dialog: Dialog, request: Message, transaction: InviteServer
) -> None:
    """A re-INVITE in order: ask the owner, unless another offer is under way (§14.2)."""
    if not _in_time(session, agent, request, transaction):
        return
    if session.acknowledging or session.offering(dialog):
        transaction.respond(491)
    elif session.offered or not session.established:
        transaction.respond(500, headers=_later(request.cseq))
    else:
        take(session, agent, dialog, request, transaction)


def updated(
    session: Session, agent: Agent, dialog: Dialog, request: Message, transaction: ServerTransaction
) -> None:
    """An UPDATE in order; without an offer it refreshes target and timer, and nobody is asked."""
    if not _in_time(session, agent, request, transaction):
        return
    if not request.body:
        dialog.refresh(request)
        own = agent.headers(transaction.flow, sdp=b"")
        transaction.respond(200, headers=(*own, *session.agree(request)))
    elif bare(request, "Content-Type") != "application/sdp":
        transaction.respond(415, headers=(("Accept", "application/sdp"),))
    elif session.offering(dialog):
        transaction.respond(491)
    elif session.offered or not session.negotiated(dialog):
        transaction.respond(500, headers=_later(request.cseq))
    else:
        take(session, agent, dialog, request, transaction)


def take(
    session: Session, agent: Agent, dialog: Dialog, request: Message, transaction: ServerTransaction
) -> None:
    """Put an offer before the owner."""
    if session.listener is None:
        transaction.respond(488)
        return
    session.their_offer = TheirOffer(session, agent, dialog, transaction)
    session.tell(Reoffer(request.body))


def _in_time(session: Session, agent: Agent, request: Message, transaction: ServerTransaction) -> bool:
    """Whether the session still is, and would not have to be refreshed too often (RFC 4028 §9)."""
    if session.leaving:
        transaction.respond(481)
        return False
    if too_brief(request, agent.interval):
        transaction.respond(422, headers=(("Min-SE", str(agent.interval.minimum)),))
        return False
    return True


def _later(number: int) -> tuple[tuple[str, str], ...]:
    return (("Retry-After", str(1 + number % 10)),)
