"""What the steps of a chain can do with a call: ``core.contributions.CallVerbs``, and ours with it."""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import partial
from uuid import UUID

import structlog

from core.call.bridge import connect
from core.call.dialling import Answer
from core.call.ending import UNAVAILABLE, CallEnd, unanswered
from core.call.message import take_message
from core.call.record import outcome_of
from core.call.ringing import planned, ring
from core.call.state import CallState
from core.contracts import (
    CallFacts,
    Decision,
    Dial,
    DialMode,
    DialPlan,
    Executor,
    ExtensionList,
    Line,
    Menu,
    Par,
    Ring,
    Seq,
    SkipReason,
    StepCode,
    TaskKind,
    Tenant,
)
from core.library import Prompt, media_id, sequence

__all__ = ["Verbs"]

log = structlog.get_logger(__name__)


class Verbs:
    """Implements ``CallVerbs`` on one call."""

    def __init__(self, state: CallState) -> None:
        self._state = state
        self._queued: float | None = None  # since when the caller waits
        self._shown: tuple[float, str, int] = (0.0, "", 0)  # what the board shows of it
        self._watches: list[Callable[[], None]] = []

    def close(self) -> None:
        """The call is over: it waits for nobody, whatever its steps left behind."""
        if self._queued is not None:
            self.left_queue("hung_up", 0)
        for end in self._watches:
            end()

    @property
    def tenant(self) -> Tenant:
        """Whose call it is."""
        return self._state.surroundings.tenant

    @property
    def facts(self) -> CallFacts:
        """What was known of the call when it arrived."""
        return self._state.record.facts

    @property
    def decision(self) -> Decision | None:
        """The branch that handles the call."""
        return self._state.record.decision

    @property
    def talking(self) -> bool:
        """Whether somebody has answered."""
        return self._state.record.answered_at is not None

    @property
    def joining(self) -> bool:
        """Whether somebody has answered, be it that he has yet to be joined with the caller."""
        return self._state.joining

    async def key(self) -> str:
        """The next key that the caller presses: ``0-9*#A-D``. Those of a conversation count, too."""
        self._state.go_on()
        key = await self._state.keys.next()
        self._state.record.add(StepCode.PRESSED, key=key)
        return key

    def forget_keys(self) -> None:
        """Keys that were pressed before, on another occasion, are not meant."""
        self._state.keys.forget()

    def menu(self, menu_id: UUID) -> Menu | None:
        """A voice menu of the company, as it was when the call came."""
        menus = self._state.surroundings.snapshot.menus
        return next((each for each in menus if each.id == menu_id), None)

    def extension_list(self, list_id: UUID) -> ExtensionList | None:
        """An extension list of the company."""
        lists = self._state.surroundings.snapshot.extension_lists
        return next((each for each in lists if each.id == list_id), None)

    def dialable(self, numbers: Collection[str] | None = None) -> frozenset[str]:
        """The extensions that a caller may dial, all or of these (EXT-03, EXT-06)."""
        return self._state.surroundings.dialable(numbers)

    async def answer(self) -> None:
        """Answer the caller, whom nobody has answered yet, to speak to him."""
        state = self._state
        state.go_on()
        if state.caller.answered:
            return
        await state.media.whole()
        await state.early.answer_now()
        state.wait()

    async def play(self, media: UUID | Prompt, number: int | None = None) -> None:
        """Answer the caller and let him hear a media to its end; one that is gone is passed over.

        Cancelled, it falls silent at once.
        """
        state = self._state
        state.go_on()
        around = state.surroundings
        wanted = sequence(media, number, around.snapshot.language)
        clips = [clip for each in wanted if (clip := await around.clip(each)) is not None]
        if not clips:
            return
        await self.answer()
        state.record.add(StepCode.PLAYED, media=str(wanted[0]))
        await state.playing.whole(*clips)

    async def music(self, media: UUID | None = None) -> None:
        """Answer the caller and let him hear a media again and again, else the melody of the branch,
        else what the library has, else the ringback tone."""
        state, around = self._state, self._state.surroundings
        state.go_on()
        await self.answer()
        clip = None
        for each in (media, state.options.melody, media_id(Prompt.HOLD_MUSIC)):
            if each is not None and clip is None:
                clip = await around.clip(each)
                if clip is not None and each is media:
                    state.record.add(StepCode.PLAYED, media=str(media))
        await state.playing.background(clip or around.ringback())

    async def silence(self) -> None:
        """No more music."""
        self._state.go_on()
        await self._state.playing.background(None)

    def whom(self, step: Dial) -> DialPlan:
        """Who could ring for a step at this moment."""
        return self._state.surroundings.foreseen(step, self._state.record)

    def watch(self, changed: Callable[[], None]) -> Callable[[], None]:
        """Have ``changed`` called whenever somebody may have become free."""
        self._state.go_on()
        end = self._state.surroundings.watch(changed)
        self._watches.append(end)
        return end

    def queued(self, queue: str, place: int, priority: int = 0, *, ago: float = 0.0) -> None:
        """Record and live board say that the caller waits."""
        state = self._state
        state.go_on()
        at = state.record.add(StepCode.QUEUED, place=place)
        self._queued, self._shown = at, (at - ago, queue, priority)
        state.surroundings.queued(state.record, *self._shown)

    def left_queue(self, reason: str, place: int) -> None:
        """The caller waits no more, be it that he is gone."""
        record, queued, self._queued = self._state.record, self._queued, None
        waited = 0 if queued is None else round(record.now() - queued, 1)
        record.add(StepCode.LEFT_QUEUE, reason=reason, seconds=waited, place=place)
        self._state.surroundings.left_queue(record)

    async def dial(
        self, step: Dial, *, only: Collection[str] | None = None, seconds: float | None = None
    ) -> bool:
        """Ring, and talk to the end of the conversation if somebody answers; whether one did."""
        state = self._state
        state.go_on()
        if state.end is not None:  # the call is settled
            return True
        plan = planned(state, step, only)
        longest = step.ring_seconds if seconds is None else seconds
        absent = _absent(step, plan) if plan.skipped and only is None else ()
        stop: Callable[[], None] | None = None
        try:
            await self._begin_music(plan)
            if absent:
                stop = state.surroundings.expect(absent, partial(self._came, step))
            try:
                result = await ring(state, plan, longest, grows=bool(absent) or only is not None)
            finally:
                if stop is not None:
                    stop()
            if isinstance(result, Answer):
                state.end = await connect(state, result)
                return True
        finally:
            await state.playing.silence()
        await state.legs.release()
        state.fallback = unanswered(self.facts, result.statuses)
        if self._queued is not None:
            state.surroundings.queued(state.record, *self._shown)
        else:
            state.surroundings.rang_out(state.record)
        return False

    def dial_also(self, step: Dial, only: Collection[str]) -> bool:
        """Have these ring as well while those of ``dial`` do; whether anybody of them does. Others than
        the call's own task may ask for it, so a caller who is gone is no cancellation here."""
        state = self._state
        if state.gone.done():
            return False
        plan = state.surroundings.plan(step, state.record, only)
        return plan.root is not None and state.dialler.also(plan.root)

    def _came(self, step: Dial, line: Line) -> None:
        """A line that was passed over has a phone now, which rings with the others."""
        state = self._state
        ringing = {ring.address for ring in state.dialler.ringing()}
        if not ringing or line.login in ringing:
            return
        root = state.surroundings.plan(step, state.record, {str(line.employee_id)}).root
        for each in root.items if isinstance(root, Par) else (root,):
            if isinstance(each, Ring) and each.address == line.login:
                state.dialler.also(each)

    def hang_up(self, sip_status: int = UNAVAILABLE) -> None:
        """Settle the call; ``sip_status`` is what a caller hears who was not answered."""
        self._state.go_on()
        self._state.end = CallEnd(outcome_of(sip_status), sip_status, "system")

    async def record_message(
        self, executor: Executor | None = None, *, seconds: float = 180, silence: float = 6
    ) -> bool:
        """Have the caller leave a voice message; whether he said anything."""
        self._state.go_on()
        await self.answer()
        return await take_message(self._state, self, executor, seconds=seconds, silence=silence)

    def request_task(
        self, kind: TaskKind, executor: Executor | None, *, recording: UUID | None = None
    ) -> None:
        """Ask for a task of this call, which is made once the call is over."""
        self._state.go_on()
        self._state.aftermath.request(kind, executor, recording)

    async def _begin_music(self, plan: DialPlan) -> None:
        """What the caller hears of us while somebody rings: the melody (OPT-02), before the answer if
        he can. Who is answered hears the ringback tone if there is none."""
        state = self._state
        if plan.root is None:
            return
        melody = await state.surroundings.clip(state.options.melody)
        if melody is not None:
            await state.media.whole()
            if await state.early.sounds() and await state.playing.music(melody):
                return
        if state.early.heard_us:
            await state.playing.music(state.surroundings.ringback())


def _absent(step: Dial, plan: DialPlan) -> tuple[UUID, ...]:
    """The lines without a phone that would ring at once with the others. Where people are tried in
    turn, the personal manager first among them, nobody who comes late is rung before his turn."""
    if step.mode is not DialMode.PARALLEL or plan.root is None or isinstance(plan.root, Seq):
        return ()
    found = (each for each in plan.skipped if each.reason is SkipReason.NOT_REGISTERED)
    return tuple(each.terminal_id for each in found if each.terminal_id is not None)
