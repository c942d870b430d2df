"""In which language callers of a company hear what the ready-made library has."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager
from piccolo.columns import Text
from piccolo.table import Table

from tenants.schema import columns_added, tables_made

ID = "2026-11-23T18:50:00:000054"
VERSION = "1.38.0"
DESCRIPTION = "The language of callers."


class Contract(Table, tablename="contracts"):
    language = Text(default="ru")


async def forwards() -> MigrationManager:
    return columns_added(tables_made(ID, DESCRIPTION), Contract)
