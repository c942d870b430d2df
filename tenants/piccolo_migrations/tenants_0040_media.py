"""Uploaded files, and the media that are made of them."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager
from piccolo.columns import JSONB, UUID, BigInt, Integer, Text, Timestamptz
from piccolo.columns.defaults.timestamptz import TimestamptzNow
from piccolo.columns.defaults.uuid import UUID4
from piccolo.table import Table

from tenants.schema import tables_made

ID = "2026-11-23T16:00:00:000040"
VERSION = "1.38.0"
DESCRIPTION = "Media."


class UploadedFile(Table, tablename="uploaded_files"):
    id = UUID(primary_key=True, default=UUID4())
    tenant_id = UUID(default=None, null=False, index=False)
    name = Text(default=None)
    bytes = BigInt(default=0)
    milliseconds = Integer(default=0)
    hash = Text(default=None)
    created_at = Timestamptz(default=TimestamptzNow())


class Media(Table, tablename="media"):
    id = UUID(primary_key=True, default=UUID4())
    tenant_id = UUID(default=None, null=False, index=False)
    name = Text(default=None)
    chain = JSONB(default="[]")
    bytes = BigInt(default=0)
    milliseconds = Integer(default=0)
    hash = Text(default=None)
    created_at = Timestamptz(default=TimestamptzNow())
    version = Integer(default=1)


async def forwards() -> MigrationManager:
    return tables_made(ID, DESCRIPTION, UploadedFile, Media)
