"""The audio of a call that outlives its media server.

``LastingMedia`` is the call's ``MediaSession``. When the server forgets the call (``lost``), it is
opened at another one, and who talks is asked by re-INVITE to send there; who rings is asked so when it
answers, before anybody is joined with it. Verbs wait meanwhile; a re-INVITE that comes from a phone is
told to try again (491). If it does not succeed in time the call ends.

Who is parked, while the other one consults somebody, is asked after those who talk, and hears his music
again. If he does not take the offer they talk on, and he is asked once more when he is to be joined.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import structlog

from core.background import end
from core.call.leg import Leg, OfferRefused
from core.errors import MediaRefused, MediaUnavailable, SunSimError
from core.media.rtpengine import NoRoom
from core.ports import Loudness, MovableMediaSession, OnKey
from core.sdp import PLAIN, Profile
from core.unheard import unheard

__all__ = ["LastingMedia", "MediaMoving"]

log = structlog.get_logger(__name__)

T = TypeVar("T")

_MOVE = 8.0  # seconds for both re-INVITEs and their retransmissions; some milliseconds as a rule
_SILENT = 408
_AGAIN = 0.2
_ROOM = 5  # times that a full server is asked for room
_TRIES = 8  # times, a second apart, that a verb waits for news of a server that does not answer


class MediaMoving(MediaUnavailable):
    """The audio is on its way to another media server."""

    code = "media_moving"
    sip_status = 491


class LastingMedia:
    """Implements ``core.ports.MediaSession`` over one that may lose its server.

    ``leg`` finds a party by its name; ``middle`` is whom the others are joined with. ``on_moved`` hears
    how many seconds a move took, ``on_failed`` that there was none.
    """

    def __init__(
        self,
        media: MovableMediaSession,
        caller: Leg,
        leg: Callable[[str], Leg],
        *,
        on_moved: Callable[[float], None],
        on_failed: Callable[[], None],
    ) -> None:
        self._media = media
        self.middle = caller
        self._leg = leg
        self._on_moved = on_moved
        self._on_failed = on_failed
        self._opened = False
        self._taken = False  # a server has done something for the call
        self._closed = False
        self._moves = 0  # how often the server was lost
        self._rung: dict[str, int] = {}  # after how many moves each party got its last offer
        self._connected: str | None = None
        self._parked: set[str] = set()  # who talked, and is to talk again
        self._music: dict[str, Path] = {}  # that plays again and again, by who hears it
        self._whole = asyncio.Event()
        self._whole.set()
        self._news = asyncio.Event()
        self._lost = asyncio.Event()  # of the server that has the call now
        self._task: asyncio.Task[None] | None = None

    def lost(self, after: float = 0.0) -> None:
        """The server forgot the call; it moves ``after`` seconds, so that not all calls do at once."""
        if self._closed or not self._opened:
            return
        if self._task is not None:
            self._task.cancel()
        self._moves += 1
        self._whole.clear()
        self._news.set()
        self._lost.set()
        self._lost = asyncio.Event()
        self._task = asyncio.create_task(self._move(after))

    async def whole(self) -> None:
        """Wait while it moves: what parties were told last is untrue."""
        await self._whole.wait()

    # --- MediaSession ----------------------------------------------------------------------------

    async def open(self, caller_sdp: bytes) -> None:
        """Take the caller's offer."""
        await self._media.open(caller_sdp)
        self._begun()

    async def alone(self) -> bytes:
        """The answer for a caller who hears us."""
        return await self._lasting(self._media.alone)

    async def begin(self) -> None:
        """Without a caller."""
        await self._media.begin()

    async def found(self, leg: str, answer: bytes) -> None:
        """A callee is the caller from now on."""
        await self._media.found(leg, answer)
        self.middle = self._leg(leg)
        self._begun()

    async def offer(self, profile: Profile = PLAIN) -> bytes:
        """An offer for a caller who made none."""
        offer = await self._media.offer(profile)
        self._taken = True
        self._begun()
        return offer

    async def answered(self, leg: str | None, answer: bytes) -> None:
        """A party answered an offer of ours."""
        await self._lasting(lambda: self._media.answered(leg, answer))

    def told(self) -> None:
        """The caller was sent the SDP returned last."""
        self._media.told()

    async def ring(self, leg: str, profile: Profile = PLAIN) -> bytes:
        """The offer for one callee."""
        offer = await self._lasting(lambda: self._media.ring(leg, profile))
        self._rung[leg] = self._moves
        return offer

    async def connect(self, leg: str, answer: bytes = b"") -> bytes:
        """Join a callee with the caller; one that was offered a server that is gone hears of it."""

        async def join() -> bytes:
            if self._rung.get(leg) == self._moves:
                return await self._media.connect(leg, answer)
            return await self._media.connect(leg, await self._ask_again(leg))

        told = await self._with_room(join)
        self._connected = leg
        self._parked.discard(leg)
        return told

    async def park(self) -> None:
        """Part the two who are joined."""
        await self._lasting(self._media.park)
        if self._connected is not None:
            self._parked.add(self._connected)
            self._connected = None

    async def promote(self, leg: str) -> None:
        """Put a callee into the middle; after a move it is asked to send to the new server."""

        async def promote() -> None:
            if self._rung.get(leg) != self._moves:
                await self._media.connect(leg, await self._ask_again(leg))
            await self._media.promote(leg)

        await self._lasting(promote)
        self._parked |= {self.middle.name, self._connected or leg} - {leg}
        self._parked.discard(leg)
        self.middle, self._connected = self._leg(leg), None

    async def admit(self, leg: str, offer: bytes) -> bytes:
        """Join a newcomer that made an offer."""
        answer = await self._lasting(lambda: self._media.admit(leg, offer))
        self._rung[leg] = self._moves
        self._connected = leg
        self._parked.discard(leg)
        return answer

    async def adopt(self, leg: str, sent: bytes) -> bytes:
        """The offer for a party of another session."""
        offer = await self._lasting(lambda: self._media.adopt(leg, sent))
        self._rung[leg] = self._moves
        return offer

    async def reoffer(self, leg: str | None, offer: bytes) -> bytes:
        """A party sent a new offer."""
        if not self._whole.is_set():
            raise MediaMoving()
        return await self._media.reoffer(leg, offer)

    def sent(self, leg: str | None) -> bytes:
        """Our last body to that party."""
        return self._media.sent(leg)

    def listen(self, on_key: OnKey) -> None:
        """Tell of keys."""
        self._media.listen(on_key)

    def by_info(self, leg: str | None) -> None:
        """This party says its keys by INFO."""
        self._media.by_info(leg)

    async def press(self, leg: str | None, key: str, milliseconds: int) -> None:
        """A party pressed a key outside of its audio."""
        await self._whole.wait()
        await self._media.press(leg, key, milliseconds)

    async def play(self, clip: Path, *, again: bool = False, to: str | None = None) -> float:
        """Let a party hear a file. After a move music begins anew; of what is said once ``lasted``
        tells."""
        seconds = await self._lasting(lambda: self._media.play(clip, again=again, to=to))
        self._music.pop(to or self.middle.name, None)
        if again:
            self._music[to or self.middle.name] = clip
        return seconds

    async def lasted(self, seconds: float) -> bool:
        """Wait while something is said; whether it was said to its end, or the server was lost."""
        lost = self._lost
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await lost.wait()
        return not lost.is_set()

    async def hush(self, of: str | None = None) -> None:
        """Play no more."""
        self._music.pop(of or self.middle.name, None)
        await self._whole.wait()
        await self._media.hush(of)

    async def received(self) -> Mapping[str | None, int]:
        """Packets from each party."""
        return await self._media.received()

    @property
    def recorded_as(self) -> str:
        """The same on any server."""
        return self._media.recorded_as

    async def record(self) -> None:
        """Write down what is said; after a move it has to be asked for again."""
        await self._lasting(self._media.record)

    async def unrecord(self) -> None:
        """Write down no more."""
        await self._whole.wait()
        await self._media.unrecord()

    async def loudness(self) -> Loudness:
        """How loud the caller was."""
        return await self._media.loudness()

    async def drop(self, leg: str) -> None:
        """Forget a callee; a server that never knew it need not."""
        await self._whole.wait()
        if leg == self._connected:
            self._connected = None
        self._parked.discard(leg)
        if self._rung.pop(leg, None) == self._moves:
            await self._media.drop(leg)

    async def close(self) -> None:
        """Free the ports."""
        self._closed = True
        await end(self._task)
        self._on_moved, self._on_failed = unheard, unheard
        self._whole.set()
        await self._media.close()

    # --- moving ------------------------------------------------------------------------------------

    async def _lasting(self, verb: Callable[[], Awaitable[T]]) -> T:
        """Do it; if the server does not answer, once more when it does or another one is found. Nobody
        waits for one to take a call that none has taken yet."""
        tries = _TRIES
        while True:
            await self._whole.wait()
            self._news.clear()
            try:
                done = await verb()
            except (MediaRefused, NoRoom):
                raise
            except MediaUnavailable:
                tries -= 1
                if not tries or self._closed or not self._taken:
                    raise
                with suppress(TimeoutError):
                    async with asyncio.timeout(1):
                        await self._news.wait()
            else:
                self._taken = True
                return done

    async def _with_room(self, verb: Callable[[], Awaitable[T]]) -> T:
        """Do it; a server that is full is asked again for a second, as every call that is joined frees
        the ports of its stubs: somebody has answered by now."""
        for _ in range(_ROOM):
            try:
                return await self._lasting(verb)
            except NoRoom:
                await asyncio.sleep(_AGAIN)
        return await self._lasting(verb)

    async def _move(self, after: float) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            await asyncio.sleep(after)
            async with asyncio.timeout(_MOVE):
                await self._until_moved()
            self._on_moved(loop.time() - began)
            await self._ask_parked()
        except (TimeoutError, SunSimError) as error:
            log.warning("call.media_not_moved", problem=str(error) or "too slow")
            self._on_failed()
        except Exception:  # a fault of ours: the call must end, for nobody hears anything
            log.exception("call.media_not_moved")
            self._on_failed()
        finally:
            if self._task is asyncio.current_task():  # else it was lost again
                self._whole.set()

    async def _until_moved(self) -> None:
        """Where there is no server now, or one that is gone at once, another attempt may do better."""
        while True:
            try:
                await self._begin_anew()
                return
            except MediaRefused:
                raise
            except MediaUnavailable:
                await asyncio.sleep(_AGAIN)

    def _begun(self) -> None:
        self._opened = True
        self._rung[self.middle.name] = self._moves

    async def _begin_anew(self) -> None:
        await self._ask_parties()
        await self._play_again(self.middle.name, self._connected)

    async def _play_again(self, *names: str | None) -> None:
        for name, clip in tuple(self._music.items()):
            if name in names:
                to = None if name == self.middle.name else name
                await self._media.play(clip, again=True, to=to)

    async def _ask_parked(self) -> None:
        for name in tuple(self._parked):
            if self._leg(name).gone:
                continue
            try:
                await self._media.waits(name, await self._ask_again(name))
                await self._play_again(name)
            except SunSimError as error:
                log.warning("call.parked_not_moved", problem=str(error))
                self._rung.pop(name, None)

    async def _ask_parties(self) -> None:
        answered = self.middle.answered
        offer = await self._media.renew(answered=answered)
        self._rung[self.middle.name] = self._moves
        if not answered:
            return
        callee = self._connected
        if callee is None:
            await self._media.answered(None, await self.middle.reoffer(offer))
            return
        again = await self._ring_again(callee)
        asked = [
            asyncio.create_task(self.middle.reoffer(offer)),
            asyncio.create_task(self._leg(callee).reoffer(again)),
        ]
        try:
            by_caller, by_callee = await asyncio.gather(*asked)
        finally:
            for task in asked:
                task.cancel()
        await self._media.answered(None, by_caller)
        await self._media.connect(callee, by_callee)

    async def _ask_again(self, leg: str) -> bytes:
        """The answer of a callee whose first offer named a server that is gone."""
        party = self._leg(leg)
        if not party.answered:  # its early media is for nobody
            raise MediaRefused()
        try:
            async with asyncio.timeout(_MOVE):
                return await party.reoffer(await self._ring_again(leg))
        except TimeoutError:
            raise OfferRefused(status=_SILENT) from None

    async def _ring_again(self, leg: str) -> bytes:
        offer = await self._media.ring_again(leg)
        self._rung[leg] = self._moves
        return offer
