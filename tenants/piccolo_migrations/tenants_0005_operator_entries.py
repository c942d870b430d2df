"""What the operator changed that belongs to no tenant: its own append-only table."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager
from piccolo.columns import JSONB, UUID, Text, Timestamptz
from piccolo.columns.defaults.timestamptz import TimestamptzNow
from piccolo.columns.defaults.uuid import UUID4
from piccolo.table import Table

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
    manager = MigrationManager(migration_id=ID, app_name="tenants", description=DESCRIPTION)
    tablename = OperatorEntry._meta.tablename
    manager.add_table(class_name="OperatorEntry", tablename=tablename)
    for column in OperatorEntry._meta.columns:
        manager.add_column(
            table_class_name="OperatorEntry",
            tablename=tablename,
            column_name=column._meta.name,
            column_class_name=type(column).__name__,
            column_class=type(column),
            params=column._meta.params,
        )
    return manager
