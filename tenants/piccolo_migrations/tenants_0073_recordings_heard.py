"""An index for whether somebody heard a recording lately, which is asked with every part of its sound."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from tenants.schema import statements_run

ID = "2026-11-23T22:55:00:000073"
VERSION = "1.38.0"
DESCRIPTION = "Who heard recordings."

HEARD = """
CREATE INDEX audit_entries_heard ON audit_entries (object_id, at) WHERE action = 'recording.heard'
"""


async def forwards() -> MigrationManager:
    return statements_run(ID, DESCRIPTION, HEARD)
