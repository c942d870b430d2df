"""One call from its INVITE to its record.

Two things run at once: the *work* (``way``: route, dial, converse) and the wait for the caller to
leave. When the caller leaves first, the work is cancelled and everything that it started ends with it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import structlog

from core.call.conversation import Conversation
from core.call.early import CallerLeft
from core.call.ending import CANCELLED, FAILED, NOT_NOW, CallEnd, ended
from core.call.leg import Leg
from core.call.record import CallRecord
from core.call.recording import Captured
from core.call.state import CallState
from core.call.surroundings import Surroundings
from core.call.verbs import Verbs
from core.call.way import follow
from core.contracts import CallFacts, Cdr, Outcome, Ring, StepCode
from core.errors import SunSimError
from core.ports import MovableMediaSession
from core.sdp import PLAIN, Profile
from core.sip.session import Cancelled, Digit, Ended, Session, SessionEvent

__all__ = ["Call"]

log = structlog.get_logger(__name__)


class Call:
    """A call in progress; ``run`` returns its CDR when it is over."""

    def __init__(
        self,
        session: Session | None,
        record: CallRecord,
        *,
        media: MovableMediaSession,
        surroundings: Surroundings,
        limit: float | None = None,
        profile: Profile = PLAIN,
    ) -> None:
        """Without a ``session`` somebody asked for the call, and his telephones ring first.

        ``limit`` is the longest conversation in seconds; ``profile`` is how audio is offered to a
        caller who offers none.
        """
        self.record = record
        self._state = CallState(
            session,
            record,
            media,
            surroundings,
            limit=limit,
            profile=profile,
            on_media_failed=lambda: self.leave("media_lost"),
        )
        self.verbs = Verbs(self._state)
        if session is not None:
            session.listener = self._hear_caller

    @property
    def facts(self) -> CallFacts:
        """What was known of the call when it arrived."""
        return self.record.facts

    async def run(self) -> Cdr:
        """From the INVITE to the record. Never raises; a fault of ours ends the call with a 5xx."""
        state = self._state
        state.working = asyncio.create_task(follow(state, self.verbs))
        if state.gone.done():  # before the first step
            state.working.cancel()
        end = await self._settle(state.working)
        if state.heir is not None:
            state.heir.over(end.sip_status)
        self.verbs.close()
        if not state.caller.answered:
            taken = end.outcome is Outcome.ANSWERED  # by somebody else
            if not taken and not 400 <= end.sip_status < 700:  # a plugin's mistake
                end = end._replace(sip_status=FAILED)
            if state.session is not None:
                state.session.reject(CANCELLED if taken else end.sip_status)
            if end.outcome is not Outcome.CANCELLED:
                state.early.heard()
        await state.close()
        return self.record.finish(*end)

    def leave(self, cause: str, *, status: int = NOT_NOW, who: str = "") -> None:
        """End the call from outside its steps, whatever its state; who still waits hears ``status``."""
        self._state.legs.gone = cause
        self._state.leave(ended(self.record, status, cause, who))

    def media_lost(self, after: float = 0.0) -> None:
        """The media server forgot the call: ``after`` so many seconds its audio moves to another."""
        self._state.media.lost(after)

    def pause_recording(self, by: str = "") -> bool:
        """Leave out of the recording what is said now; whether anything is recorded."""
        return self._state.recorder.pause(by)

    def resume_recording(self) -> bool:
        """Record again; whether it was paused."""
        return self._state.recorder.resume()

    @property
    def captured(self) -> Captured | None:
        """What is written of it, if it is recorded now."""
        return self._state.recorder.captured

    def stop_recording(self, reason: str) -> None:
        """Record nothing of this call any more."""
        self._state.recorder.stop(reason)

    def talking(self) -> Mapping[str | None, Leg]:
        """The legs of the conversation by their names in the media session, if there is one."""
        talk = self._state.talk
        return {self._state.party(leg): leg for leg in talk.pair} if talk is not None else {}

    def ringing(self) -> tuple[Ring, ...]:
        """What rings now, for anybody to pick up; not telephones of who has yet to be the caller."""
        state = self._state
        there = state.session is not None or state.caller.answered
        return state.dialler.ringing() if there else ()

    def pick_up(self, ring: Ring, session: Session, profile: Profile) -> None:
        """Somebody who is not called takes the call, by an INVITE of his own; ``profile`` is how audio
        is offered to one that offers none."""
        self.record.add(StepCode.PICKED_UP, ring)
        self._state.dialler.take(ring, session, profile)

    def leg_of(self, session: Session | None) -> tuple[Conversation | None, Leg] | None:
        """The leg with this session and the conversation it is in, if it is one of the call's."""
        for leg in self._state.legs.named.values():
            if leg.session is session and not leg.gone:
                return self._state.talk, leg
        return None

    def transferable(self, session: Session) -> tuple[Conversation | CallState, Leg] | None:
        """In which conversation the party with this session is, or in which call of his it rings."""
        found, state = self.leg_of(session), self._state
        if found is None:
            return None
        talk, leg = found
        if talk is not None:
            return talk, leg
        return (state, leg) if leg is state.caller and state.dialler.ringing() else None

    async def received(self) -> Mapping[str | None, int]:
        """Packets from each party of the conversation that ought to send now."""
        return await self._state.media.received()

    def _hear_caller(self, event: SessionEvent) -> None:
        state = self._state
        if isinstance(event, Digit):
            state.keys.informed(state.caller, event)
        elif state.caller.answered:
            state.caller.hear(event)
        elif isinstance(event, Cancelled | Ended):
            state.caller_left(CallEnd(Outcome.CANCELLED, CANCELLED, "caller", event.reason))
        else:
            state.early.caller(event)

    async def _settle(self, work: asyncio.Task[CallEnd]) -> CallEnd:
        gone = self._state.gone
        try:
            end = await work
            if gone.done() and end is not self._state.end:  # a step did not mind being cancelled
                return gone.result()
            return end
        except asyncio.CancelledError:
            if gone.done():
                return gone.result()
            log.warning("call.cancelled")  # by a step, or by whoever runs the call
        except CallerLeft as left:
            return CallEnd(Outcome.CANCELLED, CANCELLED, "caller", str(left.fields["reason"]))
        except SunSimError as error:
            log.warning("call.failed", code=error.code, problem=error.message)
            return ended(self.record, error.sip_status, error.code)
        except Exception:  # a fault of ours or of a step ends this call only, never the process
            log.exception("call.broken")
        return ended(self.record, FAILED, "internal")
