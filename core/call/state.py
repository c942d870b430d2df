"""What the parts of one call share: who is in it, its audio, its record, and whether it is over.

``call`` lets it live and end, ``way`` leads it through its chain, ``verbs`` is what steps do with it,
``bridge`` joins its parties. None of them holds anything of the call that another one needs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

import structlog

from core.call.aftermath import Aftermath
from core.call.dialling import Dialler
from core.call.early import Early
from core.call.ending import CANCELLED, FAILED, UNAVAILABLE, CallEnd, ended, farewell
from core.call.keys import Keys
from core.call.lasting import LastingMedia
from core.call.leg import Header, Leg
from core.call.legs import Legs
from core.call.playing import Playing
from core.call.record import CallRecord
from core.call.recording import Recorder
from core.call.side import Left, Side
from core.call.surroundings import Surroundings
from core.contracts import Direction, Options, Outcome, StepCode
from core.ports import MovableMediaSession
from core.sdp import PLAIN, Profile
from core.sip.session import Session

if TYPE_CHECKING:
    from core.call.conversation import Conversation
    from core.call.semiattended import Heir

__all__ = ["CallState"]

log = structlog.get_logger(__name__)


class CallState:
    """One call: ``leave`` ends it, ``go_on`` stops whoever minds no cancellation."""

    def __init__(
        self,
        session: Session | None,
        record: CallRecord,
        media: MovableMediaSession,
        surroundings: Surroundings,
        *,
        limit: float | None = None,
        profile: Profile = PLAIN,
        on_media_failed: Callable[[], None],
    ) -> None:
        """As for ``Call``."""
        self.record = record
        self.surroundings = surroundings
        self.aftermath = Aftermath(record, surroundings)
        self.limit = limit
        self.options = Options()  # of the chain
        self.session = session
        facts = record.facts
        incoming = facts.direction is Direction.INCOMING
        self.caller = Leg(
            "caller",
            surroundings.ring_of(facts.terminal_id, facts.employee_id, facts.caller),
            facts.trunk_id if incoming else None,
            by="caller",
        )
        self.caller.session = session
        legs = {self.caller.name: self.caller}
        self.media = LastingMedia(
            media,
            self.caller,
            legs.__getitem__,
            on_moved=self._media_moved,
            on_failed=on_media_failed,
        )
        self.recorder = Recorder(self.media, record, surroundings)
        self.keys = Keys(self.caller, self.media)
        self.gone: asyncio.Future[CallEnd] = asyncio.get_running_loop().create_future()
        self.playing = Playing(self.media, self.gone.done)
        follows = facts.direction is Direction.OUTGOING
        self.early = Early(self.caller, self.media, follows=follows, profile=profile)
        self.legs = Legs(legs, self.media)
        self.dialler = Dialler(self.media, surroundings, record, self.legs, self.early.callee)
        self.working: asyncio.Task[CallEnd] | None = None
        self.line: Side | None = None  # a caller whom we have answered, and nobody else yet
        self.joining = False  # somebody answered and is being joined with the caller
        self.talk: Conversation | None = None
        self.heir: Heir | None = None  # who is to have whoever answers
        self.end: CallEnd | None = None  # once a step has settled the call
        self.fallback = CallEnd(Outcome.NO_ANSWER, UNAVAILABLE, "system")

    def leave(self, end: CallEnd) -> None:
        """It is over, whatever its steps are at; the first end counts."""
        if not self.gone.done():
            self.gone.set_result(end)
            if self.working is not None:
                self.working.cancel()

    async def close(self) -> None:
        """Whatever was going on ends, and the ports are free.

        What the parts of a call hear of each other makes circles of references, which would stay until
        the collector comes by. They are undone here: a call that is over is gone at once.
        """
        self.early.close()
        self.keys.close()
        self.legs.end(self.why())
        if self.line is not None:
            self.line.close()
        self.recorder.close()
        await self.media.close()
        self.aftermath.close()
        self.working = self.line = self.talk = self.heir = None

    def caller_left(self, end: CallEnd) -> None:
        """The caller hung up before anybody was there; that ends it unless it was left to somebody."""
        if self.heir is None:
            self.leave(end)

    def go_on(self) -> None:
        """A step that minds no cancellation must do nothing more for a caller who is gone."""
        if self.gone.done():
            raise asyncio.CancelledError

    def why(self) -> Header | None:
        """What the parties are told of an end from outside."""
        return farewell(self.gone.result() if self.gone.done() else None)

    def begins_with(self, leg: Leg) -> None:
        """A leg that we called is the caller's, who waits now for whoever is called for him."""
        leg.by = self.caller.by
        self.caller = leg
        self.early.caller_is(leg)
        self.keys.caller_is(leg)
        self.wait()

    def wait(self) -> None:
        """The caller is answered and talks to nobody yet: should he hang up, the call is over."""
        self.line = Side(self.caller, self.media, self._hung_up)

    def _hung_up(self, left: asyncio.Future[Left]) -> None:
        """The caller left us, who had answered him; nobody of the company has spoken with him."""
        if error := left.exception():
            log.error("call.broken", exc_info=error)
            self.leave(ended(self.record, FAILED, "internal"))
            return
        by, cause = left.result()
        self.caller_left(CallEnd(Outcome.CANCELLED, CANCELLED, by, cause))

    def party(self, leg: Leg) -> str | None:
        """What the media session calls a leg now."""
        return None if leg is self.media.middle else leg.name

    def _media_moved(self, seconds: float) -> None:
        self.record.add(StepCode.MEDIA_MOVED, seconds=round(seconds, 2))
        self.surroundings.moved()
        self.recorder.moved()
