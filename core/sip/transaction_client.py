"""Client transactions: a request of ours until its final answer (RFC 3261 §17.1, RFC 6026 §7.2)."""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from typing import TYPE_CHECKING, NamedTuple

from core.sip._wire import build_request
from core.sip.flow import Flow
from core.sip.timers import T1, T2, T4, TIMEOUT, Timer
from core.sip.transaction import Transactions

if TYPE_CHECKING:
    from core.sip._wire import Message
    from core.sip.session import Headers

__all__ = ["ClientState", "ClientTransaction", "Head", "InviteClient", "NonInviteClient"]


class Head(NamedTuple):
    """The headers that identify a request; ACK of a refusal and CANCEL repeat those of the INVITE.

    ``from_`` and ``to`` are header values with their tags, ``via`` the whole value.
    """

    uri: str
    via: str
    branch: str
    from_: str
    to: str
    call_id: str
    cseq: int
    route: tuple[str, ...] = ()

    def build(
        self,
        method: str,
        headers: Headers = (),
        body: bytes = b"",
        *,
        to: str | None = None,
        max_forwards: int = 70,
    ) -> bytes:
        """The request as bytes. ``to`` replaces To: an ACK has the tag of the answer."""
        lines = [
            ("Via", self.via),
            ("Max-Forwards", str(max_forwards)),
            ("From", self.from_),
            ("To", self.to if to is None else to),
            ("Call-ID", self.call_id),
            ("CSeq", f"{self.cseq} {method}"),
        ]
        lines += [("Route", route) for route in self.route]
        lines += headers
        return build_request(method, self.uri, lines, body)


class ClientState(IntEnum):
    """CALLING is also TRYING of a non-INVITE request."""

    CALLING = 0
    PROCEEDING = 1
    COMPLETED = 2
    ACCEPTED = 3
    TERMINATED = 4


class ClientTransaction:
    """What both kinds share. The request leaves with the construction.

    ``on_response`` hears every answer that is no repetition; ``on_timeout`` that none came in 64·T1,
    or, and then it is ``lost``, that the connection is gone.
    """

    __slots__ = (
        "data",
        "flow",
        "give_up",
        "interval",
        "key",
        "layer",
        "lost",
        "on_response",
        "on_timeout",
        "state",
        "timer",
    )

    def __init__(
        self,
        layer: Transactions,
        flow: Flow,
        key: tuple[str, str],
        data: bytes,
        on_response: Callable[[Message], None],
        on_timeout: Callable[[], None],
    ) -> None:
        self.layer = layer
        self.flow = flow
        self.key = key
        self.data = data
        self.on_response: Callable[[Message], None] | None = on_response
        self.on_timeout: Callable[[], None] | None = on_timeout
        self.state = ClientState.CALLING
        self.interval = T1
        self.timer: Timer | None = None
        self.lost = False
        layer.clients[key] = self
        wheel = layer.wheel
        if flow.reliable:
            layer.watch(flow, self)
        else:  # timers A and E
            self.timer = wheel.after(T1, self._retransmit)
        self.give_up: Timer | None = wheel.after(TIMEOUT, self._timed_out)  # timers B and F
        layer.transmit(flow, data)

    def receive(self, message: Message) -> None:
        """An answer that matched by branch and method."""
        raise AssertionError(message)  # pragma: no cover - both kinds override it

    def flow_lost(self) -> None:
        """The connection is gone: there will be no answer."""
        callback = self.on_timeout
        if self.state < ClientState.COMPLETED:
            self.lost = True
            self._end()
            if callback is not None:
                callback()

    def _retransmit(self) -> None:
        self.layer.stats.retransmitted += 1
        self.layer.transmit(self.flow, self.data)
        self.interval = self._next_interval()
        self.timer = self.layer.wheel.after(self.interval, self._retransmit)

    def _next_interval(self) -> float:
        return 2 * self.interval

    def _stop(self) -> None:
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None
        if self.give_up is not None:
            self.give_up.cancel()
            self.give_up = None

    def _timed_out(self) -> None:
        callback = self.on_timeout
        self.layer.stats.timeouts += 1
        self._end()
        if callback is not None:
            callback()

    def _finish(self, seconds: float) -> None:
        """The final answer is here: keep nothing that is not needed, and that only for a while."""
        self._stop()
        self.data = b""
        if seconds:
            self.layer.wheel.after(seconds, self._end)
        else:
            self._end()

    def _end(self) -> None:
        self._stop()
        self.state = ClientState.TERMINATED
        self.on_response = self.on_timeout = None
        self.layer.clients.pop(self.key, None)
        if self.flow.reliable:
            self.layer.unwatch(self.flow, self)


class NonInviteClient(ClientTransaction):
    """RFC 3261 figure 6."""

    __slots__ = ()

    def receive(self, message: Message) -> None:
        """Tell of provisional answers and of the first final one."""
        callback = self.on_response
        if self.state >= ClientState.COMPLETED or callback is None:
            self.layer.stats.retransmitted_by_peer += 1
            return
        if message.status < 200:
            self.state = ClientState.PROCEEDING
        else:
            self.state = ClientState.COMPLETED
            self._finish(0 if self.flow.reliable else T4)  # timer K
        callback(message)

    def _next_interval(self) -> float:
        return T2 if self.state is ClientState.PROCEEDING else min(2 * self.interval, T2)


class InviteClient(ClientTransaction):
    """RFC 3261 figure 5 with the state ACCEPTED of RFC 6026, in which every 2xx is passed on.

    A refusal is acknowledged here, a 2xx by the owner, who may have several from a forking proxy.
    """

    __slots__ = ("ack", "head")

    def __init__(
        self,
        layer: Transactions,
        flow: Flow,
        head: Head,
        data: bytes,
        on_response: Callable[[Message], None],
        on_timeout: Callable[[], None],
    ) -> None:
        self.head = head
        self.ack = b""
        super().__init__(layer, flow, (head.branch, "INVITE"), data, on_response, on_timeout)

    def receive(self, message: Message) -> None:
        """Tell of provisional answers, of every 2xx and of the first refusal."""
        status, state = message.status, self.state
        callback = self.on_response
        if state is ClientState.COMPLETED:
            if status >= 300:  # our ACK was lost
                self.layer.stats.retransmitted_by_peer += 1
                self.layer.transmit(self.flow, self.ack)
            return
        if state is ClientState.ACCEPTED:
            if 200 <= status < 300 and callback is not None:
                callback(message)
            return
        if status < 200:
            self.state = ClientState.PROCEEDING
            self._stop()  # nothing limits ringing here; the owner does (§17.1.1.2)
        elif status < 300:
            self.state = ClientState.ACCEPTED
            self._finish(TIMEOUT)  # timer M
        else:
            self._refused(message)
        if callback is not None:
            callback(message)

    def _refused(self, message: Message) -> None:
        self.state = ClientState.COMPLETED
        self.ack = self.head.build("ACK", to=message.header("To"))
        self.layer.transmit(self.flow, self.ack)
        self._finish(0 if self.flow.reliable else TIMEOUT)  # timer D
        self.on_response = None

    def abandon(self) -> None:
        """Forget the request: its CANCEL was answered by nothing in 64·T1 (§9.1)."""
        if self.state < ClientState.COMPLETED:
            self._timed_out()
