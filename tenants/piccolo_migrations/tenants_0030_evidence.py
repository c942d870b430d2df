"""What the decisions of a call were made from, and which versions of a configuration there were."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager
from piccolo.columns import JSONB, UUID, BigInt, Text, Timestamptz
from piccolo.columns.defaults.timestamptz import TimestamptzNow
from piccolo.columns.defaults.uuid import UUID4
from piccolo.table import Table

from tenants.schema import columns_added, tables_made

ID = "2026-11-23T15:30:00:000030"
VERSION = "1.38.0"
DESCRIPTION = "What decisions were made from."


class Call(Table, tablename="calls"):
    decision = JSONB(default=None, null=True)
    attempts = JSONB(default=None, null=True)


class SnapshotVersion(Table, tablename="snapshot_versions"):
    id = UUID(primary_key=True, default=UUID4())
    tenant_id = UUID(default=None, null=False, index=False)
    version = BigInt(default=0)
    hash = Text(default=None)
    created_at = Timestamptz(default=TimestamptzNow())


async def forwards() -> MigrationManager:
    manager = columns_added(tables_made(ID, DESCRIPTION, SnapshotVersion), Call)
    # The live state of the last dialling alone; it is kept for each attempt now.
    manager.drop_column("Call", "calls", "live", "live")
    return manager
