"""The table, with a foreign key to a core table that cannot cross tenants."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from dummy.tables import Visit

ID = "2026-11-23T09:00:00:000001"
VERSION = "1.38.0"
DESCRIPTION = "Visits."

VISITS = """
CREATE TABLE dummy_visits (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL,
    call_id uuid NOT NULL,
    outcome varchar(20) NOT NULL,
    FOREIGN KEY (tenant_id, call_id) REFERENCES calls (tenant_id, id) ON DELETE CASCADE
)
"""


async def forwards() -> MigrationManager:
    manager = MigrationManager(migration_id=ID, app_name="dummy", description=DESCRIPTION)

    async def create() -> None:
        await Visit.raw(VISITS)

    manager.add_raw(create)
    return manager
