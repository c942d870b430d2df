"""Requests of ours outside of any dialog, other than INVITE: REGISTER, OPTIONS (RFC 3261 §8.1)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from core.sip.transaction import new_branch, new_tag
from core.sip.transaction_client import Head, NonInviteClient

if TYPE_CHECKING:
    from core.sip._wire import Message
    from core.sip.agent import Agent
    from core.sip.flow import Flow
    from core.sip.session import Headers

__all__ = ["OutgoingRequest"]


class OutgoingRequest:
    """What a request says; ``send`` may be called again, with credentials: the next CSeq follows."""

    __slots__ = ("call_id", "cseq", "from_", "headers", "method", "to", "uri")

    def __init__(self, method: str, uri: str, from_: str, to: str, headers: Headers = ()) -> None:
        """``from_`` and ``to`` are header values without tags."""
        self.method = method
        self.uri = uri
        self.from_ = f"{from_};tag={new_tag()}"
        self.to = to
        self.headers = tuple(headers)
        self.call_id = new_tag() + new_tag()
        self.cseq = 0

    def send(
        self,
        agent: Agent,
        flow: Flow,
        on_final: Callable[[Message], None],
        on_timeout: Callable[[], None],
    ) -> None:
        """Send it on ``flow``; exactly one of the callbacks follows."""
        self.cseq += 1
        branch = new_branch()
        via = agent.via(flow, branch)
        head = Head(self.uri, via, branch, self.from_, self.to, self.call_id, self.cseq)
        data = head.build(self.method, self.headers)

        def answered(response: Message) -> None:
            if response.status >= 200:
                on_final(response)

        NonInviteClient(agent.transactions, flow, (branch, self.method), data, answered, on_timeout)
