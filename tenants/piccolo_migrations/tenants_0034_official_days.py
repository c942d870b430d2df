"""Which official days were loaded into a calendar: what a later load compares with."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager
from piccolo.columns import JSONB
from piccolo.table import Table

from tenants.schema import columns_added


ID = "2026-11-23T15:40:00:000034"
VERSION = "1.38.0"
DESCRIPTION = "Official days of calendars."


class Calendar(Table, tablename="calendars"):
    official = JSONB(default="{}")


async def forwards() -> MigrationManager:
    manager = MigrationManager(migration_id=ID, app_name="tenants", description=DESCRIPTION)
    return columns_added(manager, Calendar)
