"""Where one call stands: its tenant's snapshot and plugins, and the switchboard's view of the moment.

A call keeps the snapshot and the plugins that it began with, whatever is changed meanwhile; only who is
free for a caller who waits is asked of the present one.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING
from uuid import UUID

import structlog
from msgspec import Struct, convert
from msgspec.structs import replace

from core import routing
from core.call.admission import Admission, CallRefused
from core.call.facts import dialled_by
from core.call.moment import Moment
from core.call.placing import Placing
from core.call.record import CallRecord, seed_of
from core.call.ways import InTurn, NoPlace, Place
from core.contracts import (
    Addressee,
    AddresseeKind,
    CallFacts,
    Chain,
    Dial,
    DialPlan,
    Direction,
    Executor,
    Line,
    Live,
    MissedManager,
    Options,
    Par,
    PlanNode,
    PluginStep,
    Ring,
    Seq,
    Snapshot,
    Step,
    StepCode,
    Tenant,
)
from core.contributions import CallVerbs, Next
from core.errors import SunSimError
from core.features import FeatureCode
from core.library import BY_ID, Prompt, media_id
from core.numbers import is_extension
from core.routing import recording, responsible
from core.scenarios import performer
from core.settings import SipSettings
from core.sip.replaces import Replaces
from core.sip.uri import SipUri
from core.tenant_hooks import TenantHooks

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from pathlib import Path

    from core.call.channels import Channel, Channels
    from core.call.conversation import Conversation
    from core.call.leg import Leg
    from core.call.state import CallState
    from core.ports import RecordingRoom, Sounds

__all__ = ["CallContext"]

log = structlog.get_logger(__name__)

_NOT_FOUND = 404
_RINGS = 25  # seconds, at an address without a terminal


Find = Callable[[UUID, Replaces], "tuple[Conversation | CallState, Leg] | None"]


class CallContext:
    """Implements ``Surroundings`` for one call."""

    def __init__(
        self,
        moment: Moment,
        *,
        settings: SipSettings,
        usable: bool,
        outgoing: int,
        external: int,
        snapshot: Snapshot,
        compiled: routing.Compiled,
        present: Callable[[], routing.Compiled],
        hooks: TenantHooks,
        placing: Placing,
        facts: CallFacts,
        find: Find,
        channel: Channel | None = None,
        sounds: Sounds | None = None,
        room: RecordingRoom | None = None,
    ) -> None:
        """``usable`` says whether the audio that is offered may be used as it is (``encryption``);
        ``present`` is the company's configuration of this moment, for callers who wait;
        ``outgoing`` is how many calls of the tenant went outside when this one came, ``external`` how
        many went there or came from there. ``find`` finds a dialog among a company's conversations,
        ``channel`` is what the call has of the company's."""
        self.snapshot = snapshot
        self._admission = Admission(
            snapshot, hooks, usable=usable, outgoing_calls=settings.outgoing_calls
        )
        self._outgoing = outgoing
        self._external = external
        self._moment = moment
        self._compiled = compiled
        self._present = present
        self._hooks = hooks
        self._placing = placing
        self._facts = facts
        self._find = find
        if channel is not None:
            placing.channel = lambda number: channel.hold()
        self._sounds = sounds
        self._room = room

    @property
    def tenant(self) -> Tenant:
        """Whose call it is."""
        return self.snapshot.tenant

    def route(self, record: CallRecord) -> Chain:
        """Admission, then the scenario for incoming calls, what was dialled for others."""
        facts = record.facts
        self._admission.check(facts, self._outgoing, self._external, record)
        if facts.direction is not Direction.INCOMING:
            record.add(StepCode.DIALLED, address=facts.called)
            return Chain((_as_dialled(facts),))
        record.add(StepCode.ARRIVED, address=facts.called)
        chosen = self._hooks.route_call(self.tenant, facts)
        decision = chosen.item if chosen else routing.route(self._compiled, facts, record.started_at)
        if decision is None:
            record.add(StepCode.UNROUTED, reason=routing.unrouted(self._compiled, facts))
            raise CallRefused(480, "no scenario")
        record.decision, record.by_plugin = decision, chosen is not None
        record.add(
            StepCode.ROUTED,
            scenario_id=str(decision.scenario_id),
            version=decision.scenario_version,
            branch_id=str(decision.branch_id),
            open=decision.open,
            passed=[line[1:] for line in decision.trace if line[0] == "passed"] or "",
            plugin=chosen.plugin if chosen else "",
        )
        return decision.chain

    def dialable(self, numbers: Collection[str] | None) -> frozenset[str]:
        """Those that their owners permit."""
        return frozenset(routing.dialable(self._compiled, numbers))

    async def clip(self, media: UUID | None) -> Path | None:
        """The file of one of the library's or of the company's own media; never another's."""
        if self._sounds is None or media is None:
            return None
        if media in BY_ID:
            return await self._sounds.ready(media, self.snapshot.language)
        for each in self.snapshot.media:
            if each.id == media and each.sound:
                return self._sounds.clip(self.snapshot.tenant_id, each.sound)
        return None

    def ringback(self) -> Path | None:
        """The tone."""
        return self._sounds.ringback() if self._sounds is not None else None

    async def hold_music(self) -> Path | None:
        """The library's."""
        return await self.clip(media_id(Prompt.HOLD_MUSIC))

    def ring_of(self, terminal_id: UUID | None, employee_id: UUID | None, address: str | None) -> Ring:
        """His terminal, for as long as it rings by its card."""
        terminal = next((each for each in self.snapshot.terminals if each.id == terminal_id), None)
        if terminal is None:
            return Ring(address or "", _RINGS, terminal_id, employee_id)
        return Ring(terminal.address, terminal.ring_seconds, terminal_id, employee_id)

    @contextmanager
    def for_caller(self) -> Iterator[None]:
        """The called number is shown as the caller's; one who is called outside is one more there."""
        placing, before = self._placing, self._placing.channel
        placing.shows_called, placing.channel = True, self._more()
        try:
            yield
        finally:
            placing.shows_called, placing.channel = False, before

    def codes(self) -> tuple[Sequence[FeatureCode], Collection[str]]:
        """As they were when the call came."""
        numbers = [each.extension for each in self.snapshot.employees]
        numbers += [each.extension for each in self.snapshot.groups]
        return self.snapshot.feature_codes, {each for each in numbers if each is not None}

    def transfer(self, by: Ring, target: SipUri | str) -> Dial:
        """What the employee may dial himself, he may have others connected with."""
        facts = None
        if isinstance(target, str) or self._placing.ours(target):
            number = target if isinstance(target, str) else target.user
            facts = dialled_by(self.snapshot, by.employee_id, by.terminal_id, number)
        if facts is None:
            raise CallRefused(_NOT_FOUND, "not a number")
        tenant_id = facts.tenant_id
        channels = self._moment.channels
        self._admission.check(facts, channels.outgoing(tenant_id), channels.external(tenant_id))
        return _as_dialled(facts)

    def dialog(self, replaces: Replaces) -> tuple[Conversation | CallState, Leg] | None:
        """In a call of this process, if it is one of the same company."""
        return self._find(self.snapshot.tenant_id, replaces)

    def talking(self, record: CallRecord, rings: Sequence[Ring]) -> None:
        """Show it."""
        self._moment.talking(record.facts, rings)

    def plan(self, step: Dial, record: CallRecord, only: Collection[str] | None = None) -> DialPlan:
        """Ask the routing core with the live state of this moment."""
        plan = self._planned(step, record, only)
        record.forwarded(step)
        self._placing.shows_called = record.decision is not None and record.decision.shows_called
        self._placing.options = self._hooks.dial_options(self.tenant, record.facts, record.decision)
        return plan

    def foreseen(self, step: Dial, record: CallRecord) -> DialPlan:
        """Ask it without consequences."""
        compiled, facts = self._present(), record.facts
        live = self._live(compiled, step)
        return routing.plan(compiled, step, facts, live, record.now(), seed_of(facts.call_id))

    def watch(self, changed: Callable[[], None]) -> Callable[[], None]:
        """Hear of this company."""
        return self._moment.watchers.watch(self.snapshot.tenant_id, changed)

    def expect(self, terminals: Collection[UUID], came: Callable[[Line], None]) -> Callable[[], None]:
        """Hear of these lines."""
        return self._moment.arrivals.expect(terminals, came)

    def queued(self, record: CallRecord, at: float, queue: str, priority: int) -> None:
        """Show it."""
        self._moment.queued(record.facts, at, queue, priority)

    def left_queue(self, record: CallRecord) -> None:
        """Show it."""
        self._moment.left_queue(record.facts)

    def place(self, ring: Ring) -> Sequence[Place] | InTurn:
        """The INVITEs of a ring."""
        return self._placing(ring)

    def redirected(self, ring: Ring, contacts: Sequence[str], record: CallRecord) -> PlanNode | None:
        """What rings for the first contact of a 3xx that may be called.

        An extension rings as if it was dialled, so whoever is unavailable or busy stays undisturbed;
        a number outside counts as the telephone that sent the call there.
        """
        for address in self._placing.elsewhere(ring, contacts):
            node = self._elsewhere(address, ring, record)
            if node is not None and any(_reachable(self._placing(each)) for each in _rings(node)):
                log.info("call.redirected")
                return node
        log.info("call.redirection_refused")
        return None

    def _elsewhere(self, address: str, ring: Ring, record: CallRecord) -> PlanNode | None:
        if not is_extension(address):
            return replace(ring, address=address)
        step = Dial((Addressee(AddresseeKind.EXTENSION, address),))
        root = self._planned(step, record).root
        return root and _without(root, ring.address)

    def _planned(self, step: Dial, record: CallRecord, only: Collection[str] | None = None) -> DialPlan:
        """Who rings now; the record keeps what it takes to ask again."""
        facts, compiled = record.facts, self._compiled if only is None else self._present()
        live = self._live(compiled, step)
        at = record.attempt(step, live, only, compiled.snapshot.hash)
        return routing.plan(compiled, step, facts, live, at, seed_of(facts.call_id), only)

    def _live(self, compiled: routing.Compiled, step: Dial) -> Live:
        """What a plan of the step depends on at this moment."""
        asked = compiled.consulted(step), compiled.asked(step), compiled.weighed(step)
        return self._moment.live(self.snapshot.tenant_id, *asked)

    def performs(self, step: Step) -> bool:
        """Whether a plugin of the contract registered it."""
        return performer(step) in self._hooks.step_types

    async def step(self, call: CallVerbs, step: Step) -> Next:
        """Run a plugin's step; one that the contract does not have is passed over."""
        owned = self._hooks.step_types.get(performer(step) or "")
        if owned is None:
            return Next.CONTINUE
        try:
            return await owned.item.run(call, _settings(step, owned.item.config))
        except SunSimError:
            raise
        except Exception:  # a plugin's fault is not the caller's: the chain goes on
            log.exception("plugin.step_failed", plugin=owned.plugin, step=owned.item.name)
            return Next.CONTINUE

    def ringing(self, record: CallRecord, plan: DialPlan) -> None:
        """Show who rings."""
        if plan.root is None:
            return
        employees = {ring.employee_id for ring in _rings(plan.root) if ring.employee_id}
        self._moment.ringing(record.facts, record.started_at, employees)

    def rang_out(self, record: CallRecord) -> None:
        """Show it."""
        self._moment.rang_out(record.facts)

    def executor(self, wanted: Executor, record: CallRecord, step: Dial | None) -> Addressee | None:
        """By the rules of ``routing.responsible``."""
        return responsible.executor(self._compiled, wanted, record.facts, step, record.rung)

    def missed_manager(self, record: CallRecord, step: Dial) -> UUID | None:
        """Likewise; who is the manager of every new contact is found out when that is saved."""
        if self.snapshot.missed_manager is MissedManager.DEFAULT:
            return None
        seed = seed_of(record.facts.call_id)
        return responsible.missed_manager(self._compiled, step, record.rung, seed, record.modes)

    def records(self, record: CallRecord, options: Options, employees: Collection[UUID | None]) -> bool:
        """By the rules of ``routing.recording``."""
        return recording.records(self._compiled, record.facts, options, *employees)

    def announcement(self, record: CallRecord, chain: Chain) -> UUID | None:
        """Likewise."""
        return recording.announcement(self._compiled, record.facts, chain)

    async def recordable(self) -> str:
        """As whoever keeps the recordings says."""
        return await self._room.refuses(self.snapshot.tenant_id) if self._room else ""

    def recorded(self, what: str) -> None:
        """Count it."""
        self._moment.recordings[what] += 1

    def _more(self) -> Callable[[str], Channel]:
        """What gives who is called outside a channel of his own; it knows nothing of the call."""
        return partial(_one_more, self._admission, self._moment.channels, self.snapshot.tenant_id)

    def moved(self) -> None:
        """Count it."""
        self._moment.moved()

    def answered(self, record: CallRecord, ring: Ring) -> None:
        """Show who talks; whoever is called outside from now on, because of a transfer, is one more."""
        self._placing.channel = self._more()
        self._moment.answered(record.facts, ring)


def _one_more(admission: Admission, channels: Channels, tenant_id: UUID, number: str) -> Channel:
    outgoing, external = channels.outgoing(tenant_id), channels.external(tenant_id)
    if not admission.room(number, outgoing, external):
        raise NoPlace
    return channels.take(tenant_id, Direction.OUTGOING)


def _as_dialled(facts: CallFacts) -> Dial:
    """What an employee dialled, as a step."""
    internal = facts.direction is Direction.INTERNAL
    kind = AddresseeKind.EXTENSION if internal else AddresseeKind.EXTERNAL
    return Dial((Addressee(kind, facts.called),))


def _settings(step: Step, kind: type[Struct]) -> Struct:
    """What a step's plugin is given."""
    return convert(step.config, kind) if isinstance(step, PluginStep) else step


def _reachable(ways: Sequence[Place] | InTurn) -> bool:
    """Whether there is a phone, or a carrier."""
    return bool(ways.places if isinstance(ways, InTurn) else ways)


def _without(node: PlanNode, address: str) -> PlanNode | None:
    """The plan without this line, which sent the call on."""
    if isinstance(node, Ring):
        return node if node.address != address else None
    items = tuple(kept for item in node.items if (kept := _without(item, address)) is not None)
    return replace(node, items=items) if items else None


def _rings(node: PlanNode) -> Iterator[Ring]:
    if isinstance(node, Ring):
        yield node
    elif isinstance(node, Seq | Par):
        for item in node.items:
            yield from _rings(item)
