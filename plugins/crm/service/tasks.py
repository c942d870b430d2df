"""Tasks, as people work on them (features.md TSK).

Administrators see every task; an employee sees those that are his own or a group's of his, that he took
or made, but none of a client who is a personal contact (CON-05). Who sees a task may work on it.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from msgspec import UNSET, structs, to_builtins

from plugins.crm.logic import (
    LONGEST_PAGE,
    OPEN,
    CalledBack,
    CommentView,
    CreateTask,
    TaskCallView,
    TaskCard,
    TaskQuery,
    TaskStatus,
    TaskType,
    TaskView,
    UpdateTask,
    executor_columns,
    instant,
    one_line,
    plain_text,
    task_view,
)
from plugins.crm.service.clients import chosen
from plugins.crm.tables import Comment, Task, TaskCall
from sunsim import Addressee, Conflict, FieldError, Invalid, NotFound, Office

__all__ = ["call_back", "comment", "create_task", "take", "task", "tasks", "update_task"]


_REFUSALS = {
    "crm_tasks_employee_fkey": ("executor", "There is no such employee."),
    "crm_tasks_group_fkey": ("executor", "There is no such group."),
    "crm_tasks_contact_fkey": ("contact_id", "There is no such contact."),
}


async def tasks(office: Office, query: TaskQuery) -> list[TaskView]:
    """A page of the tasks that the viewer sees, the latest first (TSK-05)."""
    async with office.transaction():
        where, args = await _visible(office)
        for column, sign, value in (
            ("created_at", ">=", query.start),
            ("created_at", "<", query.end),
            ("kind", "=", query.kind),
            ("status", "=", query.status),
            ("executor_employee", "=", query.employee_id),
            ("executor_group", "=", query.group_id),
            ("contact_id", "=", query.contact_id),
            ("id", "<", query.after),
        ):
            if value is not None:
                where, args = f"{where} AND t.{column} {sign} {{}}", [*args, value]
        limit = min(query.limit, LONGEST_PAGE)
        sql = f"SELECT t.* FROM crm_tasks t WHERE {where} ORDER BY t.id DESC LIMIT {limit}"
        return [task_view(row) for row in await Task.raw(sql, *args)]


async def task(office: Office, task_id: UUID) -> TaskCard:
    """One task with what belongs to it. Raises NotFound, also for what the viewer may not see."""
    async with office.transaction():
        return await _card(office, await _row(office, task_id))


async def create_task(office: Office, command: CreateTask) -> TaskCard:
    """A task made by hand (TSK-11). Raises Invalid by field."""
    values = _checked({"title": command.title, "due": command.due})
    async with office.transaction(**_REFUSALS):
        executor = _named(command.executor)
        if executor == (None, None):
            if office.viewer.employee_id is None:
                raise Invalid(executor=FieldError("Choose an employee or a group."))
            executor = office.viewer.employee_id, None
        contact_id, number = await chosen(office, command.contact_id, command.number)
        values |= {"executor_employee": executor[0], "executor_group": executor[1]}
        values |= {"contact_id": contact_id, "number": number}
        made = Task(kind=TaskType.OTHER, author_id=office.viewer.employee_id, **values)
        await Task.insert(made)
        await office.note("task.create", made.id, after=_plain(values))
        return await _card(office, await _row(office, made.id))


async def update_task(office: Office, task_id: UUID, command: UpdateTask) -> TaskCard:
    """Change a task (TSK-07). Raises Conflict if its version moved on, Invalid by field, NotFound."""
    sent = structs.asdict(command).items()
    given = {name: value for name, value in sent if value is not UNSET and name != "version"}
    async with office.transaction(**_REFUSALS):
        row = await _row(office, task_id, lock=True)
        if row["version"] != command.version:
            raise Conflict
        values = _checked(given)
        if "executor" in values:
            employee, group = _named(values.pop("executor"))
            values |= {"executor_employee": employee, "executor_group": group, "taken_by": None}
        if "status" in values:
            closed = values["status"] not in OPEN
            values["closed_at"] = (row["closed_at"] or datetime.now(UTC)) if closed else None
        await _change(office, "task.update", row, values)
        return await _card(office, await _row(office, task_id, seen=True))


async def take(office: Office, task_id: UUID, employee_id: UUID | None = None) -> TaskCard:
    """Somebody of the group begins with its task (H-13), or the executor with his own; whom an
    administrator names, else the viewer. Raises Conflict if another one has it, Invalid, NotFound."""
    viewer = office.viewer
    who = employee_id if viewer.administrator and employee_id else viewer.employee_id
    if who is None:
        raise Invalid(employee_id=FieldError("Choose an employee."))
    async with office.transaction():
        row = await _row(office, task_id, lock=True)
        if row["status"] not in OPEN or row["taken_by"] not in (None, who):
            raise Conflict("Somebody else has this task, or it is done.")
        member = row["executor_group"] in await office.groups(who)
        if row["executor_employee"] != who and not member:
            raise Invalid(
                employee_id=FieldError("This task is not that employee’s, nor a group’s of his.")
            )
        await _change(office, "task.take", row, {"taken_by": who, "status": TaskStatus.IN_WORK})
        return await _card(office, await _row(office, task_id))


async def call_back(office: Office, task_id: UUID, employee_id: UUID | None = None) -> CalledBack:
    """«Перезвонить»: the viewer, or whom an administrator names, is connected with the client, his
    telephones first; the call is attached. Raises Invalid, Forbidden, NotFound, Unavailable."""
    async with office.transaction():
        number = (await _row(office, task_id))["number"]
    if number is None:
        raise Conflict("This task has no number that could be called.")
    call_id = await office.call(number, employee_id)
    async with office.transaction():
        row = await _row(office, task_id, lock=True, seen=True)  # also if somebody else has it by now
        await TaskCall.insert(TaskCall(task_id=task_id, call_id=call_id))
        begun = {"status": TaskStatus.IN_WORK} if row["status"] == TaskStatus.NEW else {}
        await _change(office, "task.call", row, begun)
        return CalledBack(call_id, task_view(await _row(office, task_id, seen=True)))


async def comment(office: Office, task_id: UUID, text: str) -> TaskCard:
    """Tell colleagues something (TSK-09). Raises Invalid, NotFound."""
    plain = plain_text(text)
    async with office.transaction():
        row = await _row(office, task_id)
        said = Comment(task_id=task_id, employee_id=office.viewer.employee_id, text=plain)
        await Comment.insert(said)
        return await _card(office, row)


async def _visible(office: Office) -> tuple[str, list[Any]]:
    """The one condition on rows ``t`` of tasks, with its arguments."""
    viewer = office.viewer
    if viewer.administrator:
        return "TRUE", []
    if viewer.employee_id is None:
        return "FALSE", []
    groups = await office.groups(viewer.employee_id)
    own = "{} IN (t.executor_employee, t.taken_by, t.author_id) OR t.executor_group = ANY({})"
    # Whoever wrote a number down himself learns nothing from seeing it again, and would from not.
    client = f"t.author_id = {{}} OR {office.visible('t.number', 'NULL::uuid')}"
    condition = f"({own}) AND {office.visible('NULL', 't.contact_id')} AND ({client})"
    return condition, [viewer.employee_id, list(groups), viewer.employee_id]


async def _row(
    office: Office, task_id: UUID, *, lock: bool = False, seen: bool = False
) -> dict[str, Any]:
    """The row, ``seen`` if the viewer has just had it: who gives a task away sees what became of it."""
    where, args = ("TRUE", []) if seen else await _visible(office)
    held = " FOR NO KEY UPDATE" if lock else ""
    rows = await Task.raw(
        f"SELECT t.* FROM crm_tasks t WHERE t.id = {{}} AND {where}{held}", task_id, *args
    )
    if not rows:
        raise NotFound
    return dict(rows[0])


async def _change(office: Office, action: str, row: dict[str, Any], values: dict[str, Any]) -> None:
    its = Task.id == row["id"]
    await Task.update({**values, Task.version: Task.version + 1}).where(its)
    before = {name: row[name] for name in values if row[name] != values[name]}
    await office.note(action, row["id"], _plain(before), _plain({n: values[n] for n in before}))


async def _card(office: Office, row: dict[str, Any]) -> TaskCard:
    mine = TaskCall.task_id == row["id"]
    attached = await TaskCall.select().where(mine).order_by(TaskCall.id)
    seen = await office.visible_calls([each["call_id"] for each in attached])
    said = await Comment.select().where(Comment.task_id == row["id"]).order_by(Comment.id)
    return TaskCard(
        task_view(row),
        tuple(
            TaskCallView(each["call_id"], each["recording"])
            for each in attached
            if each["call_id"] in seen
        ),
        tuple(
            CommentView(each["id"], each["employee_id"], each["text"], each["created_at"])
            for each in said
        ),
    )


def _checked(values: dict[str, Any]) -> dict[str, Any]:
    """In stored form. Raises Invalid."""
    if values.get("due") is not None:
        values = values | {"due": instant("due", values["due"])}
    if "title" in values:
        values = values | {"title": one_line(values["title"])}
    return values


def _named(executor: Addressee | None) -> tuple[UUID | None, UUID | None]:
    try:
        return executor_columns(executor)
    except FieldError as error:
        raise Invalid(executor=error) from None


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    """For the journal."""
    found: dict[str, Any] = to_builtins(values)
    return found
