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

__all__ = ["HARMLESS", "TELLING", "VITAL", "DialogRequest"]

VITAL = frozenset({408, 481})
"""Answers that end a session: the far side no longer knows the dialog or is gone (§12.2.1.2)."""

TELLING = frozenset({481})
"""Of a request that many a telephone ignores: only what is said counts, silence does not."""

HARMLESS: frozenset[int] = frozenset()
"""Of a request that concerns something else than the session (RFC 5057 §5.1)."""


class DialogRequest:
    """Sent with the construction; a challenge is answered once.

    ``on_final`` hears the final answer, except one that is ``fatal`` to the session, whose
    reason is then ``why``. Silence is 408, unless there is ``on_silence``: that hears of it instead,
    and whether it is because the connection is lost.
    """

    __slots__ = (
        "_again",
        "_agent",
        "_body",
        "_dialog",
        "_fatal",
        "_headers",
        "_method",
        "_on_final",
        "_on_silence",
        "_session",
        "_transaction",
        "_why",
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
        on_silence: Callable[[bool], None] | None = None,
        fatal: frozenset[int] = VITAL,
        why: str = "",
    ) -> None:
        self._session = session
        self._agent = agent
        self._dialog = dialog
        self._method = method
        self._headers = tuple(headers)
        self._body = body
        self._on_final = on_final
        self._on_silence = on_silence
        self._fatal = fatal
        self._why = why
        self._again = False
        self._send()

    def _send(self) -> None:
        dialog, method = self._dialog, self._method
        flow, branch = dialog.hop(), new_branch()
        head = dialog.head(self._agent.via(flow, branch), branch)
        credentials = self._session.credentials(method, head.uri) if self._again else ()
        data = head.build(method, (*self._headers, *credentials), self._body)
        self._transaction = NonInviteClient(
            self._agent.transactions, flow, (branch, method), data, self._answered, self._timed_out
        )

    def _answered(self, response: Message) -> None:
        status = response.status
        if status < 200:
            return
        if not self._again and self._session.challenged(response):
            self._again = True
            self._send()
        elif status in self._fatal:
            self._session.dead(status, self._why or response.reason)
        elif self._on_final is not None:
            self._on_final(response)

    def _timed_out(self) -> None:
        if self._on_silence is not None:
            self._on_silence(self._transaction.lost)
        elif 408 in self._fatal:
            self._session.dead(408, self._why or "Request Timeout")
