"""A request of ours inside a dialog, other than INVITE and ACK (RFC 3261 §12.2.1)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from core.sip.transaction import new_branch
from core.sip.transaction_client import NonInviteClient

if TYPE_CHECKING:
    from core.sip._wire import Message
    from core.sip.agent import Agent
    from core.sip.dialog import Dialog
    from core.sip.session import Headers, Session

__all__ = ["DialogRequest"]


class DialogRequest:
    """Sent with the construction; a challenge is answered once.

    ``on_final`` hears the final answer. Where it matters to the session (``vital``), 408, 481 and
    silence end it instead: the far side no longer knows the dialog (§12.2.1.2).
    """

    __slots__ = (
        "_again",
        "_agent",
        "_body",
        "_dialog",
        "_headers",
        "_method",
        "_on_final",
        "_session",
        "_vital",
    )

    def __init__(
        self,
        session: Session,
        agent: Agent,
        dialog: Dialog,
        method: str,
        headers: Headers = (),
        body: bytes = b"",
        *,
        on_final: Callable[[Message], None] | None = None,
        vital: bool = True,
    ) -> None:
        self._session = session
        self._agent = agent
        self._dialog = dialog
        self._method = method
        self._headers = tuple(headers)
        self._body = body
        self._on_final = on_final
        self._vital = vital
        self._again = False
        self._send()

    def _send(self) -> None:
        dialog, method = self._dialog, self._method
        flow, branch = dialog.hop(), new_branch()
        head = dialog.head(self._agent.via(flow, branch), branch)
        credentials = self._session.credentials(method, head.uri) if self._again else ()
        data = head.build(method, (*self._headers, *credentials), self._body)
        NonInviteClient(
            self._agent.transactions, flow, (branch, method), data, self._answered, self._timed_out
        )

    def _answered(self, response: Message) -> None:
        status = response.status
        if status < 200:
            return
        if not self._again and self._session.challenged(response):
            self._again = True
            self._send()
        elif self._vital and status in (408, 481):
            self._session.dead(status, response.reason)
        elif self._on_final is not None:
            self._on_final(response)

    def _timed_out(self) -> None:
        if self._vital:
            self._session.dead(408, "Request Timeout")
