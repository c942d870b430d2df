"""How a carrier is spoken to."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager
from piccolo.columns import Text
from piccolo.table import Table

from tenants.schema import columns_added, tables_made

ID = "2026-11-23T13:00:00:000017"
VERSION = "1.38.0"
DESCRIPTION = "Transport of carriers."


class Trunk(Table, tablename="trunks"):
    transport = Text(default="udp")


async def forwards() -> MigrationManager:
    return columns_added(tables_made(ID, DESCRIPTION), Trunk)
