"""The numbering plan: which numbers are from which region."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager
from piccolo.columns import JSONB, UUID, Bytea, Integer, Text, Timestamptz
from piccolo.columns.defaults.timestamptz import TimestamptzNow
from piccolo.columns.defaults.uuid import UUID4
from piccolo.table import Table

from tenants.schema import tables_made

ID = "2026-11-23T13:40:00:000019"
VERSION = "1.38.0"
DESCRIPTION = "The numbering plan."


class NumberingPlan(Table, tablename="numbering_plans"):
    id = UUID(primary_key=True, default=UUID4())
    source = Text(default=None)
    ranges = Integer(default=0)
    edges = Bytea(default=None)
    subjects = Bytea(default=None)
    report = JSONB(default=None)
    created_at = Timestamptz(default=TimestamptzNow())


async def forwards() -> MigrationManager:
    return tables_made(ID, DESCRIPTION, NumberingPlan)
