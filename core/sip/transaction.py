"""The transaction layer: who a message belongs to (RFC 3261 §17, RFC 6026).

Theory of operation. A request opens a transaction; everything else that the network does to it,
losing, doubling, reordering, ends here. ``Transactions`` keeps two tables. A server transaction is
found by branch, sent-by and method of the topmost Via (§17.2.3; ACK and CANCEL find their INVITE),
a client transaction by branch and method of CSeq (§17.1.3). The state machines are in
``transaction_server`` and ``transaction_client``; each names the figure that it follows.

No sockets and no clock of its own: bytes leave through ``transmit``, time comes from ``wheel``. After
a final answer a transaction keeps only the bytes that it may have to send again.
"""

from __future__ import annotations

from os import urandom
from typing import TYPE_CHECKING, Protocol

from core.sip.flow import Flow, Transmit
from core.sip.stats import Stats
from core.sip.timers import Wheel

if TYPE_CHECKING:
    from core.sip._wire import Message
    from core.sip.transaction_client import ClientTransaction
    from core.sip.transaction_server import ServerTransaction

__all__ = [
    "MAGIC",
    "Key",
    "MergeKey",
    "OnFlow",
    "Transactions",
    "merge_key",
    "new_branch",
    "new_tag",
    "server_key",
]

MAGIC = "z9hG4bK"
"""What every branch of RFC 3261 begins with (§8.1.1.7)."""

Key = tuple[str, str, int, str]
MergeKey = tuple[str, str, int, str]


class OnFlow(Protocol):
    """Whatever waits for something that can come on one connection only."""

    def flow_lost(self) -> None:
        """It will not come."""


def new_branch() -> str:
    """A branch for Via that nobody can guess, so that nobody can forge an answer."""
    return MAGIC + urandom(10).hex()


def new_tag() -> str:
    """A tag for From or To, unique and hard to guess (RFC 3261 §19.3)."""
    return urandom(8).hex()


def server_key(message: Message, method: str) -> Key:
    """What the request is matched by. ``method`` is its own, or INVITE for an ACK or a CANCEL.

    A branch without the magic cookie comes from a client of RFC 2543 and is not unique; Call-ID,
    From tag and CSeq then stand in (§17.2.3).
    """
    via = message.via
    branch = message.branch
    if not branch.startswith(MAGIC):
        branch = f"{message.call_id}\n{message.from_tag}\n{message.cseq}"
    return branch, via.host.lower(), via.port, method


def merge_key(request: Message) -> MergeKey:
    """What two copies of a request have in common that came by different ways (§8.2.2.2)."""
    return request.call_id, request.from_tag, request.cseq, request.method


class Transactions:
    """All transactions of an agent."""

    __slots__ = ("clients", "flows", "merges", "servers", "stats", "transmit", "wheel")

    def __init__(self, wheel: Wheel, transmit: Transmit, stats: Stats) -> None:
        self.wheel = wheel
        self.transmit = transmit
        self.stats = stats
        self.servers: dict[Key, ServerTransaction] = {}
        self.clients: dict[tuple[str, str], ClientTransaction] = {}
        self.merges: dict[MergeKey, Key] = {}
        self.flows: dict[Flow, dict[OnFlow, None]] = {}

    def watch(self, flow: Flow, each: OnFlow) -> None:
        """Tell ``each`` when the connection ``flow`` is gone."""
        self.flows.setdefault(flow, {})[each] = None

    def unwatch(self, flow: Flow, each: OnFlow) -> None:
        """It no longer matters; safe at any time."""
        watching = self.flows.get(flow)
        if watching is not None:
            watching.pop(each, None)
            if not watching:
                del self.flows[flow]

    def flow_closed(self, flow: Flow) -> None:
        """Nothing comes or goes on this connection any more (RFC 3261 §17.1.4, §17.2.4)."""
        for each in self.flows.pop(flow, ()):
            each.flow_lost()

    def merged(self, request: Message) -> bool:
        """Whether the same request is being served that came by another way (§8.2.2.2): say 482.

        To be asked of requests without a To-tag for which ``servers`` has no transaction.
        """
        return merge_key(request) in self.merges

    def response(self, message: Message) -> None:
        """Hand an answer to its client transaction; one that nobody waits for is dropped."""
        transaction = self.clients.get((message.branch, message.method))
        if transaction is None:
            self.stats.dropped["stray_response"] += 1
        else:
            transaction.receive(message)
