"""The phones of lines, so that a process that starts again finds them."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager
from piccolo.columns import JSONB, UUID, Text, Timestamptz
from piccolo.columns.defaults.uuid import UUID4
from piccolo.table import Table

from tenants.schema import tables_made

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
    return tables_made(ID, DESCRIPTION, LineBindings)
