"""What the operator changed that belongs to no tenant: its own append-only table."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from tenants.engine import current_session

ID = "2026-11-23T08:00:00:000005"
VERSION = "1.38.0"
DESCRIPTION = "The operator's entries."

TABLE = """
CREATE TABLE operator_entries (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    at timestamptz NOT NULL DEFAULT now(),
    actor text NOT NULL,
    source text NOT NULL DEFAULT '',
    action text NOT NULL,
    details jsonb NOT NULL DEFAULT '{}'
)
"""


async def forwards() -> MigrationManager:
    manager = MigrationManager(migration_id=ID, app_name="tenants", description=DESCRIPTION)

    async def run() -> None:
        await current_session().execute(TABLE)

    manager.add_raw(run)
    return manager
