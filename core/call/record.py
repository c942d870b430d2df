"""The log of one call while it runs, and the CDR made of it at the end.

A call is an append-only list of steps; everything that is later shown, counted or replayed is read
from them and from the few fields that end up as columns of the record.
"""

from __future__ import annotations

from collections.abc import Collection
from math import floor
from typing import Any
from uuid import UUID

from core.contracts import (
    Attempt,
    AvailabilityMode,
    CallFacts,
    CallStep,
    Cdr,
    Decision,
    Dial,
    Direction,
    Live,
    Outcome,
    Ring,
    Skipped,
    StepCode,
    TaskRequest,
)
from core.ports import Clock
from core.recordings import CallRecording

__all__ = ["CallRecord", "outcome_of", "seed_of"]

_BUSY = frozenset({486, 600})
_NO_ANSWER = frozenset({408, 480, 487})

# A caller may wait in a queue for hours while phones ring and ring.
_MOST_ATTEMPTS = 200
_MOST_STEPS = 1000
_REPEATED = frozenset({StepCode.NOT_RUNG, StepCode.RINGING, StepCode.LEG_ENDED})


def outcome_of(sip_status: int) -> Outcome:
    """What a final SIP status of an unanswered call means to people (RFC 3261 §21.4)."""
    if sip_status in _BUSY:
        return Outcome.BUSY
    if sip_status in _NO_ANSWER:
        return Outcome.NO_ANSWER
    return Outcome.REFUSED if 400 <= sip_status < 500 or sip_status == 603 else Outcome.FAILED


class CallRecord:
    """Collects steps; ``finish`` gives the CDR."""

    def __init__(self, facts: CallFacts, clock: Clock, snapshot_hash: str) -> None:
        self.facts = facts
        # The scenario is chosen for this instant, and again by a replay: no finer than it is stored.
        self.started_at = floor(clock.now() * 1000) / 1000
        self.ringing_at: float | None = None
        self.answered_at: float | None = None
        self.answered_by: Ring | None = None
        self.decision: Decision | None = None
        self.by_plugin = False  # the decision
        self.trunk_id: UUID | None = None  # the carrier that took the call outside, or was last tried
        self.forwarding: Dial | None = None  # who were to be called last,
        self.rung: list[Ring] = []  # what rang of them, in order,
        self.modes: dict[UUID, AvailabilityMode] = {}  # and in which modes they were
        self.tasks: list[TaskRequest] = []
        self.recordings: list[CallRecording] = []
        self.missed_manager: UUID | None = None
        self._clock = clock
        self._hash = snapshot_hash
        self._steps: list[CallStep] = []
        self._attempts: list[Attempt] = []
        self._step: Dial | None = None  # what was dialled last,
        self._live: Live | None = None  # and the live state that was looked at
        self._skipped_of: Dial | None = None  # the step that was dialled last,
        self._skipped: set[Skipped] = set()  # and who did not ring

    def add(self, code: StepCode, ring: Ring | None = None, **data: Any) -> float:
        """Append a step, on a terminal if it concerns one; returns its instant."""
        at = self._clock.now()
        if len(self._steps) >= _MOST_STEPS and code in _REPEATED:
            return at
        terminal_id: UUID | None = ring.terminal_id if ring else data.pop("terminal_id", None)
        employee_id: UUID | None = ring.employee_id if ring else data.pop("employee_id", None)
        address = ring.address if ring else data.pop("address", None)
        if "" in data.values():
            data = {name: value for name, value in data.items() if value != ""}
        self._steps.append(
            CallStep(
                at=at,
                code=code,
                terminal_id=terminal_id,
                employee_id=employee_id,
                address=address,
                data=data,
            )
        )
        return at

    def forwarded(self, step: Dial) -> None:
        """These are to be called now, as the last attempt has it; asked again of the same, what rang
        before still counts."""
        if step != self.forwarding:
            self.forwarding, self.rung = step, []
        self.modes = self._live.modes if self._live else {}

    def is_news(self, step: Dial, skipped: Skipped) -> bool:
        """Whether it is not known yet that somebody does not ring for the step that is dialled."""
        if step is not self._skipped_of:
            self._skipped_of, self._skipped = step, set()
        known = skipped in self._skipped
        self._skipped.add(skipped)
        return not known

    def now(self) -> float:
        """This instant, epoch seconds."""
        return self._clock.now()

    def attempt(
        self,
        step: Dial,
        live: Live,
        only: Collection[str] | None = None,
        snapshot_hash: str | None = None,
    ) -> float:
        """A plan is asked for; returns the instant to ask it for. Of one who waits for hours the first
        attempts are kept."""
        at = self._clock.now()
        if len(self._attempts) >= _MOST_ATTEMPTS:
            return at
        again, alike = step is self._step, live == self._live
        self._attempts.append(
            Attempt(
                at,
                None if again else step,
                None if alike else live,
                None if only is None else tuple(sorted(only)),
                "" if snapshot_hash in (None, self._hash) else str(snapshot_hash),
            )
        )
        self._step, self._live = step, live
        return at

    def ringing(self, ring: Ring, trunk_id: UUID | None = None) -> None:
        """A leg was offered, by a carrier if one is named; the first one marks when ringing began."""
        at = self.add(StepCode.RINGING, ring, trunk_id=str(trunk_id or ""))
        self.rung.append(ring)
        self.trunk_id = trunk_id or self.trunk_id
        self.ringing_at = self.ringing_at or at

    def answered(self, ring: Ring) -> None:
        """The parties are connected."""
        self.answered_at = self.add(StepCode.ANSWERED, ring)
        self.answered_by = ring

    def finish(
        self, outcome: Outcome, sip_status: int, ended_by: str, cause: str = "", who: str = ""
    ) -> Cdr:
        """Close the log; ``ended_by`` is ``caller``, ``callee`` or ``system``, ``who`` is the name of
        somebody outside of the call who ended it."""
        ended_at = self.add(StepCode.ENDED, by=ended_by, sip_status=sip_status, cause=cause, who=who)
        facts, answerer = self.facts, self.answered_by
        return Cdr(
            call_id=facts.call_id,
            tenant_id=facts.tenant_id,
            direction=facts.direction,
            caller=facts.caller,
            called=facts.called,
            caller_name=facts.caller_name,
            outcome=outcome,
            sip_status=sip_status,
            started_at=self.started_at,
            ringing_at=self.ringing_at,
            answered_at=self.answered_at,
            ended_at=ended_at,
            ended_by=ended_by,
            number_id=facts.number_id,
            trunk_id=self._carrier(),
            scenario_id=self.decision.scenario_id if self.decision else None,
            caller_employee_id=facts.employee_id,
            answered_employee_id=answerer.employee_id if answerer else None,
            answered_terminal_id=answerer.terminal_id if answerer else None,
            steps=tuple(self._steps),
            snapshot_hash=self._hash,
            seed=seed_of(facts.call_id),
            facts=facts,
            decision=self.decision if self.by_plugin else None,
            attempts=tuple(self._attempts),
            tasks=tuple(self.tasks),
            recordings=tuple(self.recordings),
            missed_manager=self.missed_manager,
        )

    def _carrier(self) -> UUID | None:
        """Who brought the call; of one that goes outside who took it, not who was to."""
        facts = self.facts
        if facts.direction is Direction.INCOMING:
            return facts.trunk_id
        return self.trunk_id or facts.trunk_id


def seed_of(call_id: UUID) -> int:
    """The seed of every random choice in this call, so that it can be replayed (H-25)."""
    return call_id.int & 0x7FFF_FFFF_FFFF_FFFF
