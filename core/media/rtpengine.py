"""Client of rtpengine's ng protocol: bencoded requests over UDP, answered under their cookie.

A request is retransmitted with the same cookie; rtpengine remembers what it answered to a cookie and
repeats it, so that nothing is done twice. A refused port (ICMP) fails every waiting request at once,
which makes a dead server on this machine known in less than a millisecond.

Only so much is under way at once; further requests wait here for their turn. Otherwise a moment in
which rtpengine is late fills its socket's buffer, which holds some ninety of them, and what the kernel
then drops costs a call 200 ms or more, in which further ones come. Calls that have begun go first: each
asks several things in turn, and would wait as many times.
"""

from __future__ import annotations

import asyncio
import re
import secrets
import socket
from collections import deque
from collections.abc import Mapping
from itertools import count
from typing import cast

import structlog

from core.errors import MediaRefused, MediaUnavailable
from core.media.bencode import BencodeError, Value, decode, encode
from core.settings import Address

__all__ = ["NgClient", "NoRoom", "Reply", "ServerGone", "UnknownCall"]

log = structlog.get_logger(__name__)

Reply = Mapping[str, Value]

_RETRANSMIT = (0.2, 0.4, 0.8)  # seconds after the one before; loopback loses nothing, a busy server may
_DEADLINE = 2.0
_TICK = 0.05
_AT_ONCE = 131_072  # bytes under way, as the kernel counts: by default a socket has 212,992
_BUFFER = 4 * 1024 * 1024  # bytes asked of the system for answers that wait while the loop is busy
_OF_THE_SERVER = ("ping", "statistics")  # whoever looks whether it is well must not queue for it
_FULL = re.compile("ports|limit|load", re.IGNORECASE)


class ServerGone(MediaUnavailable):
    """The media server is not there."""

    code = "media_gone"


class UnknownCall(MediaUnavailable):
    """The media server does not know the call."""

    code = "media_unknown_call"


class NoRoom(MediaUnavailable):
    """The media server takes no more calls."""

    code = "media_full"


class _Waiting:
    """A request without its answer yet; times are the loop's. ``due`` is when it is to be sent again,
    infinity before its first turn."""

    __slots__ = ("_attempt", "answer", "asked", "cookie", "deadline", "due", "packet")

    def __init__(
        self, cookie: bytes, packet: bytes, answer: asyncio.Future[Reply], now: float, patience: float
    ) -> None:
        self.cookie = cookie
        self.packet = packet
        self.answer = answer
        self.asked = now
        self.deadline = now + patience
        self.due = float("inf")
        self._attempt = 0

    @property
    def under_way(self) -> bool:
        """Whether it was sent."""
        return self._attempt > 0

    @property
    def size(self) -> int:
        """Bytes that it takes in a socket's buffer, at most: the kernel rounds up and adds its own."""
        return 2 * len(self.packet) + 512

    def sent(self, now: float) -> None:
        """It was sent, maybe once more."""
        later = _RETRANSMIT[self._attempt :]
        self.due = now + later[0] if later else self.deadline
        self._attempt += 1


class NgClient(asyncio.DatagramProtocol):
    """One rtpengine at one address. Make it with ``open``; ``close`` fails whatever still waits."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self._transport: asyncio.DatagramTransport | None = None
        self._waiting: dict[bytes, _Waiting] = {}
        # Not yet sent, those that were given up among them; the second are the first ones of new calls.
        self._queues: tuple[deque[_Waiting], ...] = deque(), deque()
        self._under_way = 0
        self._ticker: asyncio.TimerHandle | None = None
        self._cookies = count(1)
        # rtpengine keeps cookies for a while: a client that restarts must not meet its old ones.
        self._prefix = secrets.token_hex(6).encode()

    @classmethod
    async def open(cls, address: Address) -> NgClient:
        """A client whose socket is connected to ``address``; nothing is sent yet."""
        client = cls(address)
        loop = asyncio.get_running_loop()
        await loop.create_datagram_endpoint(lambda: client, remote_addr=(address.host, address.port))
        return client

    @property
    def closed(self) -> bool:
        """Whether nothing can be asked any more."""
        return self._transport is None or self._transport.is_closing()

    @property
    def late(self) -> float:
        """Seconds that a request has waited for its turn by now; 0 if they go at once."""
        oldest = [queue[0].asked for queue in self._queues if queue]
        return asyncio.get_running_loop().time() - min(oldest) if oldest else 0.0

    async def request(
        self,
        command: str,
        arguments: Mapping[str, Value] | None = None,
        *,
        deadline: float = _DEADLINE,
        begins: bool = False,
    ) -> Reply:
        """Send one command with the protocol's own names of arguments and return its answer.

        When many are under way it waits for its turn, the longest if it ``begins`` a call; what asks
        of the server and not of a call does not wait.

        Raises MediaUnavailable when no answer came within ``deadline`` seconds, its kin ServerGone
        when nobody listens there, NoRoom for want of ports or sessions, UnknownCall, and
        MediaRefused when the server could not use the SDP.
        """
        if self._transport is None or self._transport.is_closing():
            raise ServerGone()
        loop = asyncio.get_running_loop()
        cookie = b"%b_%d" % (self._prefix, next(self._cookies))
        packet = b"%b %b" % (cookie, encode({**(arguments or {}), "command": command}))
        waiting = _Waiting(cookie, packet, loop.create_future(), loop.time(), deadline)
        self._waiting[cookie] = waiting
        if self._ticker is None:
            self._ticker = loop.call_later(_TICK, self._tick)
        try:
            if self._under_way < _AT_ONCE or command in _OF_THE_SERVER:
                self._send(waiting, waiting.asked)
            else:
                self._queues[begins].append(waiting)
            reply = await waiting.answer
        finally:
            self._forget(waiting)
        return _checked(command, reply)

    def close(self) -> None:
        """Close the socket. What still waits for an answer gets ServerGone."""
        if self._transport is not None:
            self._transport.close()
        self.abandon()

    def abandon(self) -> None:
        """What still waits for an answer gets ServerGone."""
        for queue in self._queues:
            queue.clear()
        for cookie in list(self._waiting):
            self._give_up(cookie, ServerGone)

    def _tick(self) -> None:
        """Send again what waits too long. One timer for all: nearly all are answered before."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        for cookie, waiting in list(self._waiting.items()):
            if now >= waiting.deadline:
                self._give_up(cookie)
            elif now >= waiting.due:
                self._send(waiting, now)
        self._ticker = loop.call_later(_TICK, self._tick) if self._waiting else None

    def _send(self, waiting: _Waiting, now: float) -> None:
        if not waiting.under_way:
            self._under_way += waiting.size
        waiting.sent(now)
        if self._transport is not None:
            self._transport.sendto(waiting.packet)

    def _forget(self, waiting: _Waiting) -> None:
        """It has its answer, or nobody wants it any more: the next one's turn. May be repeated."""
        if self._waiting.pop(waiting.cookie, None) is None or not waiting.under_way:
            return
        self._under_way -= waiting.size
        for queue in self._queues:
            while queue and self._under_way < _AT_ONCE:
                following = queue.popleft()
                if following.cookie in self._waiting:
                    self._send(following, asyncio.get_running_loop().time())

    def _give_up(self, cookie: bytes, why: type[MediaUnavailable] = MediaUnavailable) -> None:
        waiting = self._waiting.get(cookie)
        if waiting is not None:
            self._forget(waiting)
            if not waiting.answer.done():
                waiting.answer.set_exception(why())

    # --- asyncio.DatagramProtocol ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the socket."""
        self._transport = cast(asyncio.DatagramTransport, transport)
        self._transport.get_extra_info("socket").setsockopt(
            socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER
        )

    def datagram_received(self, data: bytes, addr: object) -> None:
        """Give an answer to the request with its cookie; a second answer finds nobody."""
        cookie, _, body = data.partition(b" ")
        waiting = self._waiting.get(cookie)
        if waiting is None or waiting.answer.done():
            return
        try:
            reply = decode(body)
        except BencodeError as error:
            log.warning("ng.unreadable", address=str(self.address), problem=str(error))
            return
        if isinstance(reply, Mapping):
            self._forget(waiting)
            waiting.answer.set_result(reply)

    def error_received(self, exc: Exception) -> None:
        """Nobody listens there (ICMP port unreachable): no reason to wait."""
        self.abandon()

    def connection_lost(self, exc: Exception | None) -> None:
        """The socket is gone."""
        self.abandon()


def _checked(command: str, reply: Reply) -> Reply:
    result = reply.get("result")
    if result in (b"ok", b"pong"):
        return reply
    reason = reply.get("error-reason", result)
    text = reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)
    log.warning("ng.refused", command=command, reason=text)
    # The only refusals that are the other side's fault speak of its SDP.
    if "SDP" in text:
        raise MediaRefused()
    if "Unknown call" in text:
        raise UnknownCall()
    if command == "play media":  # of one file, not of the server
        raise MediaRefused()
    raise NoRoom() if _FULL.search(text) else MediaUnavailable()
