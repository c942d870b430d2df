"""Requests of ours outside of any dialog: INVITE, REGISTER, OPTIONS (RFC 3261 §8.1)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from core.sip.transaction import new_branch, new_tag
from core.sip.transaction_client import Head, NonInviteClient

if TYPE_CHECKING:
    from core.contracts import CarrierAccount
    from core.sip._wire import Message
    from core.sip.agent import Agent
    from core.sip.flow import Flow
    from core.sip.session import Headers

__all__ = ["OutgoingInvite", "OutgoingRequest"]


class OutgoingInvite:
    """What an INVITE says. ``account`` answers challenges; ``patience`` is how many seconds to wait
    for the first sign of life before it counts as failed (408); ``on_close`` is called once, then
    or when the session has ended, whoever ended it. With ``any_transport`` one that is too large for
    UDP goes by TCP, and by UDP after all where TCP is refused (RFC 3261 §18.1.1)."""

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
