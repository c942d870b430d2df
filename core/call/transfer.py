"""Passing on whom one talks with (RFC 3515, RFC 3891, RFC 5589): blind, or after a consultation.

Only the company's people transfer, from a telephone of the company. Whoever is passed on stays in his
call: he hears the ringback tone, then the other one. If a blind transfer fails the transferor has him
back; one who hung up meanwhile is called, and the call ends if he does not answer either.
"""

from __future__ import annotations

import asyncio

from core.call.conversation import Conversation, LegLeft, Parting
from core.call.dialling import Answer, NotAnswered, Result
from core.call.ending import UNAVAILABLE
from core.call.leg import CalleeLeg, Leg, OfferRefused
from core.call.ringing import ring_with_tone
from core.contracts import Dial, StepCode
from core.errors import MediaRefused, SunSimError
from core.sip.refer import Referral

__all__ = ["TRANSFERRED", "Attended", "Blind", "adopt", "back", "entered", "final", "note_transfer"]

FAILED = "transfer_failed"
TRANSFERRED = "transferred"

_CANCELLED = 487
_NO_DIALOG = 481
_NO_AUDIO = 488


class Blind:
    """Ring somebody for whom the one who wants it talks with, ``staying``. Without a ``referral`` he
    wants it by his keys, and leaves at once."""

    def __init__(self, by: Leg, staying: Leg, step: Dial, referral: Referral | None = None) -> None:
        self._by = by
        self._staying = staying
        self._step = step
        self._referral = referral

    async def carry_out(self, talk: Conversation) -> Parting | None:
        """Part them, ring, and join again, whomever."""
        by, staying = self._by, self._staying
        if not talk.joins(by, staying):
            self._report(_NO_DIALOG)
            return None
        note_transfer(talk, by, self._step)
        await talk.separate(staying)
        if self._referral is None:
            by.end()
        ringing = ring_with_tone(talk.state, self._step, self._report)
        result = await talk.unless_left(staying, ringing)
        if not await entered(talk, result, by):
            status = final(result)
            talk.state.record.add(StepCode.TRANSFER_FAILED, by.ring, status=status)
            self._report(status)
            return await back(talk, by, staying)
        self._report(200)
        await talk.dismiss(by)
        return None

    def refuse(self) -> None:
        """Whoever was to be passed on is gone."""
        self._report(_CANCELLED)

    def _report(self, status: int) -> None:
        if self._referral is not None:
            self._referral.report(status)


class Attended:
    """Bring whom one talks with ``here`` together with whom one talks with ``there``, in ``other``: of
    both the transferor's leg comes first. Who is there is asked by re-INVITE to send his audio here."""

    def __init__(
        self,
        here: tuple[Leg, Leg],
        other: Conversation,
        there: tuple[Leg, Leg],
        referral: Referral,
    ) -> None:
        self._by, self._staying = here
        self._other = other
        self._own, self._there = there
        self._referral = referral

    async def carry_out(self, talk: Conversation) -> Parting | None:
        """Bring them together; if that fails both conversations go on as they were."""
        state, by, staying, there = talk.state, self._by, self._staying, self._there
        talking = talk.joins(by, staying) and self._other.joins(self._own, there)
        if not talking or not there.alive or self._own.gone:
            self._referral.report(_NO_DIALOG)
            return None
        leg = state.legs.new(there.ring, there.trunk_id)
        waits = _Waits()
        self._other.want(waits)
        try:
            asked = self._other.unless_left(there, self._ask(talk, leg, there))
            body = await talk.unless_left(staying, asked)
        except LegLeft as left:
            if left.leg is there:
                await self._refused(talk, leg, _NO_DIALOG)
                return None
            waits.end(Parting("system", FAILED))  # his audio may be on its way here
            raise
        except SunSimError as error:
            await self._refused(talk, leg, error.sip_status)
            return None
        else:
            if not there.alive:  # he agreed and hung up
                await self._refused(talk, leg, _NO_DIALOG)
                return None
            waits.end(Parting(self._own.by, TRANSFERRED))
        finally:
            waits.end(None)
        state.record.add(StepCode.TRANSFER, by.ring, to=there.ring.address, attended=True)
        adopt(leg, there)
        await talk.separate(staying)
        await talk.enter(leg, body, by)
        state.record.add(StepCode.JOINED, leg.ring)
        self._referral.report(200)
        await talk.dismiss(by)
        return None

    def refuse(self) -> None:
        """Whoever was to be passed on is gone."""
        self._referral.report(_CANCELLED)

    async def _refused(self, talk: Conversation, leg: Leg, status: int) -> None:
        await talk.state.legs.drop(leg)
        self._referral.report(status)

    async def _ask(self, talk: Conversation, leg: Leg, there: Leg) -> bytes:
        elsewhere = self._other.state
        before = elsewhere.media.sent(elsewhere.party(there))
        return await there.reoffer(await talk.state.media.adopt(leg.name, before))


class _Waits:
    """A conversation waits until it is known whether another one takes somebody from it: whoever
    passes him on may hang up there meanwhile."""

    def __init__(self) -> None:
        self._known: asyncio.Future[Parting | None] = asyncio.get_running_loop().create_future()

    def end(self, parting: Parting | None) -> None:
        """It goes on, or is over like this; said once."""
        if not self._known.done():
            self._known.set_result(parting)

    async def carry_out(self, talk: Conversation) -> Parting | None:
        return await self._known

    def refuse(self) -> None:
        """Nothing is waited for any more."""


async def back(talk: Conversation, by: Leg, staying: Leg) -> Parting | None:
    """Whoever was to be passed on talks with the transferor again, who is called if he hung up."""
    state = talk.state
    if not by.gone:
        await talk.rejoin(by)
        return None
    await state.legs.drop(by)
    await state.playing.music(state.surroundings.ringback())
    result = await talk.unless_left(staying, state.dialler.dial(by.ring, by.ring.seconds))
    return None if await entered(talk, result, by) else Parting("system", FAILED)


def note_transfer(talk: Conversation, by: Leg, step: Dial, *, attended: bool = False) -> None:
    """Into the record: who passes on to whom, or wants to."""
    (addressee,) = step.addressees
    talk.state.record.add(StepCode.TRANSFER, by.ring, to=addressee.ref, attended=attended or "")


async def entered(talk: Conversation, result: Result, instead: Leg) -> bool:
    """Join whoever answered; whether somebody did who has audio in common, and takes another offer
    if the media server changed while he rang."""
    if isinstance(result, NotAnswered):
        await talk.state.legs.release()
        return False
    try:
        await talk.enter(result.leg, result.sdp, instead)
    except (MediaRefused, OfferRefused):
        result.leg.end()
        return False
    talk.state.record.add(StepCode.JOINED, result.leg.ring)
    return True


def final(result: Result) -> int:
    """The status that says best why nobody was reached."""
    if isinstance(result, Answer):
        return _NO_AUDIO
    return next((status for status in result.statuses if status >= 300), UNAVAILABLE)


def adopt(leg: CalleeLeg, there: Leg) -> None:
    """The session of a leg of another call is that of ``leg`` from now on."""
    session = there.session
    assert session is not None, "an answered leg has its session"
    there.gone = True  # for its call
    leg.session, leg.answered = session, True
    session.listener = leg.hear
