"""A 2xx on its way: sent again until its ACK comes, whatever the transport (RFC 3261 §13.3.1.4)."""

from __future__ import annotations

from collections.abc import Callable

from core.sip.flow import Flow
from core.sip.timers import T1, T2, TIMEOUT, Timer
from core.sip.transaction import Transactions

__all__ = ["AwaitedAck"]


class AwaitedAck:
    """The bytes of one 2xx to the INVITE with ``cseq``; ``on_lost`` if 64·T1 pass without the ACK.
    ``offer`` is whether its body was an offer, so that the ACK brings the answer.

    The transaction of the INVITE is over by then, and proxies do not repeat a 2xx: only we can.
    """

    __slots__ = (
        "_data",
        "_done",
        "_flow",
        "_interval",
        "_layer",
        "_lost",
        "_on_lost",
        "_timer",
        "cseq",
        "offer",
    )

    def __init__(
        self,
        layer: Transactions,
        flow: Flow,
        data: bytes,
        cseq: int,
        on_lost: Callable[[], None],
        *,
        offer: bool,
    ) -> None:
        self._layer = layer
        self._flow = flow
        self._data = data
        self._done = False
        self.cseq = cseq
        self.offer = offer
        self._interval = T1
        self._timer: Timer = layer.wheel.after(T1, self._repeat)
        self._lost: Timer = layer.wheel.after(TIMEOUT, self._give_up)
        self._on_lost = on_lost
        if flow.reliable:
            layer.watch(flow, self)

    def stop(self) -> None:
        """The ACK came, or nobody wants it any more."""
        self._done = True
        self._timer.cancel()
        self._lost.cancel()
        if self._flow.reliable:
            self._layer.unwatch(self._flow, self)

    def flow_lost(self) -> None:
        """The connection is gone, and the ACK with it."""
        if not self._done:
            self._give_up()

    def _repeat(self) -> None:
        self._layer.stats.retransmitted += 1
        self._layer.transmit(self._flow, self._data)
        self._interval = min(2 * self._interval, T2)
        self._timer = self._layer.wheel.after(self._interval, self._repeat)

    def _give_up(self) -> None:
        self.stop()
        self._layer.stats.timeouts += 1
        self._on_lost()
