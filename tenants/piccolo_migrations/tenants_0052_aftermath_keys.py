"""A candidate who is dismissed is a candidate no more."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from tenants.schema import statements_run

ID = "2026-11-23T18:45:00:000052"
VERSION = "1.38.0"
DESCRIPTION = "Keys of candidates."

KEYS = """
ALTER TABLE contacts
    ADD CONSTRAINT contacts_pending_manager_fkey FOREIGN KEY (tenant_id, pending_manager)
        REFERENCES employees (tenant_id, id) ON DELETE SET NULL (pending_manager);
CREATE INDEX contacts_by_pending_manager ON contacts (pending_manager)
    WHERE pending_manager IS NOT NULL;
"""


async def forwards() -> MigrationManager:
    return statements_run(ID, DESCRIPTION, KEYS)
