"""Where calls begin and end: every INVITE that is let in becomes a call, every call leaves a record.

The switchboard knows the calls of this moment, how many a terminal has and how many go outside, and
is the one place that stops them all. It is called from the loop by the SIP endpoint.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable
from typing import ParamSpec, TypeVar
from uuid import UUID

import structlog
from structlog.contextvars import bind_contextvars

from core import routing
from core.call.call import Call
from core.call.context import CallContext
from core.call.encryption import accept, asked_of
from core.call.facts import called_number, from_company, from_outside
from core.call.placing import Placing
from core.call.record import CallRecord
from core.call.talktime import TalkTime
from core.contracts import (
    CallFacts,
    Cdr,
    Direction,
    Encryption,
    Line,
    Live,
    Ring,
    Snapshot,
    Terminal,
    Trunk,
)
from core.errors import MediaRefused
from core.events import CallAnswered, CallEnded, CallStarted
from core.host import Host
from core.ids import new_id
from core.ports import CallStore, Clock, EventSink, LiveBoard, MediaServer, Sounds, TenantDirectory
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

P = ParamSpec("P")
K = TypeVar("K")

_NOT_FOUND = 404
_INCOMPLETE = 484
_OVERLOADED = 503
_DECLINED = 603
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
    ) -> None:
        """``trunks`` knows which carriers work; without it all do. Without ``sounds`` nothing is
        played."""
        self.board = board
        self.endpoint: Endpoint | None = None
        self.rejected: Counter[str] = Counter()
        self.finished: Counter[str] = Counter()
        self.lost_media = 0
        self.moved_media = 0
        self._settings = settings
        self._directory = directory
        self._media = media
        self._store = store
        self._host = host
        self._publish = publish
        self._clock = clock
        self._trunks = trunks or TrunkBoard()
        self._sounds = sounds
        self._channels: dict[UUID, Trunk] = {}
        self._calls: dict[UUID, Call] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._talking: Counter[UUID] = Counter()
        self._counted: Counter[tuple[UUID, Direction]] = Counter()  # of each company
        self._compiled = routing.Compilations()
        self.talk = TalkTime(self._zone_of)
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
        if session.replaced is not None:  # nobody may take a call from somebody else yet
            self._reject(session, _DECLINED, "replaces")
            return
        if isinstance(origin, FromTrunk):
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

    def calls_of(self, tenant_id: UUID) -> int:
        """How many calls a company has now."""
        return sum(self._counted[tenant_id, direction] for direction in Direction)

    def tenant_of(self, request: Message, origin: Origin) -> UUID | None:
        """Whose call a request begins."""
        if isinstance(origin, FromLine):
            return origin.line.tenant_id
        number = called_number(request, origin.trunk)
        found = self._directory.number(number) if number else None
        return found[0].tenant_id if found else None

    def outgoing(self, tenant_id: UUID) -> int:
        """How many of the tenant's calls go outside now."""
        return self._counted[tenant_id, Direction.OUTGOING]

    def external(self, tenant_id: UUID) -> int:
        """How many of the tenant's calls go outside or came from there."""
        return self.outgoing(tenant_id) + self._counted[tenant_id, Direction.INCOMING]

    def live(self, tenant_id: UUID, terminals: Iterable[Terminal], employees: Iterable[UUID]) -> Live:
        """Which of the lines are registered, how many conversations each terminal has, and how long
        these employees have talked today."""
        assert self.endpoint is not None
        registered, calls = set(), {}
        for terminal in terminals:
            if self.endpoint.contacts(terminal.address):
                registered.add(terminal.id)
            if terminal.id in self._talking:
                calls[terminal.id] = self._talking[terminal.id]
        talked = self.talk.of(tenant_id, employees, self._clock.now())
        return Live(frozenset(registered), calls, talked)

    def answered(self, facts: CallFacts, ring: Ring) -> None:
        """Two parties talk: their terminals are busy, and the board shows who talks."""
        at = self._clock.now()
        self._talking.update(_terminals(facts.terminal_id, ring.terminal_id))
        self.talk.began(facts.tenant_id, facts.call_id, (facts.employee_id, ring.employee_id), at)
        self.show(self.board.call_answered, facts, at, ring.employee_id, ring.terminal_id)
        self.show(
            self._publish,
            CallAnswered(
                id=new_id(),
                tenant_id=facts.tenant_id,
                at=at,
                call_id=facts.call_id,
                employee_id=ring.employee_id,
                terminal_id=ring.terminal_id,
            ),
        )

    def _zone_of(self, tenant_id: UUID) -> str:
        snapshot = self._directory.snapshot(tenant_id)
        return snapshot.timezone if snapshot else "UTC"

    def moved(self) -> None:
        """A call found another media server."""
        self.moved_media += 1

    def show(self, tell: Callable[P, None], *args: P.args, **kwargs: P.kwargs) -> None:
        """Tell the board or the bus; what goes wrong there must not touch the call."""
        try:
            tell(*args, **kwargs)
        except Exception:  # whatever it is, people are talking meanwhile
            log.exception("call.not_shown")

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
        self._begin(session, facts, snapshot, caller)
        self._trunks.take(trunk)
        self._channels[facts.call_id] = trunk

    def _from_line(self, session: Session, request: Message, line: Line) -> None:
        snapshot = self._directory.snapshot(line.tenant_id)
        facts = from_company(request, line, snapshot) if snapshot else None
        if snapshot is None or facts is None:
            self._reject(session, _INCOMPLETE, "not_a_number")
            return
        caller = Caller(hidden=hides(request))
        self._begin(session, facts, snapshot, caller, line.encryption)

    def _begin(
        self,
        session: Session,
        facts: CallFacts,
        snapshot: Snapshot,
        caller: Caller,
        encryption: Encryption = Encryption.NONE,
    ) -> None:
        assert self.endpoint is not None
        profile = self._accept(session, encryption)
        outgoing = facts.direction is Direction.OUTGOING
        self.endpoint.tap.bind(session.request.call_id, Owner(facts.call_id, facts.tenant_id))
        call = Call(
            session,
            CallRecord(facts, self._clock, snapshot.hash),
            media=self._media.session(facts.call_id),
            surroundings=CallContext(
                self,
                settings=self._settings,
                usable=profile is not None,
                outgoing=self.outgoing(facts.tenant_id),
                external=self.external(facts.tenant_id),
                snapshot=snapshot,
                compiled=self._compiled.of(snapshot),
                hooks=self._host.for_tenant(snapshot.plugins),
                placing=Placing(
                    self.endpoint,
                    self._directory,
                    facts,
                    snapshot,
                    settings=self._settings,
                    max_forwards=session.max_forwards,
                    board=self._trunks,
                    caller=caller,
                ),
                sounds=self._sounds,
            ),
            limit=self._settings.outgoing_seconds if outgoing else None,
            profile=profile or PLAIN,
        )
        self._calls[facts.call_id] = call
        self._counted[facts.tenant_id, facts.direction] += 1
        self._keep(asyncio.create_task(self._run(call)))

    def _accept(self, session: Session, encryption: Encryption) -> Profile | None:
        """How audio is offered to a caller who offers none; ``None`` if it cannot travel as it must.

        Keys in an offer that others could read go.
        """
        secret = session.secret or self._settings.keys_in_clear
        if not session.remote_sdp:
            return asked_of(encryption, secret=secret)
        try:
            session.remote_sdp = accept(session.remote_sdp, encryption, secret=secret)
        except MediaRefused:
            return None
        return PLAIN

    def _reject(self, session: Session, status: int, reason: str, *headers: tuple[str, str]) -> None:
        self.rejected[reason] += 1
        session.reject(status, headers=headers)

    # --- a call runs and ends ----------------------------------------------------------------------

    async def _run(self, call: Call) -> None:
        facts = call.facts
        # For the lines of this task, which is all of the call.
        bind_contextvars(call=str(facts.call_id), tenant=str(facts.tenant_id))
        self._started(call)
        try:
            cdr = await call.run()
        finally:
            del self._calls[facts.call_id]
            _less(self._counted, (facts.tenant_id, facts.direction))
            trunk = self._channels.pop(facts.call_id, None)
            if trunk is not None:
                self._trunks.release(trunk)
            self.show(self.board.call_ended, facts)
        self._ended(cdr)
        try:
            await self._store.save(cdr)
        except Exception:  # the store keeps what it can; the others must hear of the end
            log.exception("call.not_stored")
        ended = CallEnded(id=new_id(), tenant_id=cdr.tenant_id, at=cdr.ended_at, cdr=cdr)
        self.show(self._publish, ended)

    def _started(self, call: Call) -> None:
        facts, at = call.facts, call.record.started_at
        log.info("call.started", direction=facts.direction)
        self.show(self.board.call_started, facts, at)
        self.show(
            self._publish,
            CallStarted(
                id=new_id(),
                tenant_id=facts.tenant_id,
                at=at,
                call_id=facts.call_id,
                direction=facts.direction,
                caller=facts.caller,
                called=facts.called,
            ),
        )

    def _ended(self, cdr: Cdr) -> None:
        log.info(
            "call.ended",
            outcome=cdr.outcome,
            status=cdr.sip_status,
            by=cdr.ended_by,
            seconds=round(cdr.ended_at - cdr.started_at, 3),
        )
        self.finished[cdr.outcome] += 1
        if cdr.answered_at is not None:
            caller = cdr.facts.terminal_id if cdr.facts else None
            _less(self._talking, *_terminals(caller, cdr.answered_terminal_id))
            self.talk.ended(cdr.tenant_id, cdr.call_id, cdr.ended_at)


def _less(counter: Counter[K], *keys: K) -> None:
    """One less of each; what is down to nothing leaves the counter."""
    for key in keys:
        counter[key] -= 1
        if counter[key] <= 0:
            del counter[key]


def _terminals(*ids: UUID | None) -> list[UUID]:
    return [terminal_id for terminal_id in ids if terminal_id is not None]
