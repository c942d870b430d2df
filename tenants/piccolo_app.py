"""The core's Piccolo app: all tables of ``tenants.tables`` and their migrations."""

from pathlib import Path

from piccolo.conf.apps import AppConfig, table_finder

APP_CONFIG = AppConfig(
    app_name="tenants",
    migrations_folder_path=str(Path(__file__).parent / "piccolo_migrations"),
    table_classes=table_finder(
        modules=[
            f"tenants.tables.{name}"
            for name in ("company", "carriers", "people", "telephony", "access", "calls", "live")
        ]
    ),
    migration_dependencies=[],
    commands=[],
)
