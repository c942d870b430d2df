"""The plugin's Piccolo app."""

from pathlib import Path

from piccolo.conf.apps import AppConfig

from dummy.tables import Visit

APP_CONFIG = AppConfig(
    app_name="dummy",
    migrations_folder_path=str(Path(__file__).parent / "piccolo_migrations"),
    table_classes=[Visit],
)
