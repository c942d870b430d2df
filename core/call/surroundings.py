"""What a call asks of the switchboard."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol
from uuid import UUID

from core.call.record import CallRecord
from core.call.ways import InTurn, Place
from core.contracts import (
    Addressee,
    Chain,
    Dial,
    DialPlan,
    Executor,
    Line,
    Options,
    PlanNode,
    Ring,
    Snapshot,
    Step,
    Tenant,
)
from core.contributions import CallVerbs, Next
from core.features import FeatureCode
from core.sip.replaces import Replaces
from core.sip.uri import SipUri

if TYPE_CHECKING:
    from core.call.conversation import Conversation
    from core.call.leg import Leg
    from core.call.state import CallState

__all__ = ["Surroundings"]


class Surroundings(Protocol):
    """What a call asks of the switchboard: where to go, who rings, and who wants to know."""

    @property
    def tenant(self) -> Tenant:
        """Whose call it is."""
        ...

    def route(self, record: CallRecord) -> Chain:
        """The blocks of this call; the decision goes into the record. Raises CallRefused."""
        ...

    @property
    def snapshot(self) -> Snapshot:
        """The company's configuration for this call."""
        ...

    def dialable(self, numbers: Collection[str] | None) -> frozenset[str]:
        """The extensions that callers may dial, all or of these."""
        ...

    async def clip(self, media: UUID | None) -> Path | None:
        """What to play for a media, of the company or of the library; ``None`` if there is nothing."""
        ...

    def ringback(self) -> Path | None:
        """What a caller who is answered hears while somebody rings."""
        ...

    def plan(self, step: Dial, record: CallRecord, only: Collection[str] | None = None) -> DialPlan:
        """Who rings now; the live state that was consulted goes into the record. With ``only`` nobody
        but these, by the company's present configuration."""
        ...

    def foreseen(self, step: Dial, record: CallRecord) -> DialPlan:
        """Who would ring now by the company's present configuration; nothing is recorded."""
        ...

    def watch(self, changed: Callable[[], None]) -> Callable[[], None]:
        """Tell whenever somebody of the company may have become free; returns what ends it."""
        ...

    def expect(self, terminals: Collection[UUID], came: Callable[[Line], None]) -> Callable[[], None]:
        """Tell of each of these lines that has a phone from now on; returns what ends it."""
        ...

    def queued(self, record: CallRecord, at: float, queue: str, priority: int) -> None:
        """The caller waits."""
        ...

    def left_queue(self, record: CallRecord) -> None:
        """The caller waits no more."""
        ...

    def performs(self, step: Step) -> bool:
        """Whether a plugin of the contract executes the step."""
        ...

    def step(self, call: CallVerbs, step: Step) -> Awaitable[Next]:
        """Run a plugin's step on the call; one that the contract does not have is passed over."""
        ...

    def place(self, ring: Ring) -> Sequence[Place] | InTurn:
        """The INVITEs of a ring: one for each phone of the line, or one to a trunk."""
        ...

    def redirected(self, ring: Ring, contacts: Sequence[str], record: CallRecord) -> PlanNode | None:
        """What rings instead when a phone asks to be called elsewhere (302)."""
        ...

    def ringing(self, record: CallRecord, plan: DialPlan) -> None:
        """These terminals ring now."""
        ...

    def rang_out(self, record: CallRecord) -> None:
        """Nobody rings any more, and nobody answered."""
        ...

    def answered(self, record: CallRecord, ring: Ring) -> None:
        """The parties are connected."""
        ...

    def executor(self, wanted: Executor, record: CallRecord, step: Dial | None) -> Addressee | None:
        """The employee or group who gets a task, of those whom the step names; ``None`` if nobody."""
        ...

    def missed_manager(self, record: CallRecord, step: Dial) -> UUID | None:
        """Who becomes the manager of a caller whom the step did not connect; ``None`` if that is who
        is the manager of every new contact."""
        ...

    def talking(self, record: CallRecord, rings: Sequence[Ring]) -> None:
        """These talk with each other now, instead of those before."""
        ...

    async def hold_music(self) -> Path | None:
        """What somebody hears who is put on hold."""
        ...

    def ring_of(self, terminal_id: UUID | None, employee_id: UUID | None, address: str | None) -> Ring:
        """How to ring somebody who called: his terminal, or else the address."""
        ...

    def transfer(self, by: Ring, target: SipUri | str) -> Dial:
        """Whom an employee may pass a party on to, by URI or as dialled. Raises CallRefused."""
        ...

    def for_caller(self) -> AbstractContextManager[None]:
        """Who rings meanwhile is who wants to call: he sees whom."""
        ...

    def codes(self) -> tuple[Sequence[FeatureCode], Collection[str]]:
        """The feature codes of the company, and its extensions."""
        ...

    def dialog(self, replaces: Replaces) -> tuple[Conversation | CallState, Leg] | None:
        """Where in a conversation of this company a dialog is, or in a call that rings, and whose."""
        ...

    def records(self, record: CallRecord, options: Options, employees: Collection[UUID | None]) -> bool:
        """Whether a conversation of these employees is recorded (H-5)."""
        ...

    def announcement(self, record: CallRecord, chain: Chain) -> UUID | None:
        """The media that tells a caller that he may be recorded, if he is to know."""
        ...

    async def recordable(self) -> str:
        """Why there is no room for a recording now, as a code; "" if there is."""
        ...

    def recorded(self, what: str) -> None:
        """A part of a recording ``started``, or was not recorded for the reason with this code."""
        ...

    def moved(self) -> None:
        """The audio of the call goes through another media server now."""
        ...
