"""What the migrations of this package are made of.

Piccolo runs statements before it makes tables and columns, so a migration does one or the other.
"""

from __future__ import annotations

from collections.abc import Iterable

from piccolo.apps.migrations.auto.migration_manager import MigrationManager
from piccolo.columns import Column
from piccolo.table import Table

from tenants.engine import current_session

__all__ = ["columns_added", "statements_run", "tables_made"]


def tables_made(migration_id: str, description: str, *tables: type[Table]) -> MigrationManager:
    """A migration that makes these tables, as they are written down in it."""
    manager = _manager(migration_id, description)
    for table in tables:
        manager.add_table(class_name=table.__name__, tablename=table._meta.tablename)
        _add(manager, table, table._meta.columns)
    return manager


def columns_added(manager: MigrationManager, *tables: type[Table]) -> MigrationManager:
    """It also adds the columns named here to tables that exist; ``id`` they have."""
    for table in tables:
        _add(manager, table, table._meta.non_default_columns)
    return manager


def statements_run(migration_id: str, description: str, *statements: str) -> MigrationManager:
    """A migration that runs these statements."""
    manager = _manager(migration_id, description)

    async def run() -> None:
        for statement in statements:
            await current_session().execute(statement)

    manager.add_raw(run)
    return manager


def _manager(migration_id: str, description: str) -> MigrationManager:
    return MigrationManager(migration_id=migration_id, app_name="tenants", description=description)


def _add(manager: MigrationManager, table: type[Table], columns: Iterable[Column]) -> None:
    for column in columns:
        manager.add_column(
            table_class_name=table.__name__,
            tablename=table._meta.tablename,
            column_name=column._meta.name,
            column_class_name=type(column).__name__,
            column_class=type(column),
            params=column._meta.params,
        )
