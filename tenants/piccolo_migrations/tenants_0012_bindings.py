"""The phones of lines, so that a process that starts again finds them."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager
from piccolo.columns import JSONB, UUID, Text, Timestamptz
from piccolo.columns.defaults.uuid import UUID4
from piccolo.table import Table

ID = "2026-11-23T12:10:00:000012"
VERSION = "1.38.0"
DESCRIPTION = "Bindings."


class LineBindings(Table, tablename="line_bindings"):
    id = UUID(primary_key=True, default=UUID4())
    tenant_id = UUID(default=None, null=False, index=False)
    terminal_id = UUID(default=None, unique=True)
    login = Text(default=None)
    account = Text(default=None)
    contacts = JSONB(default=None)
    expires_at = Timestamptz(default=None)


async def forwards() -> MigrationManager:
    manager = MigrationManager(migration_id=ID, app_name="tenants", description=DESCRIPTION)
    tablename = LineBindings._meta.tablename
    manager.add_table(class_name="LineBindings", tablename=tablename)
    for column in LineBindings._meta.columns:
        manager.add_column(
            table_class_name="LineBindings",
            tablename=tablename,
            column_name=column._meta.name,
            column_class_name=type(column).__name__,
            column_class=type(column),
            params=column._meta.params,
        )
    return manager
