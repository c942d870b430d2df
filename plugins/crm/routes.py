"""Tasks and deals over the API."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated
from uuid import UUID

from litestar import Response, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter
from msgspec import Struct

from plugins.crm.logic import (
    CalledBack,
    CreateDeal,
    CreateTask,
    DealView,
    TaskCard,
    TaskQuery,
    TaskStatus,
    TaskType,
    TaskView,
    UpdateTask,
    instant,
)
from plugins.crm.service import deals, tasks
from sunsim import Office

__all__ = ["OPERATIONS", "TEMPLATES"]

TEMPLATES = Path(__file__).parent / "templates"

TheOffice = NamedDependency[Office]
After = Annotated[UUID | None, QueryParameter(description="Only those after this one.")]
Limit = Annotated[int, QueryParameter(ge=1, le=200, description="How many in one page.")]
READ_TASKS, WRITE_TASKS = {"scope": "tasks:read"}, {"scope": "tasks:write"}
READ_DEALS, WRITE_DEALS = {"scope": "deals:read"}, {"scope": "deals:write"}
CONFLICT = {"conflict": True}


class TaskList(Struct, frozen=True):
    """Tasks, the latest first."""

    items: list[TaskView]


class DealList(Struct, frozen=True):
    """Deals, the latest first."""

    items: list[DealView]


class Taking(Struct, frozen=True, forbid_unknown_fields=True):
    """Which employee takes a task, or calls; a program has to say so."""

    employee_id: UUID | None = None


class Saying(Struct, frozen=True, forbid_unknown_fields=True):
    """What is said."""

    text: str


@get("/tasks", opt=READ_TASKS)
async def list_tasks(
    office: TheOffice,
    start: Annotated[
        datetime | None,
        QueryParameter(
            name="start", description="Made from this instant on; without it from today’s midnight."
        ),
    ] = None,
    end: Annotated[
        datetime | None,
        QueryParameter(
            name="end", description="Made before this instant; without it up to the end of today."
        ),
    ] = None,
    kind: Annotated[TaskType | None, QueryParameter(description="Only of this type.")] = None,
    status: Annotated[TaskStatus | None, QueryParameter(description="Only with this status.")] = None,
    employee_id: Annotated[
        UUID | None, QueryParameter(description="Only those of this employee.")
    ] = None,
    group_id: Annotated[UUID | None, QueryParameter(description="Only those of this group.")] = None,
    contact_id: Annotated[
        UUID | None, QueryParameter(description="Only those about this contact.")
    ] = None,
    after: After = None,
    limit: Limit = 50,
) -> TaskList:
    """List the tasks of a period.

    Without a period those that were made today, on the clock of the company. The latest first; the next
    page begins after the last one of this page.
    """
    first, last = office.today()
    query = TaskQuery(
        instant("start", start) if start else first,
        instant("end", end) if end else last,
        kind=kind,
        status=status,
        employee_id=employee_id,
        group_id=group_id,
        contact_id=contact_id,
        after=after,
        limit=limit,
    )
    return TaskList(await tasks.tasks(office, query))


@post("/tasks", opt=WRITE_TASKS)
async def create_task(office: TheOffice, data: JSONBody[CreateTask]) -> Response[TaskCard]:
    """Create a task.

    By hand; those of calls are made by themselves.
    """
    made = await tasks.create_task(office, data)
    return Response(made, headers={"location": f"/api/v1/tasks/{made.task.id}"})


@get("/tasks/{task_id:uuid}", opt=READ_TASKS)
async def get_task(office: TheOffice, task_id: FromPath[UUID]) -> TaskCard:
    """Get a task with its calls and comments."""
    return await tasks.task(office, task_id)


@patch("/tasks/{task_id:uuid}", opt=WRITE_TASKS | CONFLICT)
async def change_task(
    office: TheOffice, task_id: FromPath[UUID], data: JSONBody[UpdateTask]
) -> TaskCard:
    """Change a task.

    Its status, when it is due, who is to do it. Send the version that you have read.
    """
    return await tasks.update_task(office, task_id, data)


@post("/tasks/{task_id:uuid}/take", status_code=200, opt=WRITE_TASKS | CONFLICT)
async def take_task(office: TheOffice, task_id: FromPath[UUID], data: JSONBody[Taking]) -> TaskCard:
    """Take a task.

    Of a group it is then the employee’s who takes it; nobody else can.
    """
    return await tasks.take(office, task_id, data.employee_id)


@post("/tasks/{task_id:uuid}/call", status_code=202, opt=WRITE_TASKS | CONFLICT)
async def call_back(office: TheOffice, task_id: FromPath[UUID], data: JSONBody[Taking]) -> CalledBack:
    """Call the client of a task back.

    The employee’s telephones ring first; once he is there the client is called. The call is attached to
    the task and seen there once it is over. The token needs the scope calls:write, too.
    """
    return await tasks.call_back(office, task_id, data.employee_id)


@post("/tasks/{task_id:uuid}/comments", opt=WRITE_TASKS)
async def comment_task(office: TheOffice, task_id: FromPath[UUID], data: JSONBody[Saying]) -> TaskCard:
    """Add a comment to a task."""
    return await tasks.comment(office, task_id, data.text)


@get("/deals", opt=READ_DEALS)
async def list_deals(office: TheOffice, after: After = None, limit: Limit = 50) -> DealList:
    """List the deals.

    The latest first. A private one is seen by its responsible alone.
    """
    return DealList(await deals.deals(office, after, limit))


@post("/deals", opt=WRITE_DEALS)
async def create_deal(office: TheOffice, data: JSONBody[CreateDeal]) -> Response[DealView]:
    """Create a deal.

    A contact has one at most.
    """
    made = await deals.create_deal(office, data)
    return Response(made, headers={"location": f"/api/v1/deals/{made.id}"})


@get("/deals/{deal_id:uuid}", opt=READ_DEALS)
async def get_deal(office: TheOffice, deal_id: FromPath[UUID]) -> DealView:
    """Get a deal."""
    return await deals.deal(office, deal_id)


OPERATIONS = (
    list_tasks,
    create_task,
    get_task,
    change_task,
    take_task,
    call_back,
    comment_task,
    list_deals,
    create_deal,
    get_deal,
)
