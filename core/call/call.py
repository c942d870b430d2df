"""One call: it opens media, asks where to go, runs the steps of the chosen chain and leaves a CDR.

Two things run at once: the *work* (route, dial, converse) and the wait for the caller to leave. When
the caller leaves first, the work is cancelled and everything that it started ends with it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from typing import NamedTuple
from uuid import UUID

import structlog

from core.call.conversation import Side, converse
from core.call.dialling import Answer, Dialler, NotAnswered, Result
from core.call.early import CallerLeft, Early
from core.call.keys import Keys
from core.call.lasting import LastingMedia
from core.call.leg import Header, Leg
from core.call.playing import Playing
from core.call.record import CallRecord, outcome_of
from core.call.surroundings import Surroundings
from core.contracts import (
    CallFacts,
    Cdr,
    Dial,
    DialPlan,
    Direction,
    ExtensionList,
    HangUp,
    Menu,
    Options,
    Outcome,
    SkipReason,
    StepCode,
    Tenant,
)
from core.contributions import Next
from core.errors import SunSimError
from core.ports import MovableMediaSession
from core.sdp import PLAIN, Profile
from core.sip.session import Cancelled, Digit, Ended, Session, SessionEvent

__all__ = ["Call", "CallEnd"]

log = structlog.get_logger(__name__)

_BUSY = 486
_UNAVAILABLE = 480
_CANCELLED = 487
_RANG_OUT = 408
_NOBODY_HAS_IT = 404
_BUSY_OR_DECLINED = frozenset({486, 600, 603})
_FAILED = 500
_PLAIN = Options()
_NOT_NOW = 503
_ENDED: dict[str, Header] = {
    "shutdown": ("Reason", 'SIP;cause=503;text="Service stopped"'),
    "hung_up": ("Reason", 'SIP;cause=603;text="Hung up from outside"'),
    "media_lost": ("Reason", 'SIP;cause=503;text="Media lost"'),
}
"""By the cause in the record."""


class CallEnd(NamedTuple):
    """How a call ended: ``by`` is ``caller``, ``callee`` or ``system``; ``who`` names somebody outside
    of the call."""

    outcome: Outcome
    sip_status: int
    by: str
    cause: str = ""
    who: str = ""


class Call:
    """A call in progress; ``run`` returns its CDR when it is over."""

    def __init__(
        self,
        session: Session,
        record: CallRecord,
        *,
        media: MovableMediaSession,
        surroundings: Surroundings,
        limit: float | None = None,
        profile: Profile = PLAIN,
    ) -> None:
        """``limit`` is the longest conversation in seconds; ``profile`` is how audio is offered to a
        caller who offers none."""
        self.record = record
        self.caller = Leg("caller")
        self.caller.session = session
        self._session = session
        self._media = LastingMedia(
            media,
            self.caller,
            lambda name: self._dialler.legs[name],
            on_moved=self._media_moved,
            on_failed=lambda: self.leave("media_lost"),
        )
        self._keys = Keys(self.caller, self._media)
        self._options = _PLAIN
        self._line: Side | None = None  # a caller whom we have answered, and nobody else yet
        self._surroundings = surroundings
        self._limit = limit
        follows = record.facts.direction is Direction.OUTGOING
        self._early = Early(self.caller, self._media, follows=follows, profile=profile)
        self._dialler = Dialler(self._media, surroundings, record, self._early.callee)
        self._end: CallEnd | None = None
        self._conversation: Mapping[str | None, Leg] = {}
        self._working: asyncio.Task[CallEnd] | None = None
        self._gone: asyncio.Future[CallEnd] = asyncio.get_running_loop().create_future()
        self._playing = Playing(self._media, self._gone.done)
        self._parted = False  # whoever talked with the caller has seen to his end
        self._fallback = CallEnd(Outcome.NO_ANSWER, _UNAVAILABLE, "system")
        session.listener = self._hear_caller

    async def run(self) -> Cdr:
        """From the INVITE to the record. Never raises; a fault of ours ends the call with a 5xx."""
        self._working = asyncio.create_task(self._work())
        if self._gone.done():  # before the first step
            self._working.cancel()
        end = await self._settle(self._working)
        self._early.close()
        self._keys.close()
        if not self.caller.answered:
            if not 400 <= end.sip_status < 700:  # a plugin's mistake
                end = end._replace(sip_status=_FAILED)
            self._session.reject(end.sip_status)
            if end.outcome is not Outcome.CANCELLED:
                self._early.heard()
        elif not self._parted:  # nobody but us talked with him
            self.caller.end(self._why())
        if self._line is not None:
            self._line.close()
        await self._media.close()
        return self.record.finish(*end)

    def leave(self, cause: str, *, status: int = _NOT_NOW, who: str = "") -> None:
        """End the call from outside its steps, whatever its state; who still waits hears ``status``."""
        self._dialler.gone = cause
        self._leave(self._ended(status, cause, who))

    def media_lost(self, after: float = 0.0) -> None:
        """The media server forgot the call: ``after`` so many seconds its audio moves to another."""
        self._media.lost(after)

    def talking(self) -> Mapping[str | None, Leg]:
        """The legs of the conversation by their names in the media session, if there is one."""
        return self._conversation

    async def received(self) -> Mapping[str | None, int]:
        """Packets from each party of the conversation that ought to send now."""
        return await self._media.received()

    # --- verbs for steps -------------------------------------------------------------------------

    @property
    def tenant(self) -> Tenant:
        """Whose call it is."""
        return self._surroundings.tenant

    @property
    def facts(self) -> CallFacts:
        """What was known of the call when it arrived."""
        return self.record.facts

    async def key(self) -> str:
        """The next key that the caller presses: ``0-9*#A-D``. Those of a conversation count, too."""
        self._go_on()
        key = await self._keys.next()
        self.record.add(StepCode.PRESSED, key=key)
        return key

    def forget_keys(self) -> None:
        """Keys that were pressed before, on another occasion, are not meant."""
        self._keys.forget()

    def menu(self, menu_id: UUID) -> Menu | None:
        """A voice menu of the company, as it was when the call came."""
        return next((each for each in self._surroundings.snapshot.menus if each.id == menu_id), None)

    def extension_list(self, list_id: UUID) -> ExtensionList | None:
        """An extension list of the company."""
        lists = self._surroundings.snapshot.extension_lists
        return next((each for each in lists if each.id == list_id), None)

    def dialable(self, numbers: Collection[str] | None = None) -> frozenset[str]:
        """The extensions that a caller may dial, all or of these (EXT-03, EXT-06)."""
        return self._surroundings.dialable(numbers)

    async def answer(self) -> None:
        """Answer the caller, whom nobody has answered yet, to speak to him."""
        self._go_on()
        if self.caller.answered:
            return
        await self._media.whole()
        await self._early.answer_now()
        left: asyncio.Future[tuple[str, str]] = asyncio.get_running_loop().create_future()
        left.add_done_callback(self._hung_up)
        self._line = Side("caller", self.caller, None, self._media, left)

    async def play(self, media: UUID) -> None:
        """Answer the caller and let him hear a media to its end; one that is gone is passed over.

        Cancelled, it falls silent at once.
        """
        self._go_on()
        clip = self._surroundings.clip(media)
        if clip is None:
            return
        await self.answer()
        self.record.add(StepCode.PLAYED, media=str(media))
        await self._playing.whole(clip)

    async def dial(self, step: Dial) -> bool:
        """Ring, and talk to the end of the conversation if somebody answers; whether one did."""
        self._go_on()
        if self._end is not None:  # the call is settled
            return True
        plan = self._surroundings.plan(step, self.record)
        for skipped in plan.skipped:
            nameless = None if skipped.employee_id else skipped.addressee
            self.record.add(
                StepCode.NOT_RUNG,
                reason=skipped.reason,
                terminal_id=skipped.terminal_id,
                employee_id=skipped.employee_id,
                kind=nameless.kind if nameless else "",
                ref=nameless.ref if nameless else "",
            )
        try:
            await self._begin_music(plan)
            result = await self._ring(plan, step.ring_seconds)
            if isinstance(result, Answer):
                self._end = await self._connect(result)
                return True
        finally:
            await self._playing.silence()
        await self._dialler.release()
        self._fallback = self._unanswered(result.statuses)
        return False

    def hang_up(self, sip_status: int = _UNAVAILABLE) -> None:
        """Settle the call; ``sip_status`` is what a caller hears who was not answered."""
        self._go_on()
        self._end = CallEnd(outcome_of(sip_status), sip_status, "system")

    # --- the way of a call ---------------------------------------------------------------------

    async def _work(self) -> CallEnd:
        chain = self._surroundings.route(self.record)
        self._options = chain.options
        if self._session.by_info:
            self._media.by_info(None)
        await self._early.open()
        if chain.options.greeting is not None:
            await self.play(chain.options.greeting)
        for step in chain.all_steps:
            if isinstance(step, Dial):
                await self.dial(step)
            elif isinstance(step, HangUp):
                if step.media is not None:
                    await self.play(step.media)
                self.hang_up(step.sip_status)
            elif await self._surroundings.step(self, step) is Next.END:
                return self._end or self._fallback
            if self._end is not None:
                return self._end
            if self._gone.done():  # a plugin's step that does not mind being cancelled
                return self._gone.result()
        return self._fallback

    def _go_on(self) -> None:
        """A step that minds no cancellation must do nothing more for a caller who is gone."""
        if self._gone.done():
            raise asyncio.CancelledError

    async def _begin_music(self, plan: DialPlan) -> None:
        """What the caller hears of us while somebody rings: the melody (OPT-02), before the answer if
        he can. Who is answered hears the ringback tone if there is none."""
        if plan.root is None:
            return
        melody = self._surroundings.clip(self._options.melody)
        if melody is not None:
            await self._media.whole()
            if self._early.sounds() and await self._playing.music(melody):
                return
        if self._early.heard_us:
            await self._playing.music(self._surroundings.ringback())

    async def _ring(self, plan: DialPlan, seconds: int) -> Result:
        if plan.root is None:
            return NotAnswered(_nobody(plan))
        self._surroundings.ringing(self.record, plan)
        return await self._dialler.dial(plan.root, seconds)

    async def _connect(self, answer: Answer) -> CallEnd:
        leg = answer.leg
        if leg.session is not None and leg.session.by_info:
            self._media.by_info(leg.name)
        try:
            if self._line is not None:
                await self._line.handed_over()
                self._line = None
            await self._early.join(leg, answer.sdp)
            self._go_on()  # else the caller left in this very turn of the loop
            await self._playing.silence()
            self._early.answer()
            self._keys.joined(leg)
            self.record.answered(leg.ring)
            self._surroundings.answered(self.record, leg.ring)
            await self._dialler.release()
            self._conversation = {None: self.caller, leg.name: leg}
            self._parted = True
            parting = await converse(self.caller, leg, self._media, self._limit)
        except BaseException:  # whatever happened, nobody stays on a line that leads nowhere
            leg.end(self._why())
            if self.caller.answered:  # else ``run`` says why not
                self._parted = True
                self.caller.end(self._why())
            raise
        return CallEnd(Outcome.ANSWERED, 200, parting.by, parting.cause)

    def _why(self) -> Header | None:
        """What the parties are told of an end from outside (RFC 3326)."""
        end = self._gone.result() if self._gone.done() else None
        return _ENDED.get(end.cause) if end is not None and end.by == "system" else None

    def _unanswered(self, statuses: tuple[int, ...]) -> CallEnd:
        """What the caller hears unless a later step settles the call.

        The company's callers hear busy or unavailable; its own people hear the exact status.
        """
        if self.facts.direction is not Direction.INCOMING and len(statuses) == 1:
            status = _UNAVAILABLE if statuses[0] == _RANG_OUT or statuses[0] < 400 else statuses[0]
        else:
            busy = statuses and all(s in _BUSY_OR_DECLINED for s in statuses)
            status = _BUSY if busy else _UNAVAILABLE
        return CallEnd(outcome_of(status), status, "system")

    # --- the caller ------------------------------------------------------------------------------

    def _media_moved(self, seconds: float) -> None:
        self.record.add(StepCode.MEDIA_MOVED, seconds=round(seconds, 2))
        self._surroundings.moved()

    def _hear_caller(self, event: SessionEvent) -> None:
        if isinstance(event, Digit):
            self._keys.informed(None, event)
        elif self.caller.answered:
            self.caller.hear(event)
        elif isinstance(event, Cancelled | Ended):
            self._leave(CallEnd(Outcome.CANCELLED, _CANCELLED, "caller", event.reason))
        else:
            self._early.caller(event)

    def _hung_up(self, left: asyncio.Future[tuple[str, str]]) -> None:
        """The caller left us, who had answered him; nobody of the company has spoken with him."""
        if left.cancelled():
            return
        if error := left.exception():
            log.error("call.broken", exc_info=error)
            self._leave(self._ended(_FAILED, "internal"))
            return
        by, cause = left.result()
        self._leave(CallEnd(Outcome.CANCELLED, _CANCELLED, by, cause))

    def _leave(self, end: CallEnd) -> None:
        if not self._gone.done():
            self._gone.set_result(end)
            if self._working is not None:
                self._working.cancel()

    async def _settle(self, work: asyncio.Task[CallEnd]) -> CallEnd:
        try:
            end = await work
            if self._gone.done() and end is not self._end:  # a step did not mind being cancelled
                return self._gone.result()
            return end
        except asyncio.CancelledError:
            if self._gone.done():
                return self._gone.result()
            log.warning("call.cancelled")  # by a step, or by whoever runs the call
        except CallerLeft as left:
            return CallEnd(Outcome.CANCELLED, _CANCELLED, "caller", str(left.fields["reason"]))
        except SunSimError as error:
            log.warning("call.failed", code=error.code, problem=error.message)
            return self._ended(error.sip_status, error.code)
        except Exception:  # a fault of ours or of a step ends this call only, never the process
            log.exception("call.broken")
        return self._ended(_FAILED, "internal")

    def _ended(self, status: int, cause: str, who: str = "") -> CallEnd:
        """An end that is nobody's wish on the line: people talked, or the caller hears ``status``."""
        if self.record.answered_at is not None:
            return CallEnd(Outcome.ANSWERED, 200, "system", cause, who)
        return CallEnd(outcome_of(status), status, "system", cause, who)


def _nobody(plan: DialPlan) -> tuple[int, ...]:
    """The status of a plan in which nobody can ring: all talk, there is no such number, or neither."""
    reasons = {skipped.reason for skipped in plan.skipped}
    if SkipReason.BUSY in reasons:
        return (_BUSY,)
    return (_NOBODY_HAS_IT,) if reasons == {SkipReason.UNKNOWN} else ()
