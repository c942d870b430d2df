"""Which transports of carriers there are."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from tenants.schema import statements_run


ID = "2026-11-23T13:00:00:000018"
VERSION = "1.38.0"
DESCRIPTION = "Transports of carriers."

CHECK = """
ALTER TABLE trunks
    ADD CONSTRAINT trunks_transport_check CHECK (transport IN ('udp', 'tcp', 'tls'));
"""


async def forwards() -> MigrationManager:
    return statements_run(ID, DESCRIPTION, CHECK)
