"""Whether the audio of a line is encrypted (docs/adr/0008)."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager
from piccolo.columns import Text
from piccolo.table import Table

from tenants.schema import columns_added, tables_made

ID = "2026-11-23T12:30:00:000015"
VERSION = "1.38.0"
DESCRIPTION = "Encryption of lines."


class Terminal(Table, tablename="terminals"):
    encryption = Text(default="preferred")


async def forwards() -> MigrationManager:
    return columns_added(tables_made(ID, DESCRIPTION), Terminal)
