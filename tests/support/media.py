"""A running media server for tests: a real rtpengine on loopback with RTP ports of its own.

Use ``running_media`` as a context manager, or import the fixture ``media`` into a conftest.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import ExitStack, asynccontextmanager, suppress
from pathlib import Path
from uuid import UUID

import pytest

from core.errors import MediaUnavailable
from core.media.g711 import Codec
from core.media.node import MediaStatistics
from core.media.ports import free_range
from core.media.rtp import RtpPeer
from core.media.rtpengine import NgClient
from core.media.server import RtpengineServer
from core.media.tones import heard_seconds
from core.ports import MediaSession
from core.settings import Address, MediaSettings
from core.supervisor import die_with_parent
from tests.support.free_ports import free_port

__all__ = ["Rtpengine", "alone", "media", "media_settings", "peers", "running_media", "until_hears"]


_lent = ExitStack()


def media_settings(size: int = 100, until: ExitStack = _lent) -> MediaSettings:
    """Settings with a range of RTP ports that no other test run on this machine gets.

    They are kept for this one ``until`` the stack closes; without one, to the end of the tests.
    """
    ports = free_range(size)
    ports.lend()
    until.callback(ports.release)
    return MediaSettings(port_min=ports.first, port_max=ports.last)


async def alone(session: MediaSession, offer: bytes) -> bytes:
    """Open it for a caller who is to hear us; our answer."""
    await session.open(offer)
    return await session.alone()


async def figures(server: RtpengineServer) -> MediaStatistics:
    """What its rtpengines say of this moment, summed."""
    nodes = [watch.node for watch in server._watches]
    for node in nodes:
        await node.report(10)
    fields = MediaStatistics.__struct_fields__
    return MediaStatistics(**{f: sum(getattr(n.reported, f) for n in nodes) for f in fields})


class Rtpengine:
    """An rtpengine that somebody else runs, at an address that it keeps when it is started again.

    ``keys`` is whom it tells what people press."""

    def __init__(self, folder: Path, size: int = 100, keys: Address | None = None) -> None:
        self._keys = [f"--dtmf-log-dest={keys}"] if keys is not None else []
        self.ports = media_settings(size)
        self.address = Address("127.0.0.1", free_port("127.0.0.1"))
        self._log = folder / f"rtpengine-{self.address.port}.log"
        self._process: subprocess.Popen[bytes] | None = None

    async def start(self) -> Rtpengine:
        """Start it and wait until it answers."""
        folder = self._log.parent
        folder.mkdir(parents=True, exist_ok=True)
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                ["rtpengine", "--config-file=none", "--foreground", "--log-stderr", "--log-level=4"]
                + ["--table=-1", "--interface=127.0.0.1", f"--listen-ng={self.address}"]
                + [f"--port-min={self.ports.port_min}", f"--port-max={self.ports.port_max}"]
                + ["--timeout=3600", "--silent-timeout=3600", *self._keys],
                stdout=log,
                stderr=log,
                preexec_fn=die_with_parent(signal.SIGKILL),  # noqa: PLW1509 - forked from one thread
            )
        client = await NgClient.open(self.address)
        try:
            async with asyncio.timeout(20):
                while True:
                    with suppress(MediaUnavailable):
                        await client.request("ping", deadline=0.3)
                        return self
                    await asyncio.sleep(0.02)
        finally:
            client.close()

    async def calls(self) -> list[str]:
        """What it calls its calls."""
        client = await NgClient.open(self.address)
        try:
            reply = await client.request("list", {"limit": 1000}, deadline=10)
        finally:
            client.close()
        return [call.decode() for call in reply["calls"]]

    @property
    def runs(self) -> bool:
        """Whether there is a process, asleep or not."""
        return self._process is not None and self._process.poll() is None

    def signal(self, number: int) -> None:
        """Send it a signal; after SIGKILL it is gone, after SIGSTOP all its threads stand still."""
        assert self._process is not None
        self._process.send_signal(number)
        if number == signal.SIGSTOP:
            os.waitid(os.P_PID, self._process.pid, os.WSTOPPED)
        if number == signal.SIGKILL:
            self._process.wait()

    def stop(self) -> None:
        """It is gone afterwards, whatever its state."""
        if self.runs:
            self.signal(signal.SIGKILL)


@asynccontextmanager
async def running_media(
    folder: Path, size: int = 100, on_lost: Callable[[Sequence[UUID]], None] = lambda _: None
) -> AsyncIterator[RtpengineServer]:
    """A started server; it and its child are gone afterwards."""
    with ExitStack() as ended:
        server = RtpengineServer(media_settings(size, ended), folder, on_lost=on_lost)
        await server.start()
        try:
            yield server
        finally:
            await server.stop()


@pytest.fixture
async def media(tmp_path: Path) -> AsyncIterator[RtpengineServer]:
    """A started server for one test."""
    async with running_media(tmp_path / "media") as server:
        yield server


@asynccontextmanager
async def peers(*codecs: Codec) -> AsyncIterator[list[RtpPeer]]:
    """Telephones' audio, one for each codec."""
    opened = [await RtpPeer.open(codec=codec) for codec in codecs]
    try:
        yield opened
    finally:
        for peer in opened:
            peer.close()


async def until_hears(peer: RtpPeer, frequency: float, seconds: float) -> None:
    """Wait until the peer hears the tone, and for so long little else; what was before is forgotten."""
    while True:
        peer.forget()
        if heard_seconds(await peer.listen(seconds, patience=60), frequency) >= seconds * 0.8:
            return
