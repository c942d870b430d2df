"""Client of rtpengine's ng protocol: bencoded requests over UDP, answered under their cookie.

A request is retransmitted with the same cookie; rtpengine remembers what it answered to a cookie and
repeats it, so that nothing is done twice. A refused port (ICMP) fails every waiting request at once,
which makes a dead server on this machine known in less than a millisecond.
"""

from __future__ import annotations

import asyncio
import re
import secrets
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
    """A request without its answer yet; times are the loop's."""

    __slots__ = ("_attempt", "answer", "deadline", "due", "packet")

    def __init__(
        self, packet: bytes, answer: asyncio.Future[Reply], now: float, patience: float
    ) -> None:
        self.packet = packet
        self.answer = answer
        self.deadline = now + patience
        self.due = now + _RETRANSMIT[0]
        self._attempt = 1

    def put_off(self, now: float) -> None:
        """It was sent again."""
        later = _RETRANSMIT[self._attempt :]
        self.due = now + later[0] if later else self.deadline
        self._attempt += 1


class NgClient(asyncio.DatagramProtocol):
    """One rtpengine at one address. Make it with ``open``; ``close`` fails whatever still waits."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self._transport: asyncio.DatagramTransport | None = None
        self._waiting: dict[bytes, _Waiting] = {}
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

    async def request(
        self,
        command: str,
        arguments: Mapping[str, Value] | None = None,
        *,
        deadline: float = _DEADLINE,
    ) -> Reply:
        """Send one command with the protocol's own names of arguments and return its answer.

        Raises MediaUnavailable when no answer came within ``deadline`` seconds, its kin ServerGone
        when nobody listens there, NoRoom for want of ports or sessions, UnknownCall, and
        MediaRefused when the server could not use the SDP.
        """
        if self._transport is None or self._transport.is_closing():
            raise ServerGone()
        loop = asyncio.get_running_loop()
        cookie = b"%b_%d" % (self._prefix, next(self._cookies))
        packet = b"%b %b" % (cookie, encode({**(arguments or {}), "command": command}))
        waiting = _Waiting(packet, loop.create_future(), loop.time(), deadline)
        self._waiting[cookie] = waiting
        self._transport.sendto(packet)
        if self._ticker is None:
            self._ticker = loop.call_later(_TICK, self._tick)
        try:
            reply = await waiting.answer
        finally:
            self._waiting.pop(cookie, None)
        return _checked(command, reply)

    def close(self) -> None:
        """Close the socket. What still waits for an answer gets ServerGone."""
        if self._transport is not None:
            self._transport.close()
        self.abandon()

    def abandon(self) -> None:
        """What still waits for an answer gets ServerGone."""
        for cookie in list(self._waiting):
            self._give_up(cookie, ServerGone)

    def _tick(self) -> None:
        """Send again what waits too long. One timer for all: nearly all are answered before."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        for cookie, waiting in list(self._waiting.items()):
            if now >= waiting.deadline:
                self._give_up(cookie)
            elif now >= waiting.due and self._transport is not None:
                self._transport.sendto(waiting.packet)
                waiting.put_off(now)
        self._ticker = loop.call_later(_TICK, self._tick) if self._waiting else None

    def _give_up(self, cookie: bytes, why: type[MediaUnavailable] = MediaUnavailable) -> None:
        waiting = self._waiting.pop(cookie, None)
        if waiting is not None and not waiting.answer.done():
            waiting.answer.set_exception(why())

    # --- asyncio.DatagramProtocol ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the socket."""
        self._transport = cast(asyncio.DatagramTransport, transport)

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
