"""Tags of calls and numbers, and how many numbers a company may buy."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager
from piccolo.columns import UUID, Integer
from piccolo.columns.defaults.uuid import UUID4
from piccolo.table import Table

from tenants.schema import columns_added, tables_made

ID = "2026-11-23T22:10:00:000070"
VERSION = "1.38.0"
DESCRIPTION = "Tags of calls and numbers."


class CallTag(Table, tablename="call_tags"):
    id = UUID(primary_key=True, default=UUID4())
    tenant_id = UUID(default=None, null=False, index=False)
    call_id = UUID(default=None)
    tag_id = UUID(default=None)


class NumberTag(Table, tablename="number_tags"):
    id = UUID(primary_key=True, default=UUID4())
    tenant_id = UUID(default=None, null=False, index=False)
    number_id = UUID(default=None)
    tag_id = UUID(default=None)


class Contract(Table, tablename="contracts"):
    most_numbers = Integer(default=10)


async def forwards() -> MigrationManager:
    return columns_added(tables_made(ID, DESCRIPTION, CallTag, NumberTag), Contract)
