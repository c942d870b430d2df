"""Recordings of calls, and how a company wants them."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager
from piccolo.columns import JSONB, UUID, BigInt, Boolean, Integer, Text, Timestamptz
from piccolo.columns.defaults.timestamptz import TimestamptzNow
from piccolo.columns.defaults.uuid import UUID4
from piccolo.table import Table

from tenants.schema import columns_added, tables_made

ID = "2026-11-23T18:30:00:000045"
VERSION = "1.38.0"
DESCRIPTION = "Recordings."


class Recording(Table, tablename="recordings"):
    id = UUID(primary_key=True, default=UUID4())
    tenant_id = UUID(default=None, null=False, index=False)
    call_id = UUID(default=None)
    kind = Text(default=None)
    source = Text(default=None)
    parts = JSONB(default="[]")
    started_at = Timestamptz(default=None)
    state = Text(default="waiting")
    attempts = Integer(default=0)
    retry_at = Timestamptz(default=TimestamptzNow())
    reason = Text(default="")
    form = Text(default="")
    bytes = BigInt(default=0)
    milliseconds = Integer(default=0)
    peaks = JSONB(default="[]")
    ready_at = Timestamptz(default=None, null=True)


class Contract(Table, tablename="contracts"):
    recording_form = Text(default="mp3")
    recording_days = Integer(default=None, null=True)
    recording_pause = Boolean(default=False)


async def forwards() -> MigrationManager:
    return columns_added(tables_made(ID, DESCRIPTION, Recording), Contract)
