"""Carriers with an account, a format of numbers and a state; several carriers for a number.

Their keys and checks are the next migration: Piccolo runs SQL before it adds columns.
"""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager
from piccolo.columns import UUID, Boolean, Integer, Text, Timestamptz
from piccolo.columns.defaults.timestamptz import TimestamptzNow
from piccolo.columns.defaults.uuid import UUID4
from piccolo.table import Table

from tenants.schema import columns_added, tables_made

ID = "2026-11-23T09:30:00:000006"
VERSION = "1.38.0"
DESCRIPTION = "Carriers."


class Trunk(Table, tablename="trunks"):
    login = Text(default=None, null=True)
    password_sealed = Text(default=None, null=True, secret=True)
    realm = Text(default=None, null=True)
    registers = Boolean(default=False)
    registrar = Text(default=None, null=True)
    check_seconds = Integer(default=0)
    number_format = Text(default="e164")
    identity_header = Text(default="pai")
    trusted = Boolean(default=True)


class NumberRoute(Table, tablename="number_routes"):
    id = UUID(primary_key=True, default=UUID4())
    stock_id = UUID(default=None)
    trunk_id = UUID(default=None)
    position = Integer(default=0)


class LiveTrunk(Table, tablename="live_trunks"):
    id = UUID(primary_key=True, default=UUID4())
    up = Boolean(default=True)
    registered = Boolean(default=None, null=True)
    calls = Integer(default=0)
    problem = Text(default="")
    seen_at = Timestamptz(default=TimestamptzNow())


async def forwards() -> MigrationManager:
    return columns_added(tables_made(ID, DESCRIPTION, NumberRoute, LiveTrunk), Trunk)
