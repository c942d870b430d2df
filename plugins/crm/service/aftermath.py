"""What calls make: tasks, and deals of clients who call."""

from __future__ import annotations

from uuid import UUID

from plugins.crm.logic import OPEN, Draft, client_of, drafts
from plugins.crm.tables import Deal, Task, TaskCall
from sunsim import CallEnded, Client, ContactKind, Direction, Office, Tenant, new_id

__all__ = ["after_call"]


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
            "INSERT INTO crm_deals (id, tenant_id, contact_id, only_of, responsible_id, automatic)"
            " VALUES ({}, {}, {}, {}, (SELECT id FROM employees WHERE id = {}), true)"
            " ON CONFLICT ON CONSTRAINT crm_deals_contact_once DO NOTHING",
            *(new_id(), tenant.id, client.id, client.id, responsible),
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
