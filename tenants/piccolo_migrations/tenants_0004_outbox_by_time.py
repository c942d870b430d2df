"""An index for consumers of the outbox, who look through it from a moment on."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from tenants.schema import statements_run


ID = "2026-11-23T08:00:00:000004"
VERSION = "1.38.0"
DESCRIPTION = "Outbox by time."


async def forwards() -> MigrationManager:
    return statements_run(ID, DESCRIPTION, "CREATE INDEX outbox_by_time ON outbox (created_at)")
