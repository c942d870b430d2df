"""What calls leave behind: tasks, deals, and who becomes the manager of a caller who was missed."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager
from piccolo.columns import UUID, Boolean, Integer, Timestamptz
from piccolo.table import Table

from tenants.schema import columns_added, tables_made

ID = "2026-11-23T18:45:00:000051"
VERSION = "1.38.0"
DESCRIPTION = "Settings of what calls leave behind, and candidates for personal managers."


class Contract(Table, tablename="contracts"):
    outgoing_tasks = Boolean(default=False)
    auto_deals = Boolean(default=False)
    check_duplicates = Boolean(default=True)
    settings_version = Integer(default=1)


class Contact(Table, tablename="contacts"):
    pending_manager = UUID(default=None, null=True)
    pending_since = Timestamptz(default=None, null=True)


async def forwards() -> MigrationManager:
    return columns_added(tables_made(ID, DESCRIPTION), Contract, Contact)
