"""What a call leaves behind: its record, its steps, and what it asks others to do. Data."""

from __future__ import annotations

from enum import StrEnum
from typing import Any
from uuid import UUID

from msgspec import Struct

from core.decisions import CallFacts, Decision, Direction, Live
from core.recordings import CallRecording
from core.scenarios import Addressee, Dial

__all__ = [
    "Attempt",
    "CallStep",
    "Cdr",
    "Outcome",
    "StepCode",
    "TaskKind",
    "TaskRequest",
]


class Outcome(StrEnum):
    """How a call ended."""

    ANSWERED = "answered"
    BUSY = "busy"
    NO_ANSWER = "no_answer"
    CANCELLED = "cancelled"
    REFUSED = "refused"
    FAILED = "failed"


class StepCode(StrEnum):
    """Entries of a call's own log; ``tenants/trace.py`` makes sentences of them."""

    ARRIVED = "arrived"  # number, caller
    DIALLED = "dialled"  # an employee dials: called
    ADMISSION_REFUSED = "admission_refused"  # plugin, reason
    ROUTED = "routed"  # scenario_id, version, branch_id, open, passed: pairs of a branch and why not
    UNROUTED = "unrouted"  # no scenario handles it: reason
    NOT_RUNG = "not_rung"  # terminal or employee, else kind and ref of the addressee: reason
    PLAYED = "played"  # the caller is answered and hears something: media
    PRESSED = "pressed"  # the caller chose something: key
    RINGING = "ringing"  # a leg was offered
    LEG_ENDED = "leg_ended"  # a leg that was not answered: status, reason
    ANSWERED = "answered"  # a leg answered
    TASK_ASKED = "task_asked"  # task; kind and ref of the executor, if there is one
    RECORDING = "recording"  # what is said is recorded from now on: kind, why
    NOT_RECORDING = "not_recording"  # no longer, or not at all: reason, by
    HELD = "held"  # somebody put the other one on hold
    RESUMED = "resumed"  # and took him back
    TRANSFER = "transfer"  # somebody passes the other one on: to, attended
    CONSULTED = "consulted"  # whom he asks first talks with him, until somebody joins or is taken back
    TRANSFER_FAILED = "transfer_failed"  # nobody there took him: status
    JOINED = "joined"  # somebody came into the conversation
    TAKEN_UP = "taken_up"  # the employee for whom a call is made is at the telephone
    PICKED_UP = "picked_up"  # somebody took the call from those who rang
    QUEUED = "queued"  # nobody was free, the caller waits: place
    LEFT_QUEUE = "left_queue"  # he waits no more: reason, seconds, place
    MEDIA_MOVED = "media_moved"  # the media server was lost, the audio goes through another: seconds
    ENDED = "ended"  # by, cause


class CallStep(Struct, frozen=True, omit_defaults=True):
    """One entry of a call's log: when (epoch seconds), what, on which terminal, and details."""

    at: float
    code: StepCode
    terminal_id: UUID | None = None
    employee_id: UUID | None = None
    address: str | None = None
    data: dict[str, Any] = {}


class Attempt(Struct, frozen=True, omit_defaults=True):
    """One dialling: when its plan was asked for, of which step, and the live state that was looked at.

    Step and live state are left out if they are those of the attempt before. ``only`` those were to
    ring (``Ring.who``), if not all; ``snapshot_hash`` names the configuration if it was a newer one
    than the call's.
    """

    at: float
    step: Dial | None = None
    live: Live | None = None
    only: tuple[str, ...] | None = None
    snapshot_hash: str = ""


class TaskKind(StrEnum):
    """Why a call wants somebody to do something about it (TSK-01, TSK-04)."""

    MISSED = "missed"  # «Пропущенный звонок»
    MESSAGE = "message"  # a voice message was left (PRC-04)
    CALLBACK = "callback"  # the caller wants to be called back (IVR-16)
    OUTGOING = "outgoing"  # a client was not reached (SET-06)


class TaskRequest(Struct, frozen=True):
    """A task that a call asks for; who makes tasks reads it in the record.

    ``executor`` is an employee or a group, as chosen from whom the call had tried; ``None`` if there
    is nobody of the kind that was wanted. ``recording`` is what the caller said, of a message.
    """

    kind: TaskKind
    executor: Addressee | None = None
    recording: UUID | None = None


class Cdr(Struct, frozen=True):
    """The record of an ended call, enough to show it, count it and replay its decisions.

    ``decision`` is kept if a plugin took it: nobody else can be asked for it again. ``tasks`` are what
    the call asks for; ``missed_manager`` is who becomes the manager of a caller who was missed, when he
    is saved (PMA-03, H-23), where that is not the one of every new contact.
    """

    call_id: UUID
    tenant_id: UUID
    direction: Direction
    caller: str | None
    called: str
    outcome: Outcome
    sip_status: int
    started_at: float
    ended_at: float
    ended_by: str
    ringing_at: float | None = None
    answered_at: float | None = None
    number_id: UUID | None = None
    trunk_id: UUID | None = None
    scenario_id: UUID | None = None
    caller_employee_id: UUID | None = None
    answered_employee_id: UUID | None = None
    answered_terminal_id: UUID | None = None
    caller_name: str = ""
    steps: tuple[CallStep, ...] = ()
    snapshot_hash: str = ""
    seed: int = 0
    facts: CallFacts | None = None
    decision: Decision | None = None
    attempts: tuple[Attempt, ...] = ()
    tasks: tuple[TaskRequest, ...] = ()
    missed_manager: UUID | None = None
    recordings: tuple[CallRecording, ...] = ()
