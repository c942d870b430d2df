"""Whether employees see which number was called, in place of who calls (NUM-05, NUM-07)."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager
from piccolo.columns import Boolean
from piccolo.table import Table

from tenants.schema import columns_added, tables_made

ID = "2026-11-23T12:10:00:000008"
VERSION = "1.38.0"
DESCRIPTION = "The called number as caller ID."


class Number(Table, tablename="numbers"):
    shows_called = Boolean(default=False)


async def forwards() -> MigrationManager:
    return columns_added(tables_made(ID, DESCRIPTION), Number)
