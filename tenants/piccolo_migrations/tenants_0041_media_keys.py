"""What the database promises of media, and the notice when they change."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from tenants.schema import statements_run

ID = "2026-11-23T16:00:00:000041"
VERSION = "1.38.0"
DESCRIPTION = "Keys of media."

KEYS = """
ALTER TABLE uploaded_files
    ADD CONSTRAINT uploaded_files_tenant_key UNIQUE (tenant_id, id),
    ADD CONSTRAINT uploaded_files_tenant_fkey FOREIGN KEY (tenant_id) REFERENCES tenants (id);
ALTER TABLE media
    ADD CONSTRAINT media_tenant_key UNIQUE (tenant_id, id),
    ADD CONSTRAINT media_tenant_fkey FOREIGN KEY (tenant_id) REFERENCES tenants (id),
    ADD CONSTRAINT media_name_key UNIQUE (tenant_id, name);
"""

ROUTING = """
CREATE TRIGGER config_added AFTER INSERT OR DELETE ON media
    FOR EACH ROW EXECUTE FUNCTION config_changed();
CREATE TRIGGER config_changed AFTER UPDATE ON media FOR EACH ROW
    WHEN (OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION config_changed();
"""


async def forwards() -> MigrationManager:
    return statements_run(ID, DESCRIPTION, KEYS, ROUTING)
