"""What the database promises of the encryption of lines."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from tenants.schema import statements_run


ID = "2026-11-23T12:30:00:000016"
VERSION = "1.38.0"
DESCRIPTION = "Check of the encryption of lines."

CHECK = """
ALTER TABLE terminals ADD CONSTRAINT terminals_encryption_check
    CHECK (encryption IN ('none', 'preferred', 'required'))
"""


async def forwards() -> MigrationManager:
    return statements_run(ID, DESCRIPTION, CHECK)
