"""Working time of employees and telephones, and calendars."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager
from piccolo.columns import JSONB, UUID, Boolean, Integer, Text
from piccolo.columns.defaults.uuid import UUID4
from piccolo.table import Table

from tenants.schema import columns_added, tables_made

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


class Employee(Table, tablename="employees"):
    schedule_id = UUID(default=None, null=True)
    calendar_id = UUID(default=None, null=True)
    extra_periods = JSONB(default="[]")


class Terminal(Table, tablename="terminals"):
    schedule_id = UUID(default=None, null=True)


async def forwards() -> MigrationManager:
    return columns_added(tables_made(ID, DESCRIPTION, Calendar), Employee, Terminal)
