"""Whether employees see which number was called, in place of who calls (NUM-05, NUM-07)."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager
from piccolo.columns import Boolean

ID = "2026-11-23T12:10:00:000008"
VERSION = "1.38.0"
DESCRIPTION = "The called number as caller ID."


async def forwards() -> MigrationManager:
    manager = MigrationManager(migration_id=ID, app_name="tenants", description=DESCRIPTION)
    manager.add_column(
        table_class_name="Number",
        tablename="numbers",
        column_name="shows_called",
        column_class_name="Boolean",
        column_class=Boolean,
        params=Boolean(default=False)._meta.params,
    )
    return manager
