"""The plugin's Piccolo app."""

from pathlib import Path

from piccolo.conf.apps import AppConfig

from plugins.crm.tables import Comment, Deal, Task, TaskCall

APP_CONFIG = AppConfig(
    app_name="crm",
    migrations_folder_path=str(Path(__file__).parent / "piccolo_migrations"),
    table_classes=[Comment, Deal, Task, TaskCall],
)
