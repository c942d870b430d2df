"""Tasks and deals. Who is dismissed, and a contact that is deleted, leave them without."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from plugins.crm.tables import Task

ID = "2026-11-23T19:00:00:000001"
VERSION = "1.38.0"
DESCRIPTION = "Tasks and deals."

TASKS = """
CREATE TABLE crm_tasks (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    kind text NOT NULL
        CONSTRAINT crm_tasks_kind_check
        CHECK (kind IN ('missed', 'message', 'callback', 'outgoing', 'other')),
    status text NOT NULL DEFAULT 'new'
        CONSTRAINT crm_tasks_status_check CHECK (status IN ('new', 'in_work', 'done', 'cancelled')),
    title text NOT NULL DEFAULT '',
    executor_employee uuid,
    executor_group uuid,
    taken_by uuid,
    author_id uuid,
    contact_id uuid,
    number text,
    due timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    closed_at timestamptz,
    version integer NOT NULL DEFAULT 1,
    CONSTRAINT crm_tasks_tenant_key UNIQUE (tenant_id, id),
    CONSTRAINT crm_tasks_executor_check CHECK (executor_employee IS NULL OR executor_group IS NULL),
    CONSTRAINT crm_tasks_employee_fkey FOREIGN KEY (tenant_id, executor_employee)
        REFERENCES employees (tenant_id, id) ON DELETE SET NULL (executor_employee),
    CONSTRAINT crm_tasks_group_fkey FOREIGN KEY (tenant_id, executor_group)
        REFERENCES groups (tenant_id, id) ON DELETE SET NULL (executor_group),
    CONSTRAINT crm_tasks_taken_by_fkey FOREIGN KEY (tenant_id, taken_by)
        REFERENCES employees (tenant_id, id) ON DELETE SET NULL (taken_by),
    CONSTRAINT crm_tasks_author_fkey FOREIGN KEY (tenant_id, author_id)
        REFERENCES employees (tenant_id, id) ON DELETE SET NULL (author_id),
    CONSTRAINT crm_tasks_contact_fkey FOREIGN KEY (tenant_id, contact_id)
        REFERENCES contacts (tenant_id, id) ON DELETE SET NULL (contact_id)
)
"""

CALLS = """
CREATE TABLE crm_task_calls (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL,
    task_id uuid NOT NULL,
    call_id uuid NOT NULL,
    recording uuid,
    CONSTRAINT crm_task_calls_once UNIQUE (tenant_id, task_id, call_id),
    CONSTRAINT crm_task_calls_task_fkey FOREIGN KEY (tenant_id, task_id)
        REFERENCES crm_tasks (tenant_id, id) ON DELETE CASCADE
)
"""

COMMENTS = """
CREATE TABLE crm_comments (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL,
    task_id uuid NOT NULL,
    employee_id uuid,
    text text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT crm_comments_task_fkey FOREIGN KEY (tenant_id, task_id)
        REFERENCES crm_tasks (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT crm_comments_employee_fkey FOREIGN KEY (tenant_id, employee_id)
        REFERENCES employees (tenant_id, id) ON DELETE SET NULL (employee_id)
)
"""

DEALS = """
CREATE TABLE crm_deals (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    contact_id uuid,
    title text NOT NULL DEFAULT '',
    status text NOT NULL DEFAULT 'new'
        CONSTRAINT crm_deals_status_check CHECK (status IN ('new', 'in_work', 'won', 'lost')),
    responsible_id uuid,
    private boolean NOT NULL DEFAULT false,
    automatic boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL DEFAULT now(),
    version integer NOT NULL DEFAULT 1,
    CONSTRAINT crm_deals_contact_once UNIQUE (tenant_id, contact_id),
    CONSTRAINT crm_deals_contact_fkey FOREIGN KEY (tenant_id, contact_id)
        REFERENCES contacts (tenant_id, id) ON DELETE SET NULL (contact_id),
    CONSTRAINT crm_deals_responsible_fkey FOREIGN KEY (tenant_id, responsible_id)
        REFERENCES employees (tenant_id, id) ON DELETE SET NULL (responsible_id)
)
"""

INDEXES = (
    "CREATE INDEX crm_tasks_by_time ON crm_tasks (tenant_id, id DESC)",
    "CREATE INDEX crm_tasks_open ON crm_tasks (tenant_id, contact_id, kind)"
    " WHERE status IN ('new', 'in_work')",
    "CREATE INDEX crm_task_calls_by_call ON crm_task_calls (call_id)",
    "CREATE INDEX crm_comments_by_task ON crm_comments (tenant_id, task_id, id)",
)


async def forwards() -> MigrationManager:
    manager = MigrationManager(migration_id=ID, app_name="crm", description=DESCRIPTION)

    async def create() -> None:
        for statement in (TASKS, CALLS, COMMENTS, DEALS, *INDEXES):
            await Task.raw(statement)

    manager.add_raw(create)
    return manager
