"""The media server as calls know it: one supervised child, or the rtpengines that settings name."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from uuid import UUID

from msgspec import Struct

from core.errors import MediaUnavailable
from core.media.process import RtpengineProcess
from core.media.prompts import Prompts
from core.media.rtpengine import NgClient, Reply
from core.media.session import RtpengineSession
from core.settings import MediaSettings

__all__ = ["MediaStatistics", "RtpengineServer"]

_HEALTHY_WITHIN = 0.5
_SHUN = 2.0  # seconds without new calls for a server that failed, unless no other is left


class MediaStatistics(Struct, frozen=True):
    """What rtpengine says of this moment, summed over all servers that answer.

    ``sessions`` and ports are exact; the other two lag by up to two seconds.
    """

    sessions: int = 0
    transcoded: int = 0
    packets_per_second: int = 0
    ports_used: int = 0
    ports_total: int = 0


class RtpengineServer:
    """Implements ``core.ports.MediaServer``. ``folder`` is where its files go (prompts, recordings).

    ``on_death`` is called, from the loop, when the supervised child died unasked: its calls have no
    audio any more, while new sessions use the next child.
    """

    def __init__(
        self, settings: MediaSettings, folder: Path, *, on_death: Callable[[], None] = lambda: None
    ) -> None:
        self._settings = settings
        self._prompts = Prompts(folder / "prompts")
        self._neighbours: list[NgClient] = []
        self.process: RtpengineProcess | None = None
        if not settings.rtpengine:
            self.process = RtpengineProcess(settings, folder, on_death=on_death)

    async def start(self) -> None:
        """Start the child and wait for it, or open sockets to the neighbours without waiting.

        Raises MediaUnavailable or SettingError as ``RtpengineProcess.start`` does.
        """
        if self.process is not None:
            await self.process.start()
        for address in self._settings.rtpengine:
            self._neighbours.append(await NgClient.open(address))

    async def stop(self) -> None:
        """End the child, or leave the neighbours alone."""
        if self.process is not None:
            await self.process.stop()
        for client in self._neighbours:
            client.close()
        self._neighbours.clear()

    def session(self, call_id: UUID) -> RtpengineSession:
        """A session for one call; which server carries it is chosen when it opens."""
        return RtpengineSession(call_id, self._choose)

    async def healthy(self) -> bool:
        """Whether any server answers a ping now."""
        replies = await self._ask("ping")
        return bool(replies)

    async def sessions(self) -> int:
        """How many calls the servers hold."""
        return (await self.statistics()).sessions

    async def statistics(self) -> MediaStatistics:
        """Present figures for metrics; all zero when no server answers."""
        figures = [_figures(reply) for reply in await self._ask("statistics")]
        fields = MediaStatistics.__struct_fields__
        return MediaStatistics(**{name: sum(getattr(f, name) for f in figures) for name in fields})

    def prompt(self, name: str, language: str) -> Path | None:
        """The file of a ready-made prompt; see ``Prompts``."""
        return self._prompts.find(name, language)

    def _clients(self) -> list[NgClient]:
        if self.process is None:
            return self._neighbours
        try:
            return [self.process.client]
        except MediaUnavailable:
            return []

    def _choose(self) -> NgClient:
        """The first server that did not fail lately. Spreading calls over several comes later."""
        clients = self._clients()
        if not clients:
            raise MediaUnavailable()
        now = asyncio.get_running_loop().time()
        return min(clients, key=lambda client: now - client.failed_at < _SHUN)

    async def _ask(self, command: str) -> list[Reply]:
        asked = (client.request(command, deadline=_HEALTHY_WITHIN) for client in self._clients())
        answers = await asyncio.gather(*asked, return_exceptions=True)
        return [answer for answer in answers if isinstance(answer, Mapping)]


def _figures(reply: Reply) -> MediaStatistics:
    statistics = _mapping(reply.get("statistics"))
    current = _mapping(statistics.get("currentstatistics"))
    interfaces = statistics.get("interfaces")
    interfaces = interfaces if isinstance(interfaces, list) else []
    ports = [_mapping(_mapping(each).get("ports")) for each in interfaces]
    return MediaStatistics(
        sessions=_integer(current.get("sessionstotal")),
        transcoded=_integer(current.get("transcodedmedia")),
        packets_per_second=_integer(current.get("packetrate")),
        ports_used=sum(_integer(each.get("used")) for each in ports),
        ports_total=sum(_integer(each.get("totals")) for each in ports),
    )


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}


def _integer(value: object) -> int:
    return value if isinstance(value, int) else 0
