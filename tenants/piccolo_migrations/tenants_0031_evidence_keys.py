"""What the database promises of versions."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from tenants.schema import statements_run


ID = "2026-11-23T15:30:00:000031"
VERSION = "1.38.0"
DESCRIPTION = "Keys of versions."

KEYS = """
ALTER TABLE snapshot_versions
    ADD CONSTRAINT snapshot_versions_tenant_key UNIQUE (tenant_id, id),
    ADD CONSTRAINT snapshot_versions_tenant_fkey FOREIGN KEY (tenant_id) REFERENCES tenants (id),
    ADD CONSTRAINT snapshot_versions_unique UNIQUE (tenant_id, version),
    ADD CONSTRAINT snapshot_versions_hash_fkey FOREIGN KEY (tenant_id, hash)
        REFERENCES snapshots (tenant_id, hash);
"""
KNOWN = """
INSERT INTO snapshot_versions (tenant_id, version, hash, created_at)
SELECT DISTINCT ON (tenant_id, version) tenant_id, version, hash, created_at
FROM snapshots ORDER BY tenant_id, version, created_at DESC;
"""


async def forwards() -> MigrationManager:
    return statements_run(ID, DESCRIPTION, KEYS, KNOWN)
