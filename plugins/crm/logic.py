"""What tasks and deals are, as the API takes and gives them, and what calls make of them; pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any
from unicodedata import category
from uuid import UUID

from msgspec import UNSET, Struct, UnsetType

from sunsim import Addressee, AddresseeKind, Cdr, Direction, FieldError, Invalid

__all__ = [
    "LONGEST_PAGE",
    "OPEN",
    "CalledBack",
    "CommentView",
    "CreateDeal",
    "CreateTask",
    "DealStatus",
    "DealView",
    "Draft",
    "TaskCallView",
    "TaskCard",
    "TaskQuery",
    "TaskStatus",
    "TaskType",
    "TaskView",
    "UpdateTask",
    "client_of",
    "deal_view",
    "drafts",
    "executor_columns",
    "instant",
    "one_line",
    "plain_text",
    "task_view",
]

LONGEST_PAGE = 200
_LONGEST_TITLE = 200
_LONGEST_COMMENT = 4000


class TaskType(StrEnum):
    """What a task is about: one of ``TaskKind``, or whatever somebody wrote down (TSK-11)."""

    MISSED = "missed"
    MESSAGE = "message"
    CALLBACK = "callback"
    OUTGOING = "outgoing"
    OTHER = "other"


class TaskStatus(StrEnum):
    """How far a task is (TSK-07)."""

    NEW = "new"
    IN_WORK = "in_work"
    DONE = "done"
    CANCELLED = "cancelled"


OPEN = frozenset({TaskStatus.NEW, TaskStatus.IN_WORK})
"""Calls may still be put to such a task."""


class DealStatus(StrEnum):
    """How far a deal is (DEA-04)."""

    NEW = "new"
    IN_WORK = "in_work"
    WON = "won"
    LOST = "lost"


class TaskView(Struct, frozen=True):
    """A task. ``executor`` is an employee or a group, null if that one is gone; ``taken_by`` is the
    employee who does what a group is to do. ``number`` is the client's."""

    id: UUID
    kind: TaskType
    status: TaskStatus
    title: str
    executor: Addressee | None
    taken_by: UUID | None
    author_id: UUID | None
    contact_id: UUID | None
    number: str | None
    due: datetime | None
    created_at: datetime
    closed_at: datetime | None
    version: int


class TaskCallView(Struct, frozen=True):
    """A call that is attached, with what the caller said, if that was recorded."""

    call_id: UUID
    recording: UUID | None


class CommentView(Struct, frozen=True):
    """Something that an employee told colleagues; without one a program did."""

    id: UUID
    employee_id: UUID | None
    text: str
    created_at: datetime


class TaskCard(Struct, frozen=True):
    """A task with its calls, as far as the reader may see them, and comments, the oldest first."""

    task: TaskView
    calls: tuple[TaskCallView, ...]
    comments: tuple[CommentView, ...]


class CalledBack(Struct, frozen=True):
    """The call that begins, which is attached to the task."""

    call_id: UUID
    task: TaskView


class TaskQuery(Struct, frozen=True):
    """Tasks made in a period [start, end), and what to show of them; ``after`` goes on after the last
    one of an earlier page. ``employee_id`` and ``group_id`` are executors."""

    start: datetime
    end: datetime
    kind: TaskType | None = None
    status: TaskStatus | None = None
    employee_id: UUID | None = None
    group_id: UUID | None = None
    contact_id: UUID | None = None
    after: UUID | None = None
    limit: int = 50


class CreateTask(Struct, frozen=True, forbid_unknown_fields=True):
    """A task made by hand. The executor is an employee or a group; without one it is whoever asks."""

    title: str
    executor: Addressee | None = None
    contact_id: UUID | None = None
    number: str | None = None
    due: datetime | None = None


class UpdateTask(Struct, frozen=True, forbid_unknown_fields=True):
    """Changes of a task; what is left out stays. ``version`` is the one that was looked at."""

    version: int
    title: str | UnsetType = UNSET
    status: TaskStatus | UnsetType = UNSET
    executor: Addressee | UnsetType = UNSET
    due: datetime | UnsetType | None = UNSET


class DealView(Struct, frozen=True):
    """A deal of a contact; a private one is its responsible's alone."""

    id: UUID
    contact_id: UUID | None
    title: str
    status: DealStatus
    responsible_id: UUID | None
    private: bool
    automatic: bool
    created_at: datetime
    version: int


class CreateDeal(Struct, frozen=True, forbid_unknown_fields=True):
    """A deal made by hand; without a responsible it is whoever asks, if that is an employee."""

    contact_id: UUID
    title: str = ""
    responsible_id: UUID | None = None
    private: bool = False


class Draft(Struct, frozen=True):
    """A task that a call asks for: ``executor`` as two columns, employee and group."""

    kind: TaskType
    employee: UUID | None
    group: UUID | None
    recording: UUID | None


def drafts(cdr: Cdr) -> Iterator[Draft]:
    """What the call asks for, each kind for each executor once."""
    seen = set()
    for request in cdr.tasks:
        employee, group = executor_columns(request.executor)
        if (request.kind, employee, group) not in seen:
            seen.add((request.kind, employee, group))
            yield Draft(TaskType(request.kind), employee, group, request.recording)


def client_of(cdr: Cdr) -> str | None:
    """Whose call it was, or who was called; nobody of a call among colleagues or without a number."""
    if cdr.direction is Direction.INTERNAL:
        return None
    return cdr.called if cdr.direction is Direction.OUTGOING else cdr.caller


def executor_columns(executor: Addressee | None) -> tuple[UUID | None, UUID | None]:
    """An executor as an employee and a group, of which one is none. Raises FieldError."""
    if executor is None:
        return None, None
    try:
        key = UUID(executor.ref)
    except ValueError:
        key = None
    if key is None or executor.kind not in (AddresseeKind.EMPLOYEE, AddresseeKind.GROUP):
        raise FieldError("Choose an employee or a group.")
    return (key, None) if executor.kind is AddresseeKind.EMPLOYEE else (None, key)


def instant(name: str, given: datetime) -> datetime:
    """In UTC. Raises Invalid for one without its zone, or that UTC does not have."""
    try:
        if given.tzinfo is not None:
            return given.astimezone(UTC)
    except OverflowError:
        pass
    raise Invalid(**{name: FieldError("Say in which time zone this is.")})


def one_line(text: str) -> str:
    """A title in stored form. Raises Invalid."""
    line = " ".join(text.split())
    if not line or len(line) > _LONGEST_TITLE or not line.isprintable():
        raise Invalid(title=FieldError("A title has 1 to 200 characters."))
    return line


def plain_text(text: str) -> str:
    """A comment in stored form: lines and tabs, no other control characters. Raises Invalid."""
    plain = "\n".join(text.splitlines()).strip()
    if not plain or len(plain) > _LONGEST_COMMENT:
        raise Invalid(text=FieldError("A comment has 1 to 4000 characters."))
    if any(category(char) in ("Cc", "Cs") for char in plain if char not in "\n\t"):
        raise Invalid(text=FieldError("A comment has no control characters."))
    return plain


def task_view(row: dict[str, Any]) -> TaskView:
    """A row of ``crm_tasks``."""
    executor = None
    if row["executor_employee"] is not None:
        executor = Addressee(AddresseeKind.EMPLOYEE, str(row["executor_employee"]))
    elif row["executor_group"] is not None:
        executor = Addressee(AddresseeKind.GROUP, str(row["executor_group"]))
    return TaskView(
        id=row["id"],
        kind=TaskType(row["kind"]),
        status=TaskStatus(row["status"]),
        title=row["title"],
        executor=executor,
        taken_by=row["taken_by"],
        author_id=row["author_id"],
        contact_id=row["contact_id"],
        number=row["number"],
        due=row["due"],
        created_at=row["created_at"],
        closed_at=row["closed_at"],
        version=row["version"],
    )


def deal_view(row: dict[str, Any]) -> DealView:
    """A row of ``crm_deals``."""
    return DealView(
        id=row["id"],
        contact_id=row["contact_id"],
        title=row["title"],
        status=DealStatus(row["status"]),
        responsible_id=row["responsible_id"],
        private=row["private"],
        automatic=row["automatic"],
        created_at=row["created_at"],
        version=row["version"],
    )
