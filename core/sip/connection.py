"""One connection: what a codec makes of its bytes, and when it has gone on for too long."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING, cast

from core.sip._wire import WireError
from core.sip.flow import OUTGOING, Flow
from core.sip.stream import Codec

if TYPE_CHECKING:
    from core.sip.transport_stream import Streams

__all__ = ["Connection"]

_BACKLOG = 1024 * 1024
"""Bytes that may wait for a peer that does not read them."""

_LINGER = 5.0
"""Seconds for the last bytes of a connection that we close."""

_KEEP_ALIVE = (("TCP_KEEPIDLE", 60), ("TCP_KEEPINTVL", 15), ("TCP_KEEPCNT", 4))
"""A peer that is gone without a word is noticed after two minutes, by the system itself."""


class Connection(asyncio.Protocol):
    """One TCP connection with everything on it. ``flow`` names it, once it is made.

    ``heard`` is when the last message came, ``spoke`` when we last wrote, ``waiting`` since when the
    peer owes the rest of something it began (None: it does not); all in seconds of the wheel's clock.
    """

    def __init__(self, owner: Streams, codec: Codec, flow: Flow) -> None:
        """``flow`` of a connection to be accepted has no remote address yet."""
        now = owner.wheel.clock()
        self._owner = owner
        self._codec = codec
        self._transport: asyncio.Transport | None = None
        self._written = 0
        self.flow = flow
        self.outgoing = flow.local == OUTGOING
        self.counted = False
        self.closing = False
        self.heard = self.spoke = now
        self.waiting: float | None = now if codec.pending or not self.outgoing else None

    # --- the loop's side ----------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It stands; one too many is cut off."""
        self._transport = tcp = cast(asyncio.Transport, transport)
        peer = tcp.get_extra_info("peername")
        if not self.outgoing and (peer is None or not self._owner.accepted(self, peer[:2])):
            self.closing = True
        if self.closing:
            tcp.abort()
            return
        _watch(tcp.get_extra_info("socket"))
        tcp.set_write_buffer_limits(high=_BACKLOG)
        self._flush()

    def data_received(self, data: bytes) -> None:
        """Messages go up; what leads nowhere ends the connection."""
        if self.closing:
            return
        try:
            messages = self._codec.receive(data)
        except WireError:
            self._owner.stats.dropped["malformed"] += 1
            self.close()
            return
        self._remember(bool(messages))
        self._flush()
        for message in messages:
            if not self.closing and not self._owner.on_message(message, self.flow, self._codec.stream):
                self.close()
        if self._codec.closed:
            self.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Ended by either side."""
        self.closing = True
        self._owner.lost(self)

    @property
    def sockname(self) -> tuple[str, int] | None:
        """Its local address, once it stands."""
        name = self._transport.get_extra_info("sockname") if self._transport is not None else None
        return None if name is None else (name[0], name[1])

    # --- the owner's side ---------------------------------------------------------------------

    def send(self, message: bytes) -> None:
        """Send a message, or let it wait until the connection stands. Too many that wait end it."""
        self._codec.send(message)
        if self._transport is not None:
            self._flush()
            return
        self._written += len(message)
        if self._written > _BACKLOG:
            self.close()

    def ping(self) -> None:
        """Send a keep-alive."""
        self._codec.ping()
        self._flush()

    def close(self) -> None:
        """End it in order; what it carried is over now."""
        if self.closing:
            return
        tcp = self._transport
        if tcp is not None:
            self._codec.close()
            self._flush()
            tcp.close()
            self._owner.wheel.after(_LINGER, tcp.abort)
        self.closing = True
        self._owner.ending(self)

    def _remember(self, whole: bool) -> None:
        """Half a message may not become a whole one ever so slowly."""
        now = self._owner.wheel.clock()
        if whole:
            self.heard = now
        if not self._codec.pending:
            self.waiting = None
        elif whole or self.waiting is None:
            self.waiting = now

    def _flush(self) -> None:
        tcp, data = self._transport, self._codec.take()
        if tcp is None or not data or tcp.is_closing():
            return
        tcp.write(data)
        self.spoke = self._owner.wheel.clock()
        if tcp.get_write_buffer_size() > _BACKLOG:
            self._owner.stats.dropped["backlog"] += 1
            tcp.abort()


def _watch(sock: socket.socket) -> None:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _KEEP_ALIVE:
        if hasattr(socket, name):  # not every system has all of them
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
