"""What all calls of the process together know of this moment, and whom they tell of it.

How many calls each company has, which terminals talk and for how long their owners have today; the
board of other processes and the bus hear of every change.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import ParamSpec, TypeVar
from uuid import UUID

import structlog

from core.call.channels import Channels
from core.call.talktime import TalkTime
from core.call.waiting import Arrivals, Watchers
from core.contracts import CallFacts, Cdr, Line, Live, Ring, Terminal
from core.events import CallAnswered, CallEnded, CallStarted
from core.ids import new_id
from core.ports import Clock, EventSink, LiveBoard, TenantDirectory

__all__ = ["Moment"]

log = structlog.get_logger(__name__)

P = ParamSpec("P")
K = TypeVar("K")


class Moment:
    """One for each process that has calls. ``registered`` says whether a line has a phone."""

    def __init__(
        self,
        *,
        board: LiveBoard,
        publish: EventSink,
        clock: Clock,
        directory: TenantDirectory,
        registered: Callable[[str], bool],
    ) -> None:
        self._board = board
        self._publish = publish
        self._clock = clock
        self._directory = directory
        self._registered = registered
        self._counted: Counter[UUID] = Counter()  # of each company
        self.channels = Channels()
        self._talking: Counter[UUID] = Counter()  # conversations of each terminal
        self._talks: dict[UUID, tuple[UUID, ...]] = {}  # the terminals of each conversation
        self.talk = TalkTime(self._zone_of)
        self.watchers = Watchers(clock)
        self.arrivals = Arrivals()
        directory.watch_snapshots(self.watchers.tell)
        self.moved_media = 0
        self.recordings: Counter[str] = Counter()  # parts that began, and why others did not

    def calls_of(self, tenant_id: UUID) -> int:
        """How many calls a company has now."""
        return self._counted[tenant_id]

    def live(
        self,
        tenant_id: UUID,
        terminals: Iterable[Terminal],
        asked: Iterable[UUID],
        weighed: Iterable[UUID],
    ) -> Live:
        """Which of the lines are registered, how many conversations each terminal has, the modes of the
        employees who are ``asked``, and how long those who are ``weighed`` have talked today."""
        registered, calls = set(), {}
        for terminal in terminals:
            if self._registered(terminal.address):
                registered.add(terminal.id)
            if terminal.id in self._talking:
                calls[terminal.id] = self._talking[terminal.id]
        talked = self.talk.of(tenant_id, weighed, self._clock.now())
        present = self._directory.modes(tenant_id)
        modes = {employee: present[employee] for employee in asked if employee in present}
        return Live(frozenset(registered), calls, talked, modes)

    # --- what calls tell ----------------------------------------------------------------------------

    def admitted(self, facts: CallFacts) -> None:
        """A call counts from now on."""
        self._counted[facts.tenant_id] += 1

    def started(self, facts: CallFacts, at: float) -> None:
        """It begins."""
        self._show(self._board.call_started, facts, at)
        self._show(
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

    def ringing(self, facts: CallFacts, at: float, employees: Iterable[UUID]) -> None:
        """The terminals of these employees ring."""
        self._show(self._board.call_ringing, facts, at, employees)

    def rang_out(self, facts: CallFacts) -> None:
        """Nobody rings any more, and nobody answered."""
        self._show(self._board.call_rang_out, facts)

    def answered(self, facts: CallFacts, ring: Ring) -> None:
        """Two parties talk: their terminals are busy, and the board shows who talks."""
        at = self._clock.now()
        caller = Ring("", 0, facts.terminal_id, facts.employee_id)
        self.talking(facts, (caller, ring))
        self._show(
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

    def queued(self, facts: CallFacts, at: float, queue: str, priority: int) -> None:
        """The caller waits, and nobody rings for him."""
        self._show(self._board.call_queued, facts, at, queue, priority)

    def left_queue(self, facts: CallFacts) -> None:
        """The caller waits no more."""
        self._show(self._board.call_left_queue, facts)

    def talking(self, facts: CallFacts, rings: Sequence[Ring]) -> None:
        """These talk in a call from now on, and nobody else; the board shows who of them was called."""
        at = self._clock.now()
        _less(self._talking, *self._talks.pop(facts.call_id, ()))
        terminals, people = [], set()
        for each in rings:
            if each.terminal_id is not None:
                terminals.append(each.terminal_id)
            if each.employee_id is not None:
                people.add(each.employee_id)
        self._talks[facts.call_id] = tuple(terminals)
        self._talking.update(terminals)
        self.talk.ended(facts.tenant_id, facts.call_id, at)
        self.talk.began(facts.tenant_id, facts.call_id, people, at)
        shown = rings[-1]
        self._show(self._board.call_answered, facts, at, shown.employee_id, shown.terminal_id)
        self.watchers.tell(facts.tenant_id)

    def moved(self) -> None:
        """A call found another media server."""
        self.moved_media += 1

    def over(self, facts: CallFacts) -> None:
        """A call counts no more, and nobody talks in it."""
        _less(self._counted, facts.tenant_id)
        _less(self._talking, *self._talks.pop(facts.call_id, ()))
        self.talk.ended(facts.tenant_id, facts.call_id, self._clock.now())
        self._show(self._board.call_ended, facts)
        self.watchers.tell(facts.tenant_id)

    def recorded(self, cdr: Cdr) -> None:
        """Its record is written."""
        ended = CallEnded(id=new_id(), tenant_id=cdr.tenant_id, at=cdr.ended_at, cdr=cdr)
        self._show(self._publish, ended)

    # --- what the registrar tells ---------------------------------------------------------------------

    def line_registered(
        self, line: Line, at: float, expires_at: float, user_agent: str, source: str
    ) -> None:
        """A line has a phone, perhaps since long."""
        self._board.line_registered(line, at, expires_at, user_agent, source)
        self.watchers.tell(line.tenant_id)
        self.arrivals.tell(line)

    def line_unregistered(self, line: Line, at: float) -> None:
        """A line has none any more."""
        self._board.line_unregistered(line, at)
        self.watchers.tell(line.tenant_id)

    def _zone_of(self, tenant_id: UUID) -> str:
        snapshot = self._directory.snapshot(tenant_id)
        return snapshot.timezone if snapshot else "UTC"

    def _show(self, tell: Callable[P, None], *args: P.args, **kwargs: P.kwargs) -> None:
        """Tell the board or the bus; what goes wrong there must not touch the call."""
        try:
            tell(*args, **kwargs)
        except Exception:  # whatever it is, people are talking meanwhile
            log.exception("call.not_shown")


def _less(counter: Counter[K], *keys: K) -> None:
    """One less of each; what is down to nothing leaves the counter."""
    for key in keys:
        counter[key] -= 1
        if counter[key] <= 0:
            del counter[key]
