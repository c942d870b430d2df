"""How a carrier is spoken to."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager
from piccolo.columns import Text

ID = "2026-11-23T13:00:00:000017"
VERSION = "1.38.0"
DESCRIPTION = "Transport of carriers."


async def forwards() -> MigrationManager:
    manager = MigrationManager(migration_id=ID, app_name="tenants", description=DESCRIPTION)
    manager.add_column(
        table_class_name="Trunk",
        tablename="trunks",
        column_name="transport",
        column_class_name="Text",
        column_class=Text,
        params=Text(default="udp")._meta.params,
    )
    return manager
