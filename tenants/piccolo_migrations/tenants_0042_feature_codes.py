"""The codes by which a company's people pick calls up, transfer them and pause a recording."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager
from piccolo.columns import JSONB
from piccolo.table import Table

from tenants.schema import columns_added, tables_made

ID = "2026-11-23T18:20:00:000042"
VERSION = "1.38.0"
DESCRIPTION = "Feature codes."


class Contract(Table, tablename="contracts"):
    feature_codes = JSONB(default=None, null=True)


async def forwards() -> MigrationManager:
    return columns_added(tables_made(ID, DESCRIPTION), Contract)
