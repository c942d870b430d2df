"""How often somebody's availability mode was switched."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager
from piccolo.columns import UUID, BigInt
from piccolo.columns.defaults.uuid import UUID4
from piccolo.table import Table

from tenants.schema import tables_made

ID = "2026-11-23T19:00:00:000057"
VERSION = "1.38.0"
DESCRIPTION = "Versions of modes."


class ModeVersion(Table, tablename="mode_versions"):
    id = UUID(primary_key=True, default=UUID4())
    tenant_id = UUID(default=None, null=False, index=False)
    version = BigInt(default=1)


async def forwards() -> MigrationManager:
    return tables_made(ID, DESCRIPTION, ModeVersion)
