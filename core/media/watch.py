"""The health of one rtpengine: asked twice a second, found dead at once or after two or three silences.

A port that refuses is certain. Silence may be ours: a loop that stood still lets one question expire,
not three in a row; two are enough if another server answered meanwhile. When a server is there again it
may be another process: what we left there without an owner is deleted, and of our calls those that it
forgot are told to ``lost``.

While another server is well the calls of a dead one are lost at once. If it was the only one they
wait for it, a few seconds: with Redis behind it, it comes back with all its calls.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress

import structlog

from core.background import end
from core.errors import MediaUnavailable
from core.media.node import MediaNode, Seat
from core.media.rtpengine import ServerGone

__all__ = ["Watch"]

log = structlog.get_logger(__name__)

_EVERY = 0.5  # seconds between two looks
_DEAD_EVERY = 0.1
_DEADLINE = 0.4
_SILENCES = 3
_REPORT = 4  # every so many looks the server is asked for its figures
_CLEAN = 120  # and every so many, calls that nobody owns are looked for
_PATIENCE = 5.0  # seconds that calls wait for the only server

Lost = Callable[[Sequence[Seat]], None]


class Watch:
    """Looks after one server. ``prefix`` marks our calls; ``draining`` says whether it takes no
    new calls, ``others`` which other ones do; ``lost`` hears which calls must be moved."""

    def __init__(
        self,
        node: MediaNode,
        prefix: str,
        *,
        draining: Callable[[str], bool],
        others: Callable[[MediaNode], Sequence[MediaNode]],
        lost: Lost,
    ) -> None:
        self.node = node
        self._prefix = prefix
        self._draining = draining
        self._others = others
        self._lost = lost
        self._silences = 0
        self._silent_since = 0.0
        self._looks = 0
        self._down_since = 0.0
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Look once, then go on in the background."""
        await self._look()
        self._task = asyncio.create_task(self._keep(), name=f"media {self.node.name}")

    async def stop(self) -> None:
        """Look no more."""
        await end(self._task)

    async def _keep(self) -> None:
        suspected = self.node.suspected
        while True:
            if not self._silences or not self.node.up:
                with suppress(TimeoutError):
                    async with asyncio.timeout(_EVERY if self.node.up else _DEAD_EVERY):
                        await suspected.wait()
            suspected.clear()
            try:
                await self._look()
            except Exception:  # whatever it is, a server that nobody watches is worse
                log.exception("media.watch_failed", server=self.node.name)
                await asyncio.sleep(_EVERY)

    async def _look(self) -> None:
        node = self.node
        node.draining = self._draining(node.name)
        try:
            await self._ask()
        except ServerGone:
            self._down()
        except MediaUnavailable:
            self._silences += 1
            if self._silences >= _SILENCES or (self._silences > 1 and self._alone_silent()):
                self._down()
        else:
            self._silences = 0
            if node.restarted or not node.up:
                await self._back()
            elif self._looks % _CLEAN == 0:
                await self._clean()
        self._looks += 1

    def _alone_silent(self) -> bool:
        """Whether another one answered since this one was asked what it did not answer."""
        return any(other.answered_at > self._silent_since for other in self._others(self.node))

    async def _ask(self) -> None:
        if not self._silences:
            self._silent_since = asyncio.get_running_loop().time()
        if self._looks % _REPORT and self.node.up:
            await self.node.ping(_DEADLINE)
        else:
            await self.node.report(_DEADLINE)

    def _down(self) -> None:
        node, now = self.node, asyncio.get_running_loop().time()
        if node.up or not self._down_since:
            log.error("media.server_down", server=node.name, calls=len(node.seats))
            self._down_since = now
        node.up = False
        node.abandon()
        if node.seats and (self._others(node) or now - self._down_since > _PATIENCE):
            self._give_up(list(node.seats.values()))

    async def _back(self) -> None:
        """It answers again, or it is another process than before."""
        node = self.node
        await self._clean()
        node.up, node.restarted = True, False
        log.info("media.server_up", server=node.name, calls=len(node.seats))
        with suppress(MediaUnavailable):  # it is down again: the next look says so
            forgotten = await node.forgot()
            if forgotten:
                self._give_up(forgotten)

    async def _clean(self) -> None:
        with suppress(MediaUnavailable):
            deleted = await self.node.clean(self._prefix)
            if deleted:
                log.warning("media.orphans_deleted", server=self.node.name, calls=deleted)

    def _give_up(self, seats: Sequence[Seat]) -> None:
        """Those that still wait for their first answer find another server by themselves."""
        lost = [seat for seat in seats if seat.settled]
        for seat in lost:
            seat.lost = True
            seat.leave()
        if lost:
            self._lost(lost)
