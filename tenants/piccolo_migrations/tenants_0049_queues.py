"""Who waits in which queue since when."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager
from piccolo.columns import SmallInt, Text, Timestamptz
from piccolo.table import Table

from tenants.schema import columns_added


ID = "2026-11-23T18:40:00:000049"
VERSION = "1.38.0"
DESCRIPTION = "Callers who wait in queues."


class LiveCall(Table, tablename="live_calls"):
    queue = Text(default=None, null=True)
    queued_at = Timestamptz(default=None, null=True)
    priority = SmallInt(default=0)


async def forwards() -> MigrationManager:
    manager = MigrationManager(migration_id=ID, app_name="tenants", description=DESCRIPTION)
    return columns_added(manager, LiveCall)
