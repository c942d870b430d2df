"""What the database promises of the tags of calls and numbers."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from tenants.schema import statements_run

ID = "2026-11-23T22:10:00:000071"
VERSION = "1.38.0"
DESCRIPTION = "Keys of tags of calls and numbers."

# A tag that is no longer wanted leaves the calls that have it: nobody could take it from them all. A
# number's is in use, like a contact's (H-19).
KEYS = """
ALTER TABLE {things}_tags
    ADD CONSTRAINT {things}_tags_tenant_key UNIQUE (tenant_id, id),
    ADD CONSTRAINT {things}_tags_tenant_fkey FOREIGN KEY (tenant_id) REFERENCES tenants (id),
    ADD CONSTRAINT {things}_tags_unique UNIQUE ({things}_id, tag_id),
    ADD CONSTRAINT {things}_tags_{things}_id_fkey FOREIGN KEY (tenant_id, {things}_id)
        REFERENCES {things}s (tenant_id, id) ON DELETE CASCADE,
    ADD CONSTRAINT {things}_tags_tag_id_fkey FOREIGN KEY (tenant_id, tag_id)
        REFERENCES tags (tenant_id, id){deleted};
CREATE INDEX {things}_tags_by_tag ON {things}_tags (tag_id);
"""


async def forwards() -> MigrationManager:
    return statements_run(
        *(ID, DESCRIPTION),
        KEYS.format(things="call", deleted=" ON DELETE CASCADE"),
        KEYS.format(things="number", deleted=""),
    )
