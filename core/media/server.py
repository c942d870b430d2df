"""The media servers as calls know them: one supervised child, or a pool of rtpengines that settings
name. A new call goes to the one with the least to do; it stays there until that one dies."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Sequence
from pathlib import Path
from uuid import UUID
from weakref import WeakValueDictionary

import structlog
from msgspec import Struct

from core.errors import MediaUnavailable
from core.media.drain import drained
from core.media.keys import KeyLog
from core.media.node import MediaNode, MediaStatistics, Seat
from core.media.process import CAPTURES, RtpengineProcess
from core.media.rtpengine import NgClient
from core.media.session import RtpengineSession
from core.media.watch import Watch
from core.settings import Address, MediaSettings

__all__ = ["Lost", "MediaStatistics", "RtpengineServer", "ServerState"]

log = structlog.get_logger(__name__)

ANYWHERE = Address("127.0.0.1", 0)
_HEALTHY_WITHIN = 0.5

Lost = Callable[[Sequence[UUID]], None]
"""Hears which calls were lost with their server."""


class ServerState(Struct, frozen=True):
    """One server for metrics. ``calls`` are ours, ``failures`` requests without an answer, ``full``
    those refused for want of ports; the ``reported`` figures are at most two seconds old.
    """

    name: str
    up: bool
    draining: bool
    calls: int
    failures: int
    full: int
    reported: MediaStatistics


class RtpengineServer:
    """Implements ``core.ports.MediaServer``. ``folder`` is where its files go.

    ``on_lost`` hears, from the loop, the ids of calls that their server forgot: they have no audio
    any more, while new sessions use another server or the next child.
    """

    def __init__(
        self,
        settings: MediaSettings,
        folder: Path,
        *,
        on_lost: Lost = lambda _: None,
        captures: Path | None = None,
    ) -> None:
        """``captures`` is where the rtpengines of a pool record, if they do; the child has a folder."""
        self._settings = settings
        self._folder = folder
        self._on_lost = on_lost
        self._prefix = ""
        self._clients: list[NgClient] = []
        self._watches: list[Watch] = []
        self._keys = KeyLog(self._pressed)
        # By rtpengine's names of them, as long as their calls hold them.
        self._sessions: WeakValueDictionary[str, RtpengineSession] = WeakValueDictionary()
        self.process: RtpengineProcess | None = None
        self._captures = captures
        if not settings.rtpengine:
            self._captures = folder / CAPTURES
            self.process = RtpengineProcess(settings, folder, on_death=self._child_died)

    async def start(self) -> None:
        """Start the child and wait for it, or look once at each server of the pool.

        Raises MediaUnavailable or SettingError as ``RtpengineProcess.start`` does.
        """
        self._prefix = _instance(self._folder)
        listens = await self._keys.open(self._settings.dtmf_listen or ANYWHERE)
        process = self.process
        if process is not None:
            process.dtmf = listens
            await process.start()
            self._watch("child", lambda: process.client)
        for address in self._settings.rtpengine:
            client = await NgClient.open(address)
            self._clients.append(client)
            self._watch(str(address), _always(client))
        await asyncio.gather(*(watch.start() for watch in self._watches))

    async def stop(self) -> None:
        """End the child, or leave the neighbours alone."""
        for watch in self._watches:
            await watch.stop()
            watch.node.up = False
        if self.process is not None:
            await self.process.stop()
        for client in self._clients:
            client.close()
        self._keys.close()
        self._clients.clear()
        self._watches.clear()

    def session(self, call_id: UUID) -> RtpengineSession:
        """A session for one call; which server carries it is chosen when it opens."""
        name = f"{self._prefix}{call_id}"
        session = RtpengineSession(name, lambda: Seat(call_id, name, self._servers), self._captures)
        self._sessions[name] = session
        return session

    async def healthy(self) -> bool:
        """Whether any server answers a ping now."""

        async def answers(node: MediaNode) -> bool:
            try:
                await node.ping(_HEALTHY_WITHIN)
            except MediaUnavailable:
                return False
            return True

        return any(await asyncio.gather(*(answers(watch.node) for watch in self._watches)))

    @property
    def late(self) -> float:
        """Seconds that what a new call asks would wait before it is sent to the least busy server."""
        return min((n.late for w in self._watches if (n := w.node).up and not n.draining), default=0.0)

    def servers(self) -> list[ServerState]:
        """Each server as it was seen last."""
        nodes = [watch.node for watch in self._watches]
        return [
            ServerState(n.name, n.up, n.draining, len(n.seats), n.failures, n.full, n.reported)
            for n in nodes
        ]

    def _watch(self, name: str, client: Callable[[], NgClient]) -> None:
        node = MediaNode(name, client)
        self._watches.append(
            Watch(node, self._prefix, draining=self._draining, others=self._others, lost=self._lost)
        )

    def _servers(self) -> list[MediaNode]:
        """Who may take a new call, the least loaded first."""
        nodes = (watch.node for watch in self._watches)
        return sorted((n for n in nodes if n.up and not n.draining), key=MediaNode.preference)

    def _others(self, node: MediaNode) -> list[MediaNode]:
        return [other for other in self._servers() if other is not node]

    def _draining(self, name: str) -> bool:
        return name in drained(self._folder)

    def _lost(self, seats: Sequence[Seat]) -> None:
        log.error("media.calls_lost", calls=len(seats))
        self._on_lost([seat.call_id for seat in seats])

    def _pressed(self, name: str, tag: str, key: str, milliseconds: int) -> None:
        session = self._sessions.get(name)
        if session is not None:
            session.heard_key(tag, key, milliseconds)

    def _child_died(self) -> None:
        for watch in self._watches:
            watch.node.suspected.set()


def _always(client: NgClient) -> Callable[[], NgClient]:
    return lambda: client


def _instance(folder: Path) -> str:
    """What our calls begin with at a server that others use, too; kept, so that a process that was
    killed finds its calls again."""
    path = folder / "instance"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        fresh = path.with_suffix(".new")
        fresh.write_text(secrets.token_hex(6))
        fresh.replace(path)
    return path.read_text().strip() + "-"
