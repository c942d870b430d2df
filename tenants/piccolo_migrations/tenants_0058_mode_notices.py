"""A switched mode is no change of the configuration: it has a version and a notice of its own."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from tenants.schema import statements_run

ID = "2026-11-23T19:00:00:000058"
VERSION = "1.38.0"
DESCRIPTION = "Notices of modes."

KEYS = """
ALTER TABLE mode_versions
    ADD CONSTRAINT mode_versions_tenant_key UNIQUE (tenant_id, id),
    ADD CONSTRAINT mode_versions_tenant_fkey FOREIGN KEY (tenant_id) REFERENCES tenants (id),
    ADD CONSTRAINT mode_versions_one UNIQUE (tenant_id);
"""

# The version of the card goes with every change of it, so it says nothing either.
CARDS = """
DROP TRIGGER config_changed ON employees;
CREATE TRIGGER config_changed AFTER UPDATE ON employees FOR EACH ROW
    WHEN (to_jsonb(OLD) - '{mode,version}'::text[] IS DISTINCT FROM
        to_jsonb(NEW) - '{mode,version}'::text[])
    EXECUTE FUNCTION config_changed();
"""

MODES = """
CREATE FUNCTION modes_changed() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    present bigint;
BEGIN
    INSERT INTO mode_versions AS v (tenant_id) VALUES (NEW.tenant_id)
        ON CONFLICT (tenant_id) DO UPDATE SET version = v.version + 1 RETURNING version INTO present;
    PERFORM notify_config(NEW.tenant_id, 'modes', present);
    RETURN NULL;
END $$;
CREATE TRIGGER modes_changed AFTER UPDATE ON employees FOR EACH ROW
    WHEN (OLD.mode <> NEW.mode) EXECUTE FUNCTION modes_changed();
"""


async def forwards() -> MigrationManager:
    return statements_run(ID, DESCRIPTION, KEYS, CARDS, MODES)
