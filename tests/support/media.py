"""A running media server for tests: a real rtpengine on loopback with RTP ports of its own.

Use ``running_media`` as a context manager, or import the fixture ``media`` into a conftest.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from core.media.ports import free_range
from core.media.server import RtpengineServer
from core.settings import MediaSettings

__all__ = ["media", "media_settings", "running_media"]


def media_settings(size: int = 100) -> MediaSettings:
    """Settings with a range of RTP ports that no other test run on this machine has now."""
    ports = free_range(size)
    ports.release()
    return MediaSettings(port_min=ports.first, port_max=ports.last)


@asynccontextmanager
async def running_media(
    folder: Path, size: int = 100, on_death: Callable[[], None] = lambda: None
) -> AsyncIterator[RtpengineServer]:
    """A started server; it and its child are gone afterwards."""
    server = RtpengineServer(media_settings(size), folder, on_death=on_death)
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
