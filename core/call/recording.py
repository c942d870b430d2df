"""What is recorded of one call: conversations by the truth table (``core.routing.recording``), and
messages that callers leave.

Nothing here makes anybody wait, and nothing ends a call: the media server is asked in the background,
one thing after the other, and what it does not do is a step of the call's log, a line in ours and a
figure in the metrics. A *part* of a recording lasts as long as the same parties are recorded by the
same server.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple, Protocol
from uuid import UUID

import structlog
from msgspec.structs import replace

from core import sdp
from core.background import end
from core.call.record import CallRecord
from core.call.surroundings import Surroundings
from core.contracts import Direction, Options, StepCode
from core.errors import MediaRefused, MediaUnavailable
from core.ids import new_id
from core.ports import Loudness, MediaSession, RecordingRoom
from core.recordings import CallRecording, Channel, Part, RecordingKind, Track

__all__ = ["CALLER", "DISK_FULL", "Captured", "Recorded", "Recorder", "RoomWatch"]

log = structlog.get_logger(__name__)

CALLER = "caller"
"""What the caller is called among the parties."""

DISK_FULL = "disk_full"
_PAUSED = "paused"
_NOT_RECORDED = "not_recorded"
_NOT_ANNOUNCED = "not_announced"
_NOTHING_SAID = "nothing_said"
_FLOODED = "flooded"
_GLANCE = 5.0  # seconds
_NEEDED, _BEARABLE = 2 * 25_000, 2 * 75_000
"""Bytes in a second of two sides: of G.711 and G.722 in packets of 10 ms and more, and of anything."""
_MARGIN = 2 << 20


class Captured(NamedTuple):
    """How the names of a call's files begin, and for how many seconds they were written to."""

    source: str
    seconds: float


class Recorder:
    """Of one call. Parties are named as in the media session."""

    def __init__(self, media: MediaSession, record: CallRecord, surroundings: Surroundings) -> None:
        self._media = media
        self._record = record
        self._surroundings = surroundings
        self._kept: dict[RecordingKind, CallRecording] = {}
        self._kind: RecordingKind | None = None  # what goes on now is to be recorded as this,
        self._never = ""  # unless this says why not, for good,
        self._unannounced = False  # or, of conversations, nobody was told of it
        self._paused = False  # or it is to be left out
        self._employees: set[UUID | None] = set()
        self._since: float | None = None  # the server records, or is about to
        self._seconds = 0.0  # it did before
        self._parties: dict[str, Channel] = {}
        self._running = False  # the server records
        self._part: Part | None = None  # the present one; its end is not known yet
        self._asking: asyncio.Task[None] | None = None
        self._closed = False

    # --- what happens in the call ---------------------------------------------------------------

    def joined(self, options: Options, parties: Mapping[str, UUID | None]) -> None:
        """These two talk from now on, with the employees they are; ``options`` are the branch's."""
        self._cut()
        employees: set[UUID | None] = {key for key in parties.values() if key is not None}
        if employees != self._employees:  # a pause was the other one's
            self._paused = False
        self._employees = employees
        wanted = self._surroundings.records(self._record, options, employees or {None})
        self._kind = RecordingKind.CONVERSATION if wanted else None
        client = self._client(parties)
        self._parties = {
            name: Channel.CLIENT if name == client else Channel.EMPLOYEE for name in parties
        }
        self._match()

    def parted(self) -> None:
        """They talk no more, whatever comes next."""
        self._cut()
        self._kind = None
        self._match()

    def moved(self) -> None:
        """Another media server has the audio: it records a part of its own."""
        self._cut()
        self._running = False
        self._rest()
        self._match()

    def pause(self, by: str = "") -> bool:
        """Leave out what is said now, if it is recorded; ``by`` is who wants it, for the log."""
        if self._kind is not RecordingKind.CONVERSATION or not self._wanted:
            return False
        self._paused = True
        self._record.add(StepCode.NOT_RECORDING, reason=_PAUSED, by=by)
        self._cut()
        self._match()
        return True

    def resume(self) -> bool:
        """Record again; whether it was paused."""
        if not self._paused or self._never:
            return False
        self._paused = False
        self._match()
        return True

    @property
    def paused(self) -> bool:
        """Whether a recording goes on after ``resume`` only."""
        return self._paused

    @property
    def captured(self) -> Captured | None:
        """What the server has written since it began, if it records now."""
        if self._since is None:
            return None
        return Captured(self._media.recorded_as, self._seconds + self._record.now() - self._since)

    def unannounced(self) -> None:
        """Nobody could be told of it: no conversation is recorded. A message needs no telling."""
        self._unannounced = True
        self._record.add(StepCode.NOT_RECORDING, reason=_NOT_ANNOUNCED)
        self._surroundings.recorded(_NOT_ANNOUNCED)
        self._cut()
        self._match()

    def stop(self, reason: str) -> None:
        """Record nothing any more."""
        if not self._never:
            self._never = reason
            self._record.add(StepCode.NOT_RECORDING, reason=reason)
            self._surroundings.recorded(reason)
            self._cut()
            self._match()

    # --- messages -------------------------------------------------------------------------------

    async def begin_message(self) -> bool:
        """Record the caller alone from now on; whether that works."""
        self._cut()
        self._kind = RecordingKind.MESSAGE
        self._parties = {CALLER: Channel.CLIENT}
        self._match()
        await self.settled()
        return self._part is not None

    async def settled(self) -> None:
        """Wait until the server does what is wanted, or said no."""
        while self._asking is not None:
            await asyncio.wait({self._asking})

    async def loudness(self) -> Loudness:
        """How loud the caller was since. What another server does not record yet may well be loud."""
        heard = await self._media.loudness()
        if self._never:
            return heard
        since = self._record.now() if self._part is None else self._part.started_at
        return heard._replace(last=max(heard.last or 0.0, since))

    def end_message(self, *, keep: bool) -> UUID | None:
        """He has said what he wanted; the id of what was recorded, if anything was. What several
        servers recorded is kept at any rate."""
        self.parted()
        made = self._kept.get(RecordingKind.MESSAGE)
        if made is not None and not keep and len(made.parts) == 1:
            del self._kept[RecordingKind.MESSAGE]
            self._record.add(StepCode.NOT_RECORDING, reason=_NOTHING_SAID)
            return None
        return made.id if made is not None else None

    # --- the end --------------------------------------------------------------------------------

    def close(self) -> None:
        """The call is over: what was recorded goes into its record. The server stops by itself."""
        self._cut()
        self._kind = None
        self._closed = True
        self._rest()
        if self._asking is not None:
            self._asking.cancel()
        self._record.recordings = list(self._kept.values())

    # --- inside ---------------------------------------------------------------------------------

    @property
    def _wanted(self) -> bool:
        if self._kind is None or self._never:
            return False
        return self._kind is RecordingKind.MESSAGE or not (self._unannounced or self._paused)

    def _match(self) -> None:
        """Have the server do what is wanted."""
        if self._closed:
            return
        if self._wanted and self._running:  # other parties, at once
            self._begin()
        elif self._wanted is not self._running and self._asking is None:
            self._asking = asyncio.create_task(self._ask())
            self._asking.add_done_callback(self._asked)

    def _asked(self, asking: asyncio.Task[None]) -> None:
        self._asking = None
        if not asking.cancelled() and (error := asking.exception()):
            log.error("call.recording_broken", exc_info=error)
            self._never = _NOT_RECORDED
        self._match()

    async def _ask(self) -> None:
        if not self._wanted:
            self._running = False
            self._rest()
            try:
                await self._media.unrecord()
            except MediaUnavailable as error:  # what is written all the same belongs to no part
                log.warning("call.recording_not_stopped", code=error.code)
            return
        refused = await self._surroundings.recordable()
        if refused:
            self.stop(refused)
            return
        try:
            await self._media.record()
        except MediaUnavailable as error:
            log.warning("call.not_recorded", code=error.code)
            self.stop(_NOT_RECORDED)
            return
        self._running = True
        self._since = self._record.now()
        if self._wanted:
            self._begin()

    def _rest(self) -> None:
        """The server writes no more."""
        if self._since is not None:
            self._seconds += self._record.now() - self._since
            self._since = None

    def _begin(self) -> None:
        """A part begins, where somebody is heard whom we know how to find."""
        if self._part is not None or self._kind is None:
            return
        found = (self._track(name, channel) for name, channel in self._parties.items())
        tracks = tuple(track for track in found if track is not None)
        at = self._record.add(StepCode.RECORDING, kind=self._kind)
        self._part = Part(at, at, tracks)
        self._surroundings.recorded("started")

    def _cut(self) -> None:
        """The present part is over."""
        part, self._part = self._part, None
        if part is None or self._kind is None:
            return
        part = replace(part, ended_at=self._record.now())
        made = self._kept.get(self._kind) or CallRecording(
            new_id(), self._kind, self._media.recorded_as, ()
        )
        self._kept[self._kind] = replace(made, parts=(*made.parts, part))

    def _client(self, parties: Mapping[str, UUID | None]) -> str:
        """Who is on the left: the client; of two of the company who has called."""
        outside = [name for name, employee in parties.items() if employee is None]
        if self._record.facts.direction is Direction.INCOMING or CALLER in outside or not outside:
            return CALLER if CALLER in parties else next(iter(parties))
        return outside[0]

    def _track(self, name: str, channel: Channel) -> Track | None:
        """Where and how a party speaks to the server: as our last body told it to."""
        body = self._media.sent(name)
        try:
            port = sdp.connection(body)[1]
            codecs = {each.payload: f"{each.name}/{each.rate}" for each in sdp.formats(body)}
        except MediaRefused:
            return None
        return Track(channel, port, codecs)


class Recorded(Protocol):
    """A call, as far as its recording can be stopped."""

    @property
    def captured(self) -> Captured | None:
        """What is written of it, if it is recorded now."""
        ...

    def stop_recording(self, reason: str) -> None:
        """Record nothing of it any more."""
        ...


class RoomWatch:
    """Stops recordings when there is too little space for them: first of the calls of which more is
    written than anybody can say, then all. A flood is stopped at any rate. Calls go on."""

    def __init__(self, room: RecordingRoom, calls: Callable[[], Iterable[Recorded]]) -> None:
        self._room = room
        self._calls = calls
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin."""
        self._task = asyncio.create_task(self._keep(), name="recording-room")

    async def stop(self) -> None:
        """End."""
        await end(self._task)

    async def _keep(self) -> None:
        while True:
            await asyncio.sleep(_GLANCE)
            try:
                await self.look()
            except OSError as error:  # a folder that is away has no room; looked at again
                log.warning("recording.room_unknown", problem=str(error))

    async def look(self) -> None:
        """Stop what need be."""
        calls = [(call, captured) for call in self._calls() if (captured := call.captured)]
        written = await self._room.look([captured.source for _, captured in calls])
        full = self._room.full()
        bound = _NEEDED if full else _BEARABLE
        floods = [
            call
            for call, captured in calls
            if written.get(captured.source, 0) > captured.seconds * bound + _MARGIN
        ]
        for call in floods:
            call.stop_recording(_FLOODED)
        if full and not floods:
            for each in self._calls():
                each.stop_recording(DISK_FULL)
