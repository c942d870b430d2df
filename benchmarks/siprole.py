"""The SIP role of the product, as ``sunsim run --role sip`` starts it, or without media control.

    python -m benchmarks.siprole --data-dir FOLDER --ready-fd N [--without-media]

Without media control the parties get each other's SDP and no rtpengine runs: what then remains is
the price of signalling, routing and records. The product itself has no such mode.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from uuid import UUID

from litestar import Litestar

import core.settings
from app import create_app
from core.sdp import PLAIN, Profile
from core.settings import Address, Settings
from core.testing import MemoryMedia, MemoryMediaSession
from serve import serve_role

_ANY_PORT = Address("127.0.0.1", 0)


class DirectSession(MemoryMediaSession):
    """Audio goes from phone to phone."""

    async def open(self, caller_sdp: bytes) -> None:
        self._caller = caller_sdp

    async def ring(self, leg: str, profile: Profile = PLAIN) -> bytes:
        return self._caller

    async def connect(self, leg: str, answer: bytes) -> bytes:
        return answer


class DirectMedia(MemoryMedia):
    """Implements ``app.RunningMedia`` without a media server; keeps no session."""

    async def start(self) -> None:
        """There is nothing to start."""

    async def stop(self) -> None:
        """There is nothing to stop."""

    def session(self, call_id: UUID) -> DirectSession:
        return DirectSession(self)


def _create(role: str, settings: Settings) -> Litestar:
    return create_app(role, settings, media=lambda *_: DirectMedia())


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.siprole")
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--ready-fd", type=int)
    parser.add_argument("--without-media", action="store_true")
    options = parser.parse_args()
    settings = core.settings.load(
        data={"dir": options.data_dir}, http={"listen": _ANY_PORT}, sip={"listen": _ANY_PORT}
    )
    create = _create if options.without_media else create_app
    serve_role("sip", settings, options.ready_fd, create)


if __name__ == "__main__":
    main()
