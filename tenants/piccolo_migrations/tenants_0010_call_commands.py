"""What somebody wants of a call: rows that the SIP process executes and answers."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager
from piccolo.columns import JSONB, UUID, Text, Timestamptz
from piccolo.columns.defaults.timestamptz import TimestamptzNow
from piccolo.columns.defaults.uuid import UUID4
from piccolo.table import Table

from tenants.schema import tables_made

ID = "2026-11-23T12:10:00:000010"
VERSION = "1.38.0"
DESCRIPTION = "Commands to calls."


class CallCommand(Table, tablename="call_commands"):
    id = UUID(primary_key=True, default=UUID4())
    tenant_id = UUID(default=None)
    body = JSONB(default=None)
    created_at = Timestamptz(default=TimestamptzNow())
    expires_at = Timestamptz(default=None)
    answered_at = Timestamptz(default=None, null=True)
    answer = Text(default=None, null=True)


async def forwards() -> MigrationManager:
    return tables_made(ID, DESCRIPTION, CallCommand)
