"""What is written down of one session, and how loud who is in its middle is meanwhile."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from core.media.exchange import Exchange
from core.media.meter import Meter
from core.media.party import Party
from core.ports import Loudness

__all__ = ["Tape"]


class Tape:
    """``captures`` is the folder where the server writes, if we see it."""

    def __init__(self, exchange: Exchange, captures: Path | None) -> None:
        self._exchange = exchange
        self._captures = captures
        self._meter: Meter | None = None  # of the present recording

    async def start(self, measured: Party) -> None:
        """Write down packets of everybody from now on, in a file of their own."""
        if self._captures is not None:
            self._meter = Meter(self._captures, self._exchange.call_id, measured.sent, time.time())
        await self._exchange.request("start recording", {})

    async def stop(self) -> None:
        """Write down no more."""
        await self._exchange.request("stop recording", {})

    async def loudness(self) -> Loudness:
        """As far as the files tell, which we may not see."""
        return await asyncio.to_thread(self._meter.read) if self._meter else Meter.unknown()

    def close(self) -> None:
        """The session is over."""
        if self._meter is not None:
            self._meter.close()
