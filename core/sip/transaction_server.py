"""Server transactions: what becomes of a request that came (RFC 3261 §17.2, RFC 6026 §7.1)."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, Protocol

from core.sip._wire import build_response
from core.sip.flow import Flow
from core.sip.status import phrase
from core.sip.timers import T1, T2, T4, TIMEOUT, Timer
from core.sip.transaction import Key, MergeKey, Transactions, merge_key

if TYPE_CHECKING:
    from core.sip._wire import Message
    from core.sip.session import Headers

__all__ = ["InviteServer", "NonInviteServer", "ServerState", "ServerTransaction", "reply_flow"]


class ServerState(IntEnum):
    """PROCEEDING also stands for TRYING of non-INVITE, which differs only in having sent nothing."""

    PROCEEDING = 0
    COMPLETED = 1  # a final answer was sent
    CONFIRMED = 2  # INVITE: the ACK for a refusal came
    ACCEPTED = 3  # INVITE: a 2xx was sent; its owner retransmits it
    TERMINATED = 4


def reply_flow(request: Message, flow: Flow) -> Flow:
    """Where answers go (RFC 3261 §18.2.2, RFC 3581 §4): back on the connection; by UDP to the
    source address, and to the source port if the client asks for it by ``rport``."""
    via = request.via
    if flow.reliable or via.rport is not None:
        return flow
    port = via.port or 5060
    return flow if port == flow.remote[1] else Flow(flow.transport, flow.local, (flow.remote[0], port))


class ServerTransaction:
    """What both kinds share. ``request`` is dropped with the final answer, to save memory."""

    __slots__ = ("flow", "key", "last", "layer", "merge", "request", "source", "state", "timer")

    def __init__(self, layer: Transactions, key: Key, request: Message, flow: Flow) -> None:
        self.layer = layer
        self.key = key
        self.request: Message | None = request
        self.source = flow.remote
        self.flow = reply_flow(request, flow)
        self.state = ServerState.PROCEEDING
        self.last: bytes | None = None
        self.timer: Timer | None = None
        self.merge: MergeKey | None = None
        layer.servers[key] = self
        if not request.to_tag:
            self.merge = merge_key(request)
            layer.merges[self.merge] = key

    def respond(
        self, status: int, reason: str = "", headers: Headers = (), body: bytes = b"", to_tag: str = ""
    ) -> bytes:
        """Send an answer; returns its bytes, or nothing once a final answer was sent."""
        request = self.request
        if request is None:
            return b""
        data = build_response(
            request, status, reason or phrase(status), headers, body, to_tag, self.source
        )
        self.last = data
        self.layer.transmit(self.flow, data)
        if status >= 200:
            self.request = None
            self._final(status)
        return data

    def repeat(self) -> None:
        """The request came again: so does the last answer."""
        self.layer.stats.retransmitted_by_peer += 1
        if self.last is not None:
            self.layer.stats.retransmitted += 1
            self.layer.transmit(self.flow, self.last)

    def acknowledge(self) -> bool:
        """An ACK matched; whether it was for a refusal, so that nobody else must see it."""
        return True

    def _final(self, status: int) -> None:
        raise AssertionError(status)  # pragma: no cover - both kinds override it

    def _end(self) -> None:
        self.state = ServerState.TERMINATED
        self.last = None
        del self.layer.servers[self.key]
        if self.merge is not None:
            self.layer.merges.pop(self.merge, None)


class NonInviteServer(ServerTransaction):
    """RFC 3261 figure 8."""

    __slots__ = ()

    def _final(self, status: int) -> None:
        self.state = ServerState.COMPLETED
        if self.flow.reliable:
            self._end()
        else:  # timer J
            self.layer.wheel.after(TIMEOUT, self._end)


class Inviting(Protocol):
    """Whom it concerns that an INVITE is cancelled; ``tag`` is our tag of its dialog."""

    tag: str

    def cancelled(self, request: Message) -> None:
        """Its CANCEL came."""

    def caller_lost(self) -> None:
        """The connection that its answer must take is gone."""


class InviteServer(ServerTransaction):
    """RFC 3261 figure 7 with the state ACCEPTED of RFC 6026.

    ``session`` is whom a CANCEL concerns; it is let go with the final answer, but for its ``tag``.
    """

    __slots__ = ("interval", "session", "tag")

    def __init__(self, layer: Transactions, key: Key, request: Message, flow: Flow) -> None:
        super().__init__(layer, key, request, flow)
        self.session: Inviting | None = None
        self.tag = ""
        self.interval = T1
        if flow.reliable:
            layer.watch(self.flow, self)

    def flow_lost(self) -> None:
        """The connection is gone: a session that is still to be answered has lost its caller."""
        if self.session is not None:
            self.session.caller_lost()

    def acknowledge(self) -> bool:
        """ACK: of a refusal it ends the retransmissions; of a 2xx it is the owner's (RFC 6026 §7.1)."""
        if self.state is ServerState.ACCEPTED:
            return False
        if self.state is ServerState.COMPLETED:
            self.state = ServerState.CONFIRMED
            self.last = None
            self._stop()
            if self.flow.reliable:
                self._end()
            else:  # timer I
                self.layer.wheel.after(T4, self._end)
        return True

    def _final(self, status: int) -> None:
        if self.session is not None:
            self.tag = self.session.tag
        self.session = None
        if self.flow.reliable:
            self.layer.unwatch(self.flow, self)
        if status < 300:
            self.state = ServerState.ACCEPTED
            self.last = None  # the owner of the 2xx sends it again until the ACK (§13.3.1.4)
            self.layer.wheel.after(TIMEOUT, self._end)  # timer L
            return
        self.state = ServerState.COMPLETED
        if not self.flow.reliable:  # timer G
            self.timer = self.layer.wheel.after(T1, self._retransmit)
        self.layer.wheel.after(TIMEOUT, self._unacknowledged)  # timer H

    def _retransmit(self) -> None:
        if self.last is None:
            return
        self.layer.stats.retransmitted += 1
        self.layer.transmit(self.flow, self.last)
        self.interval = min(2 * self.interval, T2)
        self.timer = self.layer.wheel.after(self.interval, self._retransmit)

    def _unacknowledged(self) -> None:
        if self.state is ServerState.COMPLETED:
            self._stop()
            self._end()

    def _stop(self) -> None:
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None
