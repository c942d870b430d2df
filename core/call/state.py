"""What the parts of one call share: who is in it, its audio, its record, and whether it is over.

``call`` lets it live and end, ``way`` leads it through its chain, ``verbs`` is what steps do with it,
``bridge`` joins its parties. None of them holds anything of the call that another one needs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from core.call.aftermath import Aftermath
from core.call.conversation import Side
from core.call.dialling import Dialler
from core.call.early import Early
from core.call.ending import UNAVAILABLE, CallEnd, farewell
from core.call.keys import Keys
from core.call.lasting import LastingMedia
from core.call.leg import Header, Leg
from core.call.playing import Playing
from core.call.record import CallRecord
from core.call.surroundings import Surroundings
from core.contracts import Direction, Options, Outcome, StepCode
from core.ports import MovableMediaSession
from core.sdp import PLAIN, Profile
from core.sip.session import Session

__all__ = ["CallState"]


class CallState:
    """One call: ``leave`` ends it, ``go_on`` stops whoever minds no cancellation."""

    def __init__(
        self,
        session: Session,
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
        self.caller = Leg("caller")
        self.caller.session = session
        self.media = LastingMedia(
            media,
            self.caller,
            lambda name: self.dialler.legs[name],
            on_moved=self._media_moved,
            on_failed=on_media_failed,
        )
        self.keys = Keys(self.caller, self.media)
        self.gone: asyncio.Future[CallEnd] = asyncio.get_running_loop().create_future()
        self.playing = Playing(self.media, self.gone.done)
        follows = record.facts.direction is Direction.OUTGOING
        self.early = Early(self.caller, self.media, follows=follows, profile=profile)
        self.dialler = Dialler(self.media, surroundings, record, self.early.callee)
        self.working: asyncio.Task[CallEnd] | None = None
        self.line: Side | None = None  # a caller whom we have answered, and nobody else yet
        self.conversation: Mapping[str | None, Leg] = {}
        self.parted = False  # whoever talked with the caller has seen to his end
        self.end: CallEnd | None = None  # once a step has settled the call
        self.fallback = CallEnd(Outcome.NO_ANSWER, UNAVAILABLE, "system")

    def leave(self, end: CallEnd) -> None:
        """It is over, whatever its steps are at; the first end counts."""
        if not self.gone.done():
            self.gone.set_result(end)
            if self.working is not None:
                self.working.cancel()

    def go_on(self) -> None:
        """A step that minds no cancellation must do nothing more for a caller who is gone."""
        if self.gone.done():
            raise asyncio.CancelledError

    def why(self) -> Header | None:
        """What the parties are told of an end from outside."""
        return farewell(self.gone.result() if self.gone.done() else None)

    def _media_moved(self, seconds: float) -> None:
        self.record.add(StepCode.MEDIA_MOVED, seconds=round(seconds, 2))
        self.surroundings.moved()
