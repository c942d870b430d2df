"""Two legs that talk, until one of them leaves, the limit is reached or somebody ends the call.

Who talks may change: a *wish* (a transfer, another telephone of the same person) parts the two and
joins others, or the same again. Its legs are listened to meanwhile, so that whoever hangs up is missed.
Whoever is put on hold by the company hears music.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, NamedTuple, Protocol, TypeVar

from core.background import stopped
from core.call.featurekeys import FeatureKeys
from core.call.inbox import Inbox
from core.call.leg import CalleeLeg, Leg
from core.call.side import Left, Side
from core.call.state import CallState
from core.contracts import StepCode
from core.features import Feature
from core.sip.refer import Referral

__all__ = ["Conversation", "LegLeft", "Parting", "Wish"]

T = TypeVar("T")


class Parting(NamedTuple):
    """Who ended the conversation (``caller``, ``callee``, ``system``) and why, if they said."""

    by: str
    cause: str = ""


class Wish(Protocol):
    """What changes who talks with whom."""

    async def carry_out(self, talk: Conversation) -> Parting | None:
        """Do it; how the conversation ends if it does. Raises MediaUnavailable, LegLeft."""
        ...

    def refuse(self) -> None:
        """The conversation is over before it was done: tell whoever waits for it."""
        ...


class LegLeft(Exception):
    """Somebody left whom a wish needs."""

    def __init__(self, leg: Leg, left: Left) -> None:
        super().__init__(*left)
        self.leg = leg
        self.parting = Parting(*left)


class Conversation:
    """One for each call whose parties have been connected; ``pair`` are the two who talk."""

    def __init__(
        self,
        state: CallState,
        other: Leg,
        *,
        on_referral: Callable[[Conversation, Leg, Referral], None],
        on_code: Callable[[Conversation, Leg, Feature, str], None],
    ) -> None:
        """``on_referral`` is told when one of the two refers the other one, ``on_code`` when one
        of them pressed a feature code and a number."""
        self.state = state
        self._on_referral, self._on_code = on_referral, on_code
        self.pair: tuple[Leg, Leg] = (state.media.middle, other)
        self.sides: dict[Leg, Side] = {}
        self.choosing: tuple[Leg, asyncio.Future[bool]] | None = None  # who consults: to pass on now?
        self._news: Inbox[Leg | Wish] = Inbox()
        self._codes = FeatureKeys(*state.surroundings.codes(), self._obey)
        state.keys.on_pressed = self._codes.pressed
        for leg in self.pair:
            self.listen(leg)
        self._record()

    async def run(self) -> Parting:
        """Wait for the end; the legs that stay get BYE."""
        limited = asyncio.timeout(self.state.limit)
        try:
            async with limited:
                parting = await self._until_parted()
        except TimeoutError:
            if not limited.expired():
                raise
            parting = Parting("system", "limit")
        finally:
            self._codes.close()
            for side in self.sides.values():
                side.close()
            self._news.pour(_too_late)
        self.state.legs.end()
        return parting

    def want(self, wish: Wish) -> None:
        """Have it carried out as soon as what goes on is done."""
        self._news.put(wish)

    def other(self, leg: Leg) -> Leg:
        """Who talks with this one."""
        first, second = self.pair
        return second if leg is first else first

    def joins(self, one: Leg, other: Leg) -> bool:
        """Whether it is these two who talk: somebody else may have come since a wish was made."""
        return {one, other} == set(self.pair)

    def side(self, leg: Leg) -> Side:
        """What is known of one of the legs."""
        return self.sides[leg]

    async def unless_left(self, leg: Leg, work: Coroutine[Any, Any, T]) -> T:
        """Do it while this leg is there; raises LegLeft if it leaves first."""
        task, left = asyncio.create_task(work), self.sides[leg].left
        try:
            await asyncio.wait((task, left), return_when=asyncio.FIRST_COMPLETED)
            if left.done():
                raise LegLeft(leg, left.result())
            return task.result()
        finally:
            await stopped((task,))  # whoever left matters more than how that ended
            del task  # it knows what it raised, which knows this frame

    def listen(self, leg: Leg) -> None:
        """Hear of it that it leaves, holds or wants something."""
        if leg in self.sides:
            return
        self.sides[leg] = Side(
            leg,
            self.state.media,
            partial(self._left, leg),
            name=partial(self.state.party, leg),
            on_direction=partial(self._turned, leg),
            on_referred=partial(self._referred, leg),
        )

    async def separate(self, middle: Leg) -> None:
        """Part the two; this one of them is who others will be joined with."""
        media = self.state.media
        await self.state.playing.quiet()
        if middle is media.middle:
            await media.park()
        else:
            await media.promote(middle.name)
        self.state.keys.parted(middle)
        self.state.recorder.parted()

    async def rejoin(self, leg: Leg) -> None:
        """Join who was parted with the one in the middle again."""
        state = self.state
        await state.playing.quiet()
        await state.media.connect(leg.name)
        await self._join(leg)

    async def enter(self, leg: CalleeLeg, body: bytes, instead: Leg) -> None:
        """Join a leg that answered, or came with an offer, with the one in the middle."""
        await self.state.playing.quiet()
        await self._connect(leg, body)
        leg.by = instead.by
        await self._join(leg)
        await self.state.legs.release()

    async def meet(self, leg: CalleeLeg, body: bytes) -> None:
        """Let a leg that answered talk with the one in the middle while the other one waits."""
        state = self.state
        await self._connect(leg, body)
        state.keys.joined(state.media.middle, leg)
        rings = [leg.ring for leg in (*self.pair, leg)]
        state.surroundings.talking(state.record, rings)
        await state.legs.release()

    async def dismiss(self, leg: Leg) -> None:
        """This one has no part in the call any more."""
        leg.end()
        await self.state.legs.drop(leg)

    # --- within ------------------------------------------------------------------------------------

    async def _connect(self, leg: CalleeLeg, body: bytes) -> None:
        media = self.state.media
        if leg.by_info:
            media.by_info(leg.name)
        if leg.offers:
            answer = await media.admit(leg.name, body)
            if leg.session is not None:
                leg.session.answer(answer)
        else:
            await media.connect(leg.name, body)
        self.listen(leg)

    async def _join(self, other: Leg) -> None:
        state = self.state
        self.pair = (state.media.middle, other)
        state.keys.joined(*self.pair)
        state.surroundings.talking(state.record, [leg.ring for leg in self.pair])
        self._record()
        for leg in self.pair:
            if self.sides[leg].holds:
                await self._hold_music(leg)

    def _record(self) -> None:
        """As the switches of these two say."""
        parties = {leg.name: leg.employee_id for leg in self.pair}
        self.state.recorder.joined(self.state.options, parties)

    def _left(self, leg: Leg, _: asyncio.Future[Left]) -> None:
        self._news.put(leg)

    async def _until_parted(self) -> Parting:
        while True:
            news = await self._news.get()
            try:
                if not isinstance(news, Leg):
                    parting = await self._done(news)
                    if parting is not None:
                        return parting
                elif news in self.pair:
                    return Parting(*self.sides[news].left.result())
            except LegLeft as left:
                return left.parting

    async def _done(self, wish: Wish) -> Parting | None:
        try:
            return await wish.carry_out(self)
        except BaseException:  # somebody left, the audio failed, or the call is ended
            wish.refuse()
            raise

    async def _turned(self, leg: Leg, direction: str) -> None:
        """One of them put the other on hold, or took it back. Who talks with nobody now, while others
        ring or one of the two consults somebody, holds nobody; who is merely asked has no step."""
        state, held = self.state, self.state.keys.opposite(leg)
        if held is None:
            return
        holds = self.sides[leg].holds
        if self.joins(leg, held):
            state.record.add(StepCode.HELD if holds else StepCode.RESUMED, leg.ring)
        if holds:
            await self._hold_music(leg)
        else:
            await state.playing.silence(state.party(held))

    async def _hold_music(self, holder: Leg) -> None:
        state, side = self.state, self.sides[holder]
        if holder.trunk_id is not None and side.direction != "inactive":
            return  # a private exchange outside plays its own
        music = await state.surroundings.hold_music()
        held = state.keys.opposite(holder)
        if held is not None:
            await state.playing.music(music, state.party(held))

    def _referred(self, leg: Leg, referral: Referral) -> None:
        if leg in self.pair:
            self._on_referral(self, leg, referral)
        else:
            referral.decline()

    def _obey(self, leg: Leg, feature: Feature, number: str) -> bool:
        """What somebody of the company wants by his keys; whether no number need follow."""
        if feature is Feature.RECORDING:
            self._toggle_recording(leg)
            return True
        if self.choosing is not None:  # he, and nobody else, may say how to go on
            who, choice = self.choosing
            if leg is who and not choice.done():
                choice.set_result(feature is Feature.TRANSFER)
            return True
        if number and leg in self.pair:
            self._on_code(self, leg, feature, number)
        return bool(number)

    def _toggle_recording(self, leg: Leg) -> None:
        recorder, snapshot = self.state.recorder, self.state.surroundings.snapshot
        if recorder.paused:
            recorder.resume()
        elif snapshot.recording_pause:
            recorder.pause(str(leg.employee_id))


def _too_late(news: Leg | Wish) -> None:
    if not isinstance(news, Leg):
        news.refuse()
