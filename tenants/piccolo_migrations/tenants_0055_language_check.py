"""Callers are spoken to in a language that the ready-made library has."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from tenants.schema import statements_run

ID = "2026-11-23T18:50:00:000055"
VERSION = "1.38.0"
DESCRIPTION = "The languages that there are."

CHECK = """
ALTER TABLE contracts ADD CONSTRAINT contracts_language_check CHECK (language IN ('ru', 'en'));
"""


async def forwards() -> MigrationManager:
    return statements_run(ID, DESCRIPTION, CHECK)
