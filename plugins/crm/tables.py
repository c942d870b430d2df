"""Tasks with the calls they are about and what colleagues say of them, and deals."""

from __future__ import annotations

from piccolo.columns import UUID, Boolean, Integer, Text, Timestamptz
from piccolo.columns.defaults.timestamptz import TimestamptzNow

from sunsim import TenantTable

__all__ = ["Comment", "Deal", "Task", "TaskCall"]


class Task(TenantTable, tablename="crm_tasks"):
    """An errand [задача]. The executor is an employee or a group; nobody if that one is gone."""

    kind = Text(default=None, help_text="logic.TaskType.")
    status = Text(default="new", help_text="logic.TaskStatus.")
    title = Text(default="", help_text="Of one that was made by hand.")
    executor_employee = UUID(default=None, null=True)
    executor_group = UUID(default=None, null=True)
    taken_by = UUID(default=None, null=True, help_text="The member of the group who does it (H-13).")
    author_id = UUID(default=None, null=True, help_text="The employee who made it by hand.")
    contact_id = UUID(default=None, null=True)
    number = Text(default=None, null=True, help_text="The client's, +E.164.")
    due = Timestamptz(default=None, null=True)
    created_at = Timestamptz(default=TimestamptzNow())
    closed_at = Timestamptz(default=None, null=True)
    version = Integer(default=1, help_text="For conflicting edits.")


class TaskCall(TenantTable, tablename="crm_task_calls"):
    """A call that is attached to a task. Without a key to it: tasks may outlive the history."""

    task_id = UUID(default=None)
    call_id = UUID(default=None)
    recording = UUID(default=None, null=True, help_text="What the caller said.")


class Comment(TenantTable, tablename="crm_comments"):
    """Something for colleagues (TSK-09)."""

    task_id = UUID(default=None)
    employee_id = UUID(default=None, null=True)
    text = Text(default=None)
    created_at = Timestamptz(default=TimestamptzNow())


class Deal(TenantTable, tablename="crm_deals"):
    """A deal [сделка]. A contact that has one gets no other (DEA-07), unless a caller who has one, too,
    turns out to be this contact."""

    contact_id = UUID(default=None, null=True)
    only_of = UUID(default=None, null=True, help_text="The contact, in the one deal made for it.")
    title = Text(default="")
    status = Text(default="new", help_text="logic.DealStatus.")
    responsible_id = UUID(default=None, null=True)
    private = Boolean(default=False)
    automatic = Boolean(default=False)
    created_at = Timestamptz(default=TimestamptzNow())
    version = Integer(default=1, help_text="For conflicting edits.")
