"""Telephones that are gone without a word: no audio for a while, and no answer when asked.

One sweep looks at all conversations in turn, spread over half of the time that silence may last.
Silence alone is no end: whoever need not send (hold, recvonly) is not looked at, and who says nothing
because nobody speaks (comfort noise) answers OPTIONS. One that does not ends the call with the cause
``vanished``. What counts is whether the media server's number of packets grows: no clocks are compared.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Protocol
from weakref import WeakKeyDictionary

import structlog

from core.background import end
from core.call.leg import Leg
from core.errors import MediaUnavailable

__all__ = ["VanishedSweep"]

log = structlog.get_logger(__name__)

_ASKING = 40.0  # seconds; an OPTIONS that nobody answers is given up after 32 (Timer F)


class Conversation(Protocol):
    """A call as the sweep sees it."""

    def talking(self) -> Mapping[str | None, Leg]:
        """The legs that talk with each other by name (``None`` is the caller), if they do."""
        ...

    async def received(self) -> Mapping[str | None, int]:
        """Packets from each party that ought to send."""
        ...


class _Seen:
    """How many packets a party had sent when it was seen to send last."""

    __slots__ = ("asked", "packets", "since")

    def __init__(self, packets: int, since: float) -> None:
        self.packets = packets
        self.since = since
        self.asked = float("-inf")


class VanishedSweep:
    """Looks at ``calls`` until it is stopped; silence is noticed after ``seconds``."""

    def __init__(self, calls: Callable[[], Iterable[Conversation]], seconds: float) -> None:
        self._calls = calls
        self._seconds = seconds
        self._seen: WeakKeyDictionary[Conversation, dict[str | None, _Seen]] = WeakKeyDictionary()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin."""
        self._task = asyncio.create_task(self._keep(), name="vanished")

    async def stop(self) -> None:
        """End."""
        await end(self._task)

    async def _keep(self) -> None:
        while True:
            calls = list(self._calls())
            pause = self._seconds / 2 / max(len(calls), 1)
            for call in calls:
                await asyncio.sleep(pause)
                try:
                    await self._look(call)
                except Exception:  # of one call; the others are looked at all the same
                    log.exception("call.not_looked_at")
            if not calls:
                await asyncio.sleep(pause)

    async def _look(self, call: Conversation) -> None:
        legs = call.talking()
        if not legs:
            return
        try:
            packets = await call.received()
        except MediaUnavailable:  # its server is gone, or going: others see to that
            return
        before, now = self._seen.get(call, {}), asyncio.get_running_loop().time()
        self._seen[call] = after = {}
        for party, leg in legs.items():
            if party not in packets:
                continue
            seen = before.get(party)
            if seen is None or seen.packets != packets[party]:
                seen = _Seen(packets[party], now)
            elif max(seen.since + self._seconds, seen.asked + _ASKING) <= now:
                seen.asked = now
                if leg.session is not None:
                    leg.session.probe()
            after[party] = seen
