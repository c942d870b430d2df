"""Requests inside a dialog: each goes to the part of the session that knows what it means.

They are in order (RFC 3261 §12.2.2) and come from where the far side is known to be: the agent saw to
that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.sip import info, refer, their_offer
from core.sip.capabilities import ALLOW, CAPABILITIES
from core.sip.inbound import InboundSession
from core.sip.transaction_server import InviteServer, NonInviteServer, ServerTransaction

if TYPE_CHECKING:
    from core.sip._wire import Message
    from core.sip.agent import Agent
    from core.sip.dialog import Dialog
    from core.sip.flow import Flow
    from core.sip.session import Session
    from core.sip.transaction import Key

__all__ = ["serve"]

_SERVED = frozenset({"INVITE", "BYE", "OPTIONS", "PRACK", "UPDATE", "INFO", "REFER", "NOTIFY"})


def serve(
    agent: Agent, session: Session, dialog: Dialog, request: Message, flow: Flow, key: Key
) -> None:
    """Answer it, or let the session do so."""
    method = request.method
    if method not in _SERVED:
        agent.refuse(request, flow, 405, headers=(("Allow", ALLOW),))
    elif not dialog.in_order(request):
        agent.refuse(request, flow, 500, "Out of Order")
    elif method == "OPTIONS":
        agent.refuse(request, flow, 200, headers=CAPABILITIES)
    elif method == "INVITE":
        invite = InviteServer(agent.transactions, key, request, flow)
        invite.respond(100)
        their_offer.reinvited(session, agent, dialog, request, invite)
    else:
        transaction = NonInviteServer(agent.transactions, key, request, flow)
        if method == "BYE":
            session.bye_received(request, transaction)
        elif session.leaving:
            transaction.respond(481)
        else:
            _serve(agent, session, dialog, request, transaction)


def _serve(
    agent: Agent,
    session: Session,
    dialog: Dialog,
    request: Message,
    transaction: ServerTransaction,
) -> None:
    method = request.method
    if method == "UPDATE":
        their_offer.updated(session, agent, dialog, request, transaction)
    elif method == "INFO":
        info.receive(session, request, transaction)
    elif method == "REFER":
        refer.receive(session, agent, dialog, request, transaction)
    elif method == "NOTIFY":
        refer.notified(request, transaction)
    elif isinstance(session, InboundSession):
        session.pracked(dialog, request, transaction)
    else:
        transaction.respond(481)  # a PRACK for what only who is called sends
