"""One rtpengine of the pool: what it says of itself, and which of our calls live there.

A *seat* is a call's place in the pool. Its first request chooses the server, the next one if that does
not take it; from then on the call stays there. A seat is *lost* when its server forgot the call.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from uuid import UUID

from msgspec import Struct

from core.errors import MediaRefused, MediaUnavailable
from core.media.bencode import Value
from core.media.rtpengine import NgClient, NoRoom, Reply, ServerGone, UnknownCall

__all__ = ["MediaNode", "MediaStatistics", "Seat", "figures", "packets"]

_TRANSCODED = 15  # streams relayed for the cost of transcoding one (measured: a call 30 times)
_SHUN = 2.0  # seconds without new calls for a server that failed, unless no other is left
_NEXT = 0.5  # seconds until another server is tried
_SKEW = 0.5  # seconds by which the clocks of two machines may differ
_LISTED = 1000  # more calls make a list that fits no datagram


class MediaStatistics(Struct, frozen=True):
    """What rtpengine says of this moment.

    ``sessions`` and ports are exact; transcoded streams and packets lag by up to two seconds.
    """

    sessions: int = 0
    transcoded: int = 0
    packets_per_second: int = 0
    ports_used: int = 0
    ports_total: int = 0
    uptime: int = 0


class MediaNode:
    """One server. ``client`` gives the way to it and raises MediaUnavailable if there is none."""

    def __init__(self, name: str, client: Callable[[], NgClient]) -> None:
        self.name = name
        self.up = False
        self.restarted = False  # it is another process than before; set by ``report``
        self.draining = False
        self.failures = 0  # requests without an answer
        self.full = 0  # calls that it had no port for
        self.seats: dict[str, Seat] = {}
        self.reported = MediaStatistics()
        self.answered_at = float("-inf")  # loop time of its last answer to a ping or a report
        self.suspected = asyncio.Event()
        self._client = client
        self._failed_at = float("-inf")
        self._counted = 0  # seats at the time of the report
        self._born = float("inf")  # when it was started, by our clock

    async def request(
        self,
        command: str,
        arguments: Mapping[str, Value] | None = None,
        *,
        deadline: float = 2.0,
        begins: bool = False,
    ) -> Reply:
        """As ``NgClient.request``; a server that does not answer is looked at more closely."""
        try:
            return await self._way().request(command, arguments, deadline=deadline, begins=begins)
        except (MediaRefused, UnknownCall):
            raise
        except MediaUnavailable as error:
            self._failed_at = asyncio.get_running_loop().time()
            if isinstance(error, NoRoom):
                self.full += 1
            else:
                self.failures += 1
                self.suspected.set()
            raise

    def preference(self) -> tuple[bool, int]:
        """Servers with less come first: failed lately, load in streams that are just relayed."""
        now = asyncio.get_running_loop().time()
        told = self.reported
        since = len(self.seats) - self._counted
        return now - self._failed_at < _SHUN, told.sessions + _TRANSCODED * told.transcoded + since

    async def report(self, deadline: float) -> None:
        """Ask how it is, and notice if it was started anew since the last time."""
        seats = len(self.seats)  # what is asked from now on comes after the figures
        reply = await self._way().request("statistics", deadline=deadline)
        self.answered_at = asyncio.get_running_loop().time()
        self.reported, self._counted = figures(reply), seats
        born = asyncio.get_running_loop().time() - self.reported.uptime
        before, self._born = self._born, born
        self.restarted |= born > before + 2  # uptime is in whole seconds

    async def ping(self, deadline: float) -> None:
        """Raises MediaUnavailable if it does not answer."""
        await self._way().request("ping", deadline=deadline)
        self.answered_at = asyncio.get_running_loop().time()

    @property
    def late(self) -> float:
        """Seconds that requests wait until they are sent, because too many are under way."""
        try:
            return self._client().late
        except MediaUnavailable:
            return 0.0

    def abandon(self) -> None:
        """It is down: whoever still waits for an answer hears so at once."""
        with suppress(MediaUnavailable):
            self._client().abandon()

    async def clean(self, prefix: str) -> int:
        """Delete our calls that nobody owns any more; returns how many. Of others none is touched."""
        reply = await self.request("list", {"limit": _LISTED})
        calls = reply.get("calls")
        listed = calls if isinstance(calls, list) else []
        names = [call.decode("latin-1") for call in listed]
        lost = [name for name in names if name.startswith(prefix) and name not in self.seats]
        for name in lost:
            await self.delete(name)
        return len(lost)

    async def delete(self, name: str) -> None:
        """Forget a call; one that is not there is no mistake."""
        with suppress(UnknownCall):
            await self.request("delete", {"call-id": name, "delete-delay": 0})

    async def forgot(self) -> list[Seat]:
        """Which of our calls it does not know, or only what was asked for after it was started anew.

        Calls that Redis gave back keep the time of their creation (measured).
        """
        forgotten = []
        for name, seat in list(self.seats.items()):
            if not seat.settled:
                continue
            try:
                reply = await self.request("query", {"call-id": name})
            except UnknownCall:
                forgotten.append(seat)
                continue
            created = _integer(reply.get("created")) + _integer(reply.get("created_us")) / 1e6
            if created > seat.settled_at + _SKEW:
                seat.lost = True  # now: nobody adds to a half of a call while it is deleted
                await self.delete(name)
                forgotten.append(seat)
        return forgotten

    def _way(self) -> NgClient:
        try:
            return self._client()
        except MediaUnavailable:
            raise ServerGone() from None


class Seat:
    """Where one call is relayed: a ``Place`` of its session. ``servers`` gives them by preference."""

    __slots__ = ("_choosing", "_servers", "call_id", "lost", "name", "node", "settled_at")

    def __init__(self, call_id: UUID, name: str, servers: Callable[[], list[MediaNode]]) -> None:
        self.call_id = call_id
        self.name = name
        self.node: MediaNode | None = None
        self.settled_at = float("inf")  # epoch seconds at which the server took the call
        self.lost = False
        self._servers = servers
        self._choosing = asyncio.Lock()

    @property
    def settled(self) -> bool:
        """Whether a server took the call."""
        return self.settled_at != float("inf")

    async def request(self, command: str, arguments: Mapping[str, Value]) -> Reply:
        """As ``NgClient.request``; UnknownCall when the server forgot the call.

        While a server is thought to be down it is asked nothing more: it may be there again without
        the call, of which an offer would make a half.
        """
        if self.node is None and command == "delete":
            return {}  # nobody ever took it
        if not self.settled and (self.node is None or command != "delete"):
            async with self._choosing:  # what rings first at the same time goes to the same server
                if not self.settled:
                    return await self._choose(command, arguments)
        assert self.node is not None, "it is chosen"
        if self.lost:
            raise UnknownCall()
        if not self.node.up and command != "delete":
            raise ServerGone()
        return await self.node.request(command, arguments)

    def leave(self) -> None:
        """The call needs no place any more."""
        if self.node is not None and self.node.seats.get(self.name) is self:
            del self.node.seats[self.name]

    async def _choose(self, command: str, arguments: Mapping[str, Value]) -> Reply:
        problem = MediaUnavailable()
        servers = self._servers()
        for node in servers:
            self.leave()
            self.node = node
            node.seats[self.name] = self
            deadline = 2.0 if node is servers[-1] else _NEXT
            try:
                reply = await node.request(command, arguments, deadline=deadline, begins=True)
                self.settled_at = time.time()
                return reply
            except MediaRefused:
                raise
            except MediaUnavailable as error:
                problem = error
                self.leave()
                self.node = None
        raise problem


def figures(reply: Reply) -> MediaStatistics:
    """The numbers of an answer to ``statistics``."""
    statistics = _mapping(reply.get("statistics"))
    current = _mapping(statistics.get("currentstatistics"))
    total = _mapping(statistics.get("totalstatistics"))
    interfaces = statistics.get("interfaces")
    interfaces = interfaces if isinstance(interfaces, list) else []
    ports = [_mapping(_mapping(each).get("ports")) for each in interfaces]
    return MediaStatistics(
        sessions=_integer(current.get("sessionstotal")),
        transcoded=_integer(current.get("transcodedmedia")),
        packets_per_second=_integer(current.get("packetrate")),
        ports_used=sum(_integer(each.get("used")) for each in ports),
        ports_total=sum(_integer(each.get("totals")) for each in ports),
        uptime=_integer(total.get("uptime")),
    )


def packets(reply: Reply) -> dict[str, int]:
    """From an answer to ``query``: how many packets came from each tag, RTCP among them."""
    return {
        tag: sum(
            _integer(_mapping(_mapping(stream).get("stats")).get("packets"))
            for media in _list(_mapping(told).get("medias"))
            for stream in _list(_mapping(media).get("streams"))
        )
        for tag, told in _mapping(reply.get("tags")).items()
    }


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}


def _integer(value: object) -> int:
    if isinstance(value, bytes) and value.isdigit():
        return int(value)
    return value if isinstance(value, int) else 0
