"""Working time of employees and telephones, and calendars."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager
from piccolo.columns import JSONB, UUID, Boolean, Column, Integer, Text
from piccolo.columns.defaults.uuid import UUID4
from piccolo.table import Table

ID = "2026-11-23T13:40:00:000021"
VERSION = "1.38.0"
DESCRIPTION = "Working time."


class Calendar(Table, tablename="calendars"):
    id = UUID(primary_key=True, default=UUID4())
    tenant_id = UUID(default=None, null=False, index=False)
    name = Text(default=None)
    days = JSONB(default="[]")
    is_default = Boolean(default=False)
    version = Integer(default=1)


def _reference() -> UUID:
    return UUID(default=None, null=True)


NEW: tuple[tuple[str, str, str, Column], ...] = (
    ("Employee", "employees", "schedule_id", _reference()),
    ("Employee", "employees", "calendar_id", _reference()),
    ("Employee", "employees", "extra_periods", JSONB(default="[]")),
    ("Terminal", "terminals", "schedule_id", _reference()),
)


async def forwards() -> MigrationManager:
    manager = MigrationManager(migration_id=ID, app_name="tenants", description=DESCRIPTION)
    manager.add_table(class_name="Calendar", tablename="calendars")
    of_calendars = (("Calendar", "calendars", c._meta.name, c) for c in Calendar._meta.columns)
    for table, tablename, name, column in (*of_calendars, *NEW):
        manager.add_column(
            table_class_name=table,
            tablename=tablename,
            column_name=name,
            column_class_name=type(column).__name__,
            column_class=type(column),
            params=column._meta.params,
        )
    return manager
