"""The core's Piccolo app: all tables of ``tenants.tables`` and their migrations."""

from pathlib import Path

from piccolo.conf.apps import AppConfig
from piccolo.table import Table

from tenants import tables

APP_CONFIG = AppConfig(
    app_name="tenants",
    migrations_folder_path=str(Path(__file__).parent / "piccolo_migrations"),
    table_classes=[
        found
        for found in map(tables.__dict__.get, tables.__all__)
        if isinstance(found, type)
        and issubclass(found, Table)
        and found not in (tables.TenantTable, tables.GlobalTable)
    ],
    migration_dependencies=[],
    commands=[],
)
