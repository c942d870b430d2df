"""Where calls begin and end: every INVITE that is let in becomes a call, every call leaves a record.

The switchboard knows the calls of this moment, how many a terminal has and how many go outside, and
is the one place that stops them all. It is called from the loop by the SIP endpoint.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable
from functools import partial
from uuid import UUID

import structlog
from msgspec.structs import replace
from structlog.contextvars import bind_contextvars

from core import routing
from core.call.call import Call
from core.call.channels import Channel
from core.call.context import CallContext
from core.call.encryption import profile_for
from core.call.facts import called_number, dialled_by, from_company, from_outside, user_of
from core.call.joining import Joining
from core.call.moment import Moment
from core.call.placing import Placing
from core.call.record import CallRecord
from core.contracts import (
    CallFacts,
    Cdr,
    Direction,
    Encryption,
    Line,
    Snapshot,
    Trunk,
)
from core.features import Feature, dialled
from core.host import Host
from core.ports import (
    CallStore,
    Clock,
    EventSink,
    LiveBoard,
    MediaServer,
    RecordingRoom,
    Sounds,
    TenantDirectory,
)
from core.sdp import PLAIN, Profile
from core.settings import SipSettings
from core.sip._wire import Message
from core.sip.endpoint import Endpoint
from core.sip.identity import FromLine, FromTrunk, Origin
from core.sip.session import Session
from core.sip.tap import Owner
from core.trunk.board import TrunkBoard
from core.trunk.caller import Caller, caller_of, hides

__all__ = ["Switchboard"]

log = structlog.get_logger(__name__)

_NOT_FOUND = 404
_INCOMPLETE = 484
_OVERLOADED = 503
_DECLINED = 603
_HOPS = 70  # of a call that comes from nowhere (RFC 3261 §8.1.1.6)
_RETRY_AFTER = ("Retry-After", "5")

# Seconds from one call to the next when many lost their media server, and for all of them.
_BETWEEN_MOVES = 0.005
_ALL_MOVES = 1.5

# Seconds, within those that a process has to close.
_LAST_RECORDS = 6.0
_FAREWELL = 1.0
_GLANCE = 0.02


class Switchboard:
    """All calls of this process."""

    def __init__(
        self,
        *,
        settings: SipSettings,
        directory: TenantDirectory,
        media: MediaServer,
        store: CallStore,
        board: LiveBoard,
        host: Host,
        publish: EventSink,
        clock: Clock,
        trunks: TrunkBoard | None = None,
        sounds: Sounds | None = None,
        room: RecordingRoom | None = None,
    ) -> None:
        """``trunks`` knows which carriers work; without it all do. Without ``sounds`` nothing is
        played."""
        self.endpoint: Endpoint | None = None
        self.rejected: Counter[str] = Counter()
        self.finished: Counter[str] = Counter()
        self.lost_media = 0
        self._settings = settings
        self._directory = directory
        self._media = media
        self._store = store
        self._host = host
        self._clock = clock
        self._trunks = trunks or TrunkBoard()
        self._sounds = sounds
        self._room = room
        self._calls: dict[UUID, Call] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._compiled = routing.Compilations()
        self._joining = Joining(
            self._reached, self.present, self._reject, keys_in_clear=settings.keys_in_clear
        )
        self.moment = Moment(
            board=board,
            publish=publish,
            clock=clock,
            directory=directory,
            registered=self._registered,
        )
        self._draining = False

    # --- what the endpoint calls -------------------------------------------------------------------

    def on_invite(self, session: Session, origin: Origin) -> None:
        """A new INVITE of a known origin: let it in as a call or answer why not."""
        request = session.request
        assert request is not None, "an inbound session has its INVITE"
        if self._draining or len(self._calls) >= self._settings.max_calls:
            reason = "draining" if self._draining else "overload"
            self._reject(session, _OVERLOADED, reason, _RETRY_AFTER)
            return
        if session.replaced is not None:
            self._joining.replace(session, origin, session.replaced)
        elif isinstance(origin, FromTrunk):
            self._from_trunk(session, request, origin.trunk)
        else:
            self._from_line(session, request, origin.line)

    def media_lost(self, calls: Iterable[UUID]) -> None:
        """Their media server died, so that nobody hears anything: they move to another, in turn."""
        lost = [self._calls[call_id] for call_id in calls if call_id in self._calls]
        self.lost_media += len(lost)
        gap = min(_BETWEEN_MOVES, _ALL_MOVES / max(len(lost), 1))
        for number, call in enumerate(lost):
            call.media_lost(number * gap)

    def hang_up(self, tenant_id: UUID, call_id: UUID, who: str) -> bool:
        """End a call because somebody outside of it wants so; whether this company has it here."""
        call = self._calls.get(call_id)
        if call is None or call.facts.tenant_id != tenant_id:
            return False
        call.leave("hung_up", status=_DECLINED, who=who)
        return True

    def pause_recording(self, tenant_id: UUID, call_id: UUID, paused: bool, who: str) -> bool | None:
        """Pause what is recorded of a call, or go on; whether that changed anything, ``None`` if this
        company does not have it here."""
        call = self._calls.get(call_id)
        if call is None or call.facts.tenant_id != tenant_id:
            return None
        return call.pause_recording(who) if paused else call.resume_recording()

    def drain(self) -> None:
        """Take no further calls: their callers hear 503 and may try elsewhere."""
        self._draining = True

    async def accepting(self) -> bool:
        """Whether calls are taken, for readiness."""
        return not self._draining

    async def stop(self) -> None:
        """End every call; wait until their records are stored and the phones know it."""
        self.drain()
        for call in self.present():
            call.leave("shutdown")
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=_LAST_RECORDS)
        # A BYE may need to be sent again, and a CANCEL waits for a first answer.
        for _ in range(round(_FAREWELL / _GLANCE)):
            if self.endpoint is None or not self.endpoint.sessions:
                break
            await asyncio.sleep(_GLANCE)

    # --- the moment ----------------------------------------------------------------------------------

    def present(self) -> list[Call]:
        """The calls of this moment."""
        return list(self._calls.values())

    @property
    def calls(self) -> int:
        """How many calls there are now."""
        return len(self._calls)

    def tenant_of(self, request: Message, origin: Origin) -> UUID | None:
        """Whose call a request begins."""
        if isinstance(origin, FromLine):
            return origin.line.tenant_id
        number = called_number(request, origin.trunk)
        found = self._directory.number(number) if number else None
        return found[0].tenant_id if found else None

    def _registered(self, login: str) -> bool:
        assert self.endpoint is not None
        return bool(self.endpoint.contacts(login))

    def _reached(self) -> Endpoint:
        assert self.endpoint is not None, "it is there before any call"
        return self.endpoint

    def _keep(self, task: asyncio.Task[None]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # --- a call begins -------------------------------------------------------------------------------

    def _from_trunk(self, session: Session, request: Message, trunk: Trunk) -> None:
        number = called_number(request, trunk)
        found = self._directory.number(number) if number else None
        if found is None:
            log.info("call.unknown_number", trunk=trunk.name)
            self._reject(session, _NOT_FOUND, "unknown_number")
            return
        if self._trunks.full(trunk):  # without Retry-After: the carrier may try elsewhere at once
            self._reject(session, _OVERLOADED, "trunk_full")
            return
        snapshot, owned = found
        session.account = trunk.account
        caller = caller_of(request, trunk)
        regions = self._directory.regions(caller.number)
        contact = self._directory.contact(snapshot.tenant_id, caller.number)
        facts = from_outside(caller, trunk, snapshot, owned, regions, contact)
        channel = self._begin(session, facts, snapshot, caller)
        self._trunks.take(trunk)
        session.on_close = partial(self._carried, trunk, channel and channel.hold())

    def _from_line(self, session: Session, request: Message, line: Line) -> None:
        snapshot = self._directory.snapshot(line.tenant_id)
        wanted = dialled(snapshot.feature_codes, user_of(request.uri)) if snapshot else None
        if snapshot is not None and wanted is not None and wanted[0] is Feature.PICKUP:
            self._joining.pick_up(session, line, snapshot, wanted[1])
            return
        facts = from_company(request, line, snapshot) if snapshot else None
        if snapshot is None or facts is None:
            self._reject(session, _INCOMPLETE, "not_a_number")
            return
        caller = Caller(hidden=hides(request))
        self._begin(session, facts, snapshot, caller, line.encryption)

    def call_for(self, tenant_id: UUID, call_id: UUID, employee_id: UUID, number: str) -> bool:
        """Connect an employee with an extension or a number, his telephones first; whether calls of
        this company are made here now."""
        snapshot = self._directory.snapshot(tenant_id)
        facts = dialled_by(snapshot, employee_id, None, number) if snapshot else None
        if self._draining or len(self._calls) >= self._settings.max_calls:
            return False
        if snapshot is None or facts is None:
            return False
        self._begin(None, replace(facts, call_id=call_id), snapshot, Caller())
        return True

    def _begin(
        self,
        session: Session | None,
        facts: CallFacts,
        snapshot: Snapshot,
        caller: Caller,
        encryption: Encryption = Encryption.NONE,
    ) -> Channel | None:
        """Let it run; the channel of the company that it takes, if it is one with the outside."""
        endpoint = self.endpoint
        assert endpoint is not None
        profile: Profile | None = PLAIN
        if session is not None:
            keys_in_clear = self._settings.keys_in_clear
            profile = profile_for(session, encryption, keys_in_clear=keys_in_clear)
        direction, channels = facts.direction, self.moment.channels
        outgoing, external = channels.outgoing(facts.tenant_id), channels.external(facts.tenant_id)
        channel = None
        if direction is not Direction.INTERNAL:
            channel = channels.take(facts.tenant_id, direction)
        if session is not None:
            endpoint.tap.bind(session.request.call_id, Owner(facts.call_id, facts.tenant_id))
        call = Call(
            session,
            CallRecord(facts, self._clock, snapshot.hash),
            media=self._media.session(facts.call_id),
            surroundings=CallContext(
                self.moment,
                settings=self._settings,
                usable=profile is not None,
                outgoing=outgoing,
                external=external,
                channel=channel,
                snapshot=snapshot,
                compiled=self._compiled.of(snapshot),
                present=lambda: self._present(snapshot),
                hooks=self._host.for_tenant(snapshot.plugins),
                placing=Placing(
                    endpoint,
                    self._directory,
                    facts,
                    snapshot,
                    settings=self._settings,
                    max_forwards=_HOPS if session is None else session.max_forwards,
                    board=self._trunks,
                    caller=caller,
                ),
                facts=facts,
                find=self._joining.dialog,
                sounds=self._sounds,
                room=self._room,
            ),
            limit=self._settings.outgoing_seconds if direction is Direction.OUTGOING else None,
            profile=profile or PLAIN,
        )
        self._calls[facts.call_id] = call
        self.moment.admitted(facts)
        self._keep(asyncio.create_task(self._run(call, channel)))
        return channel

    def _present(self, before: Snapshot) -> routing.Compiled:
        """The configuration of this moment; ``before`` if the company is gone."""
        return self._compiled.of(self._directory.snapshot(before.tenant_id) or before)

    def _carried(self, trunk: Trunk, channel: Channel | None) -> None:
        """The session of a call that a carrier brought is over, whichever call it was in at last."""
        self._trunks.release(trunk)
        if channel is not None:
            channel.free()

    def _reject(self, session: Session, status: int, reason: str, *headers: tuple[str, str]) -> None:
        self.rejected[reason] += 1
        session.reject(status, headers=headers)

    # --- a call runs and ends ----------------------------------------------------------------------

    async def _run(self, call: Call, channel: Channel | None) -> None:
        facts = call.facts
        # For the lines of this task, which is all of the call.
        bind_contextvars(call=str(facts.call_id), tenant=str(facts.tenant_id))
        log.info("call.started", direction=facts.direction)
        self.moment.started(facts, call.record.started_at)
        try:
            cdr = await call.run()
        finally:
            del self._calls[facts.call_id]
            if channel is not None:
                channel.free()
            self.moment.over(facts)
        self._ended(cdr)
        try:
            await self._store.save(cdr)
        except Exception:  # the store keeps what it can; the others must hear of the end
            log.exception("call.not_stored")
        self.moment.recorded(cdr)

    def _ended(self, cdr: Cdr) -> None:
        log.info(
            "call.ended",
            outcome=cdr.outcome,
            status=cdr.sip_status,
            by=cdr.ended_by,
            seconds=round(cdr.ended_at - cdr.started_at, 3),
        )
        self.finished[cdr.outcome] += 1
