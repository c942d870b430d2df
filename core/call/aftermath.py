"""What a call leaves to be done: the tasks that it asks for, and who becomes the caller's manager.

A step of the chain or of a plugin asks for a task; whoever makes tasks finds it in the record. Besides,
when the call is over and nobody has answered it:

    call      and                                      leaves
    --------  ---------------------------------------  ------------------------------------------------
    incoming  no task yet, and telephones were to      the task of the failure step that follows where
              ring                                     the caller gave up (PRC-12): he was missed, too
    incoming  telephones were to ring                  the candidate for the manager (PMA-03, H-23)
    outgoing  the company wants it (SET-06)            a task of whoever called (TSK-04)
"""

from __future__ import annotations

from uuid import UUID

from core.call.record import CallRecord
from core.call.surroundings import Surroundings
from core.contracts import (
    Addressee,
    AddresseeKind,
    Chain,
    Dial,
    Direction,
    Executor,
    HangUp,
    Step,
    StepCode,
    TaskKind,
    TaskRequest,
)
from core.numbers import EMERGENCY

__all__ = ["Aftermath"]


def _outside(number: str) -> Addressee:
    return Addressee(AddresseeKind.EXTERNAL, number)


class Aftermath:
    """Of one call. ``reached`` follows it through its chain, ``close`` is for its end."""

    def __init__(self, record: CallRecord, surroundings: Surroundings) -> None:
        self._record = record
        self._surroundings = surroundings
        self._ahead: tuple[Step, ...] = ()  # the present step and those after it

    def reached(self, chain: Chain, at: int) -> None:
        """The call has come to this step of ``chain.all_steps``."""
        self._ahead = chain.all_steps[at:]

    def request(self, kind: TaskKind, wanted: Executor | None, recording: UUID | None = None) -> None:
        """Ask for a task of whoever is wanted, among those who were dialled last, or else who would be
        dialled next."""
        step = self._record.forwarding or next(
            (each for each in self._ahead if isinstance(each, Dial)), None
        )
        executor = self._surroundings.executor(wanted, self._record, step) if wanted else None
        self._request(TaskRequest(kind, executor, recording))

    def close(self) -> None:
        """The call is over."""
        record = self._record
        if record.answered_at is not None or record.forwarding is None:
            return
        if record.facts.direction is Direction.INCOMING:
            record.missed_manager = self._surroundings.missed_manager(record, record.forwarding)
            failure = next((each for each in self._ahead if isinstance(each, HangUp)), None)
            if not record.tasks and failure is not None and failure.task is not None:
                self.request(TaskKind.MISSED, failure.task)
        elif record.facts.direction is Direction.OUTGOING:
            self._not_reached()

    def _not_reached(self) -> None:
        facts, dialled = self._record.facts, self._record.forwarding
        wanted = self._surroundings.snapshot.outgoing_tasks and facts.called not in EMERGENCY
        outside = dialled is not None and dialled.addressees == (_outside(facts.called),)
        if wanted and outside and facts.employee_id is not None:  # he was there, the client was not
            caller = Addressee(AddresseeKind.EMPLOYEE, str(facts.employee_id))
            self._request(TaskRequest(TaskKind.OUTGOING, caller))

    def _request(self, request: TaskRequest) -> None:
        executor = request.executor
        self._record.tasks.append(request)
        self._record.add(
            StepCode.TASK_ASKED,
            task=request.kind,
            kind=executor.kind if executor else "",
            ref=executor.ref if executor else "",
        )
