"""The SIP role of the product, as ``sunsim run --role sip`` starts it, or without media control.

    python -m benchmarks.siprole --data-dir FOLDER --ready-fd N [--without-media]

Without media control the parties get each other's SDP and no rtpengine runs: what then remains is
the price of signalling, routing and records. The product itself has no such mode.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path
from uuid import UUID

import core.settings
from app import create_app
from core.errors import MediaRefused
from core.sdp import PLAIN, Profile
from core.settings import Address, MediaSettings
from serve import serve_role

_ANY_PORT = Address("127.0.0.1", 0)


class DirectSession:
    """Implements ``core.ports.MediaSession``: audio goes from phone to phone."""

    def __init__(self) -> None:
        self._caller = b""

    async def open(self, caller_sdp: bytes) -> bytes:
        self._caller = caller_sdp
        return caller_sdp

    def told(self) -> None:
        """Nothing was chosen for anybody."""

    async def ring(self, leg: str, profile: Profile = PLAIN) -> bytes:
        return self._caller

    async def connect(self, leg: str, answer: bytes) -> bytes:
        return answer

    async def offer(self, profile: Profile = PLAIN) -> bytes:
        raise MediaRefused()  # no call of the benchmark comes without an offer

    async def answered(self, leg: str | None, answer: bytes) -> None:
        """Nobody is asked."""

    async def reoffer(self, leg: str | None, offer: bytes) -> bytes:
        return offer

    def sent(self, leg: str | None) -> bytes:
        return self._caller

    async def drop(self, leg: str) -> None:
        """There is nothing to free."""

    async def close(self) -> None:
        """There is nothing to free."""


class DirectMedia:
    """Implements ``app.RunningMedia`` without a media server."""

    def __init__(self, settings: MediaSettings, folder: Path, on_death: Callable[[], None]) -> None: ...

    async def start(self) -> None:
        """There is nothing to start."""

    async def stop(self) -> None:
        """There is nothing to stop."""

    def session(self, call_id: UUID) -> DirectSession:
        return DirectSession()

    async def healthy(self) -> bool:
        return True

    def prompt(self, name: str, language: str) -> Path | None:
        return None


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.siprole")
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--ready-fd", type=int)
    parser.add_argument("--without-media", action="store_true")
    options = parser.parse_args()
    settings = core.settings.load(
        data={"dir": options.data_dir}, http={"listen": _ANY_PORT}, sip={"listen": _ANY_PORT}
    )
    create = partial(create_app, media=DirectMedia) if options.without_media else create_app
    serve_role("sip", settings, options.ready_fd, create)


if __name__ == "__main__":
    main()
