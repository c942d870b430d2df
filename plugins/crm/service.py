"""Tasks and deals: what calls make of them, and what people do with them (features.md TSK, DEA).

Administrators see every task; an employee sees those that are his own or a group's of his, that he took
or made, but none of a client who is a personal contact (CON-05). Who sees a task may work on it.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from msgspec import UNSET, Struct, structs, to_builtins

from plugins.crm.logic import (
    OPEN,
    CalledBack,
    CommentView,
    CreateDeal,
    CreateTask,
    DealView,
    Draft,
    TaskCallView,
    TaskCard,
    TaskQuery,
    TaskStatus,
    TaskType,
    TaskView,
    UpdateTask,
    client_of,
    deal_view,
    drafts,
    executor_columns,
    instant,
    one_line,
    plain_text,
    task_view,
)
from plugins.crm.tables import Comment, Deal, Task, TaskCall
from sunsim import (
    Addressee,
    CallEnded,
    Client,
    Conflict,
    ContactKind,
    Direction,
    FieldError,
    Invalid,
    NotFound,
    Office,
    Tenant,
    new_id,
    normalize,
)

__all__ = [
    "after_call",
    "call_back",
    "comment",
    "create_deal",
    "create_task",
    "deal",
    "deals",
    "take",
    "task",
    "tasks",
    "update_task",
]

_LONGEST_PAGE = 200
_REFUSALS = {
    "crm_tasks_employee_fkey": ("executor", "There is no such employee."),
    "crm_tasks_group_fkey": ("executor", "There is no such group."),
}


# --- what calls make ----------------------------------------------------------------------------


async def after_call(tenant: Tenant, event: CallEnded, office: Office) -> None:
    """The tasks that a call asks for, and a deal for its client if the company wants that (SET-07)."""
    cdr, wanted = event.cdr, await office.consequences()
    number, incoming = client_of(cdr), cdr.direction is Direction.INCOMING
    asked = list(drafts(cdr))
    if not asked and not (incoming and wanted.auto_deals):
        return
    client = await office.client(number, make=incoming) if number else None
    for draft in asked:
        found = await _open_task(draft, client, number) if wanted.check_duplicates else None
        task_id = found or await _make(tenant, draft, client, number)
        await TaskCall.raw(
            "INSERT INTO crm_task_calls (id, tenant_id, task_id, call_id, recording)"
            " VALUES ({}, {}, {}, {}, {}) ON CONFLICT DO NOTHING",
            *(new_id(), tenant.id, task_id, cdr.call_id, draft.recording),
        )
    if incoming and wanted.auto_deals and client and client.kind is not ContactKind.PERSONAL:
        responsible = cdr.answered_employee_id or client.manager_id or cdr.missed_manager
        await Deal.raw(
            "INSERT INTO crm_deals (id, tenant_id, contact_id, responsible_id, automatic)"
            " VALUES ({}, {}, {}, (SELECT id FROM employees WHERE id = {}), true)"
            " ON CONFLICT ON CONSTRAINT crm_deals_contact_once DO NOTHING",
            *(new_id(), tenant.id, client.id, responsible),
        )


async def _open_task(draft: Draft, client: Client | None, number: str | None) -> UUID | None:
    """The open task of this type, this client and this kind of executor (TSK-03, H-12)."""
    if client is None and number is None:
        return None
    rows = await Task.raw(
        "SELECT id FROM crm_tasks WHERE kind = {} AND status = ANY({})"
        " AND (contact_id = {} OR contact_id IS NULL AND number = {})"
        " AND (executor_employee IS NULL) = {} AND (executor_group IS NULL) = {}"
        " ORDER BY id DESC LIMIT 1 FOR NO KEY UPDATE",
        *(draft.kind, sorted(OPEN), client.id if client else None, number),
        *(draft.employee is None, draft.group is None),
    )
    return rows[0]["id"] if rows else None


async def _make(tenant: Tenant, draft: Draft, client: Client | None, number: str | None) -> UUID:
    """A new task; of an executor who is gone by now it is nobody's, and administrators see it."""
    key = new_id()
    await Task.raw(
        "INSERT INTO crm_tasks (id, tenant_id, kind, executor_employee, executor_group, contact_id,"
        " number) VALUES ({}, {}, {}, (SELECT id FROM employees WHERE id = {}),"
        " (SELECT id FROM groups WHERE id = {}), {}, {})",
        *(key, tenant.id, draft.kind, draft.employee, draft.group),
        *(client.id if client else None, number),
    )
    return key


# --- tasks ----------------------------------------------------------------------------------------


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
        limit = min(query.limit, _LONGEST_PAGE)
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
        contact_id, number = await _client(office, command.contact_id, command.number)
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
        row = await _row(office, task_id, lock=True)
        await TaskCall.insert(TaskCall(task_id=task_id, call_id=call_id))
        begun = {"status": TaskStatus.IN_WORK} if row["status"] == TaskStatus.NEW else {}
        await _change(office, "task.call", row, begun)
        return CalledBack(call_id, task_view(await _row(office, task_id)))


async def comment(office: Office, task_id: UUID, text: str) -> TaskCard:
    """Tell colleagues something (TSK-09). Raises Invalid, NotFound."""
    try:
        plain = plain_text(text)
    except FieldError as error:
        raise Invalid(text=error) from None
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


# --- deals ----------------------------------------------------------------------------------------


async def deals(office: Office, after: UUID | None = None, limit: int = 50) -> list[DealView]:
    """A page of the deals that the viewer sees, the latest first."""
    async with office.transaction():
        where, args = _visible_deals(office)
        if after is not None:
            where, args = f"{where} AND d.id < {{}}", [*args, after]
        most = min(limit, _LONGEST_PAGE)
        sql = f"SELECT d.* FROM crm_deals d WHERE {where} ORDER BY d.id DESC LIMIT {most}"
        return [deal_view(row) for row in await Deal.raw(sql, *args)]


async def deal(office: Office, deal_id: UUID) -> DealView:
    """One deal. Raises NotFound, also for a private one of somebody else (DEA-08)."""
    async with office.transaction():
        return await _deal(office, deal_id)


async def create_deal(office: Office, command: CreateDeal) -> DealView:
    """A deal made by hand (DEA-01), the only one of its contact (DEA-07). Raises Invalid by field."""
    refusals = {
        "crm_deals_contact_once": ("contact_id", "This contact has a deal already."),
        "crm_deals_responsible_fkey": ("responsible_id", "There is no such employee."),
    }
    responsible = command.responsible_id or office.viewer.employee_id
    if command.private and responsible is None:
        raise Invalid(responsible_id=FieldError("A private deal needs a responsible."))
    async with office.transaction(**refusals):
        contact_id, _ = await _client(office, command.contact_id, None)
        made = Deal(
            contact_id=contact_id,
            title=_checked({"title": command.title})["title"] if command.title.strip() else "",
            responsible_id=responsible,
            private=command.private,
        )
        await Deal.insert(made)
        # What a private deal is about is nobody else's, not even the journal's readers'.
        after = {} if command.private else {"title": made.title}
        await office.note("deal.create", made.id, after=after)
        return deal_view(dict((await Deal.select().where(Deal.id == made.id))[0]))


async def _deal(office: Office, deal_id: UUID) -> DealView:
    where, args = _visible_deals(office)
    sql = f"SELECT d.* FROM crm_deals d WHERE d.id = {{}} AND {where}"
    rows = await Deal.raw(sql, deal_id, *args)
    if not rows:
        raise NotFound
    return deal_view(dict(rows[0]))


def _visible_deals(office: Office) -> tuple[str, list[Any]]:
    """The one condition on rows ``d``: a private deal is its responsible's, by the letter (H-7). So is
    one whose contact is gone, which may have been a personal one, and administrators'."""
    viewer = office.viewer
    kept = "d.private" if viewer.administrator else "(d.private OR d.contact_id IS NULL)"
    mine = f"NOT {kept} OR d.responsible_id = {{}}"
    return f"({mine}) AND {office.visible('NULL', 'd.contact_id')}", [viewer.employee_id]


# --- checks ---------------------------------------------------------------------------------------


def _checked(values: dict[str, Any]) -> dict[str, Any]:
    """In stored form. Raises Invalid."""
    if values.get("due") is not None:
        values = values | {"due": instant("due", values["due"])}
    if "title" in values:
        try:
            values = values | {"title": one_line(values["title"])}
        except FieldError as error:
            raise Invalid(title=error) from None
    return values


def _named(executor: Addressee | None) -> tuple[UUID | None, UUID | None]:
    try:
        return executor_columns(executor)
    except FieldError as error:
        raise Invalid(executor=error) from None


async def _client(
    office: Office, contact_id: UUID | None, number: str | None
) -> tuple[UUID | None, str | None]:
    """Whom it is about, by contact or by number. Raises Invalid for what the viewer cannot see."""
    plain = normalize(number) if number else None
    if number and plain is None:
        raise Invalid(number=FieldError("This is not a telephone number."))
    if contact_id is None:
        found = await office.client(plain) if plain else None
        return (found.id if found else None), plain
    rows = await Task.raw(
        "SELECT c.id, (SELECT n.e164 FROM contact_numbers n WHERE n.contact_id = c.id"
        f" ORDER BY n.id LIMIT 1) AS e164 FROM contacts c WHERE c.id = {{}}"
        f" AND {office.visible('NULL', 'c.id')}",
        contact_id,
    )
    if not rows:
        raise Invalid(contact_id=FieldError("There is no such contact."))
    return contact_id, plain or rows[0]["e164"]


def _plain(values: dict[str, Any] | Struct) -> dict[str, Any]:
    """For the journal."""
    found: dict[str, Any] = to_builtins(values)
    return found
