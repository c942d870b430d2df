"""Whether the audio of a line is encrypted (docs/adr/0008)."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager
from piccolo.columns import Text

ID = "2026-11-23T12:30:00:000015"
VERSION = "1.38.0"
DESCRIPTION = "Encryption of lines."


async def forwards() -> MigrationManager:
    manager = MigrationManager(migration_id=ID, app_name="tenants", description=DESCRIPTION)
    manager.add_column(
        table_class_name="Terminal",
        tablename="terminals",
        column_name="encryption",
        column_class_name="Text",
        column_class=Text,
        params=Text(default="preferred")._meta.params,
    )
    return manager
