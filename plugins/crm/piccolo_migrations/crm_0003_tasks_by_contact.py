"""An index for all tasks of a contact: for the contact's card, and when a contact goes."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from plugins.crm.tables import Task

ID = "2026-11-23T22:55:00:000003"
VERSION = "1.38.0"
DESCRIPTION = "Tasks by contact."


async def forwards() -> MigrationManager:
    manager = MigrationManager(migration_id=ID, app_name="crm", description=DESCRIPTION)

    async def change() -> None:
        await Task.raw("CREATE INDEX crm_tasks_by_contact ON crm_tasks (tenant_id, contact_id)")

    manager.add_raw(change)
    return manager
