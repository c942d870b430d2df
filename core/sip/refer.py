"""REFER inside a dialog: somebody asks us to call for them, and hears how it goes (RFC 3515).

The owner is given a ``Referral`` and says one of its verbs. Accepting makes an implicit subscription:
each ``report`` is a NOTIFY with a status line as its body, and the one with a final status ends it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.sip.capabilities import bare
from core.sip.dialog_request import HARMLESS, DialogRequest
from core.sip.replaces import Replaces, read_replaces
from core.sip.session_events import Referred
from core.sip.status import phrase
from core.sip.uri import NameAddr, SipUri, UriError

if TYPE_CHECKING:
    from core.sip._wire import Message
    from core.sip.agent import Agent
    from core.sip.dialog import Dialog
    from core.sip.session import Session
    from core.sip.transaction_server import ServerTransaction

__all__ = ["Referral", "notified", "receive"]

_PATIENCE = 10.0  # seconds that the owner has to decide
_LASTS = 180  # seconds that a subscription is said to live: longer than anything rings


class Referral:
    """What a REFER wants. ``target`` is whom to call; ``replaces`` the dialog that the call shall
    replace (an attended transfer); ``referred_by`` the value of Referred-By or nothing."""

    __slots__ = (
        "_agent",
        "_dialog",
        "_event",
        "_over",
        "_session",
        "_silent",
        "_transaction",
        "referred_by",
        "replaces",
        "target",
    )

    def __init__(
        self,
        session: Session,
        agent: Agent,
        dialog: Dialog,
        request: Message,
        transaction: ServerTransaction,
        target: SipUri,
        replaces: Replaces | None,
    ) -> None:
        self.target = target
        self.replaces = replaces
        self.referred_by = request.header("Referred-By") or ""
        self._over = False  # the last report left
        self._session = session
        self._agent = agent
        self._dialog = dialog
        self._event = f"refer;id={request.cseq}"
        self._silent = (request.header("Refer-Sub") or "").strip().lower() == "false"  # RFC 4488
        self._transaction: ServerTransaction | None = transaction
        agent.wheel.after(_PATIENCE, self.decline)

    def accept(self) -> None:
        """202, and a first report that we are at it."""
        transaction, self._transaction = self._transaction, None
        if transaction is not None:
            own = self._agent.headers(self._dialog.hop(), sdp=b"")
            transaction.respond(202, headers=(*own, ("Refer-Sub", str(not self._silent).lower())))
            self.report(100)

    def decline(self, status: int = 603) -> None:
        """Refuse; nothing changes."""
        transaction, self._transaction = self._transaction, None
        if transaction is not None:
            transaction.respond(status)

    def report(self, status: int, reason: str = "") -> None:
        """Tell how the call goes, by the status that it has; one of 200 or more is the last report,
        after which nothing is told."""
        if self._over or self._silent or self._session.leaving:
            return
        self._over = status >= 200
        state = f"active;expires={_LASTS}" if status < 200 else "terminated;reason=noresource"
        own = self._agent.headers(self._dialog.hop(), sdp=b"")
        headers = (
            *own,
            ("Event", self._event),
            ("Subscription-State", state),
            ("Content-Type", "message/sipfrag;version=2.0"),
        )
        body = f"SIP/2.0 {status} {reason or phrase(status)}\r\n".encode()
        # Who does not want to hear it may have hung up already: that is no reason to end the call.
        DialogRequest(self._session, self._agent, self._dialog, "NOTIFY", headers, body, fatal=HARMLESS)


def receive(
    session: Session, agent: Agent, dialog: Dialog, request: Message, transaction: ServerTransaction
) -> None:
    """A REFER in order goes to the owner, who declines it unless it has a use for it."""
    wanted = _target(request)
    if wanted is None:
        transaction.respond(400, "Bad Refer-To")
        return
    if session.listener is None or not session.established:
        transaction.respond(603)
        return
    session.tell(Referred(Referral(session, agent, dialog, request, transaction, *wanted)))


def notified(request: Message, transaction: ServerTransaction) -> None:
    """A NOTIFY: we have no subscriptions, so it is of none (RFC 6665 §4.1.3)."""
    transaction.respond(481 if bare(request, "Event") == "refer" else 489)


def _target(request: Message) -> tuple[SipUri, Replaces | None] | None:
    values = request.headers("Refer-To")
    try:
        (value,) = values
        uri = SipUri.parse(NameAddr.parse(value).uri)
    except (ValueError, UriError):
        return None
    method = uri.params.get("method") or uri.headers.get("method") or "INVITE"
    if method.upper() != "INVITE":
        return None
    given = uri.headers.get("replaces")
    replaces = read_replaces(given) if given is not None else None
    return None if given is not None and replaces is None else (uri, replaces)
