"""A running media server for tests: a real rtpengine on loopback with RTP ports of its own.

Use ``running_media`` as a context manager, or import the fixture ``media`` into a conftest.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path

import pytest

from core.media.ports import free_range
from core.media.server import RtpengineServer
from core.settings import MediaSettings

__all__ = ["media", "media_settings", "running_media"]


_lent = ExitStack()


def media_settings(size: int = 100, until: ExitStack = _lent) -> MediaSettings:
    """Settings with a range of RTP ports that no other test run on this machine gets.

    They are kept for this one ``until`` the stack closes; without one, to the end of the tests.
    """
    ports = free_range(size)
    ports.lend()
    until.callback(ports.release)
    return MediaSettings(port_min=ports.first, port_max=ports.last)


@asynccontextmanager
async def running_media(
    folder: Path, size: int = 100, on_death: Callable[[], None] = lambda: None
) -> AsyncIterator[RtpengineServer]:
    """A started server; it and its child are gone afterwards."""
    with ExitStack() as ended:
        server = RtpengineServer(media_settings(size, ended), folder, on_death=on_death)
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
