"""What the operator changed that belongs to no tenant: its own append-only table."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager
from piccolo.columns import JSONB, UUID, Text, Timestamptz
from piccolo.columns.defaults.timestamptz import TimestamptzNow
from piccolo.columns.defaults.uuid import UUID4
from piccolo.table import Table

from tenants.schema import tables_made

ID = "2026-11-23T08:00:00:000005"
VERSION = "1.38.0"
DESCRIPTION = "The operator's entries."


class OperatorEntry(Table, tablename="operator_entries"):
    id = UUID(primary_key=True, default=UUID4())
    at = Timestamptz(default=TimestamptzNow())
    actor = Text(default=None)
    source = Text(default="")
    action = Text(default=None)
    details = JSONB(default="{}")


async def forwards() -> MigrationManager:
    return tables_made(ID, DESCRIPTION, OperatorEntry)
