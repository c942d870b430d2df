"""The caller until the conversation begins: what it is offered, what it hears, what it offers anew.

Early media. Where an employee calls outside, the carrier's sounds before the answer (its ringing, «the
number is not in service») are let through: the caller is joined with the leg and hears 183 with our
answer; the answer that follows finds both joined already. Of several legs or forks the one that
described itself last is heard: a network that tries another way falls silent on the one before.
Other callers hear our own 180, or 183 with a melody of the company.

Delayed offer. A caller who offers nothing gets our offer in the 200, or while it rings if it knows
PRACK; nobody can be joined with it before its answer, which comes in the ACK or the PRACK.
"""

from __future__ import annotations

import asyncio

import structlog

from core import sdp
from core.call.leg import CalleeLeg, Leg
from core.call.side import answer_offer
from core.errors import MediaRefused, MediaUnavailable, SunSimError
from core.metrics import SETUP_SECONDS
from core.ports import MediaSession
from core.sdp import PLAIN, Profile
from core.sip.session import (
    Cancelled,
    Confirmed,
    EarlyAnswer,
    Ended,
    Progress,
    Reoffer,
    Session,
    SessionEvent,
)

__all__ = ["CallerLeft", "Early"]

log = structlog.get_logger(__name__)

_RINGING, _SOUNDS = 180, 183
_LATER = 500


class CallerLeft(SunSimError):
    """The caller left before it said what it speaks: {reason}"""

    code = "caller_left"
    sip_status = 487


class Early:
    """One caller. With ``follows`` early media of callees is let through; ``profile`` is how audio is
    offered to a caller who offers nothing."""

    def __init__(
        self, caller: Leg, media: MediaSession, *, follows: bool, profile: Profile = PLAIN
    ) -> None:
        self._caller = caller
        self._media = media
        self._follows = follows
        self._profile = profile
        self._began: float | None = asyncio.get_running_loop().time()
        self._rang = False
        self._told = False  # the caller has our answer, in a 183
        self._sounding = False  # and hears ours
        self._offer = b""  # ours, while the caller owes its answer
        self._sdp = b""
        self._turn = asyncio.Lock()  # one at a time changes the media
        self._chores: set[asyncio.Task[None]] = set()

    @property
    def _session(self) -> Session:
        session = self._caller.session
        assert session is not None, "who is spoken to has a session"
        return session

    def caller_is(self, leg: Leg) -> None:
        """Who wanted the call is at this telephone, and answered."""
        self._caller = leg

    async def open(self) -> None:
        """Open the media with the caller's offer, or make one."""
        offer = self._session.remote_sdp
        if offer:
            await self._media.open(offer)
        else:
            self._offer = await self._media.offer(self._profile)

    async def callee(self, leg: CalleeLeg, event: Progress | Reoffer) -> None:
        """A leg that rings says something: the caller may hear of it."""
        if isinstance(event, Reoffer):
            if leg.session is not None:
                async with self._turn:
                    await answer_offer(leg.session, event.sdp, leg.name, self._media)
            return
        if self._caller.answered or self._caller.session is None:  # it rings for him who is to call
            return
        if event.sdp and self._follows and not self._offer:
            await self._let_hear(leg, event.sdp)
        if not (self._rang or self._told) and event.status >= _RINGING:
            self._rang = True
            self._session.progress(_RINGING, self._offer)
            self.heard()

    def caller(self, event: SessionEvent) -> None:
        """The caller says something before it is answered."""
        if isinstance(event, Reoffer | EarlyAnswer):
            chore = asyncio.create_task(self._attend(event))
            self._chores.add(chore)
            chore.add_done_callback(self._chores.discard)

    async def join(self, leg: CalleeLeg, body: bytes) -> None:
        """Join the caller with a leg that answered, or came with an offer. A caller who owes its answer
        is answered for it.

        Raises MediaUnavailable, or CallerLeft.
        """
        if self._offer:
            await self.answer_now()
        elif self._chores:
            await asyncio.wait(self._chores)
        async with self._turn:
            if leg.offers:
                answer = await self._media.admit(leg.name, body)
                if leg.session is not None:
                    leg.session.answer(answer)
                self._sdp = self._media.sent(None)
            else:
                self._sdp = await self._media.connect(leg.name, body)

    async def answer_now(self) -> None:
        """Answer the caller before anybody else did: somebody speaks to him who is no telephone.

        Raises MediaUnavailable, or CallerLeft.
        """
        if self._chores:
            await asyncio.wait(self._chores)
        self._sdp = self._offer or await self._media.alone()
        self.answer()
        if self._offer:
            await self._learn()

    @property
    def heard_us(self) -> bool:
        """Whether the caller hears us, and nobody else yet."""
        return self._sounding or self._caller.answered

    async def sounds(self) -> bool:
        """Let the caller hear us before the answer, if he can; whether he does. Raises
        MediaUnavailable."""
        if not self._told and not self._caller.answered and not self._offer:
            answer = await self._media.alone()
            self._told = self._sounding = True
            self._session.progress(_SOUNDS, answer)
            self._media.told()
            self.heard()
        return self.heard_us

    def answer(self) -> None:
        """Send the 200, if that is still to be done."""
        if not self._caller.answered:
            self._session.answer(self._sdp)
            self._media.told()
            self._caller.answered = True
            self.heard()

    def heard(self) -> None:
        """The caller hears of the call; the first time counts as its set-up."""
        began, self._began = self._began, None
        if began is not None:
            SETUP_SECONDS.observe(asyncio.get_running_loop().time() - began)

    def close(self) -> None:
        """The call is over; nothing that is still to be said matters."""
        for chore in self._chores:
            chore.cancel()

    async def _let_hear(self, leg: CalleeLeg, body: bytes) -> None:
        try:
            async with self._turn:
                answer = await self._media.connect(leg.name, body)
        except MediaUnavailable as error:  # the answer may well be usable
            log.warning("call.early_media_unusable", code=error.code)
            return
        if not self._told:
            self._told = True
            self._session.progress(_SOUNDS, answer)
            self._media.told()
            self.heard()

    async def _attend(self, event: Reoffer | EarlyAnswer) -> None:
        async with self._turn:
            if isinstance(event, Reoffer):
                await answer_offer(self._session, event.sdp, None, self._media)
                return
            try:
                await self._answered(event.sdp)
            except MediaUnavailable as error:  # found again when somebody answers
                log.warning("call.answer_unusable", code=error.code)

    async def _learn(self) -> None:
        while self._offer:
            event = await self._caller.events.get()
            if isinstance(event, Ended | Cancelled):
                raise CallerLeft(reason=event.reason)
            if isinstance(event, Reoffer):
                self._session.refuse(_LATER)
            elif isinstance(event, Confirmed):
                async with self._turn:
                    await self._answered(event.sdp)

    async def _answered(self, answer: bytes) -> None:
        """The caller says what it speaks; where keys were a must, they are."""
        if not answer or (self._profile.mandatory and not sdp.profile(answer).mandatory):
            raise MediaRefused()
        await self._media.answered(None, answer)
        self._offer = b""
