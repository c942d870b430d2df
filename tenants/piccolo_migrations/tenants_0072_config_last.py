"""The version of the configuration is counted when a transaction commits.

Counting locks the company's row. Done at each write it came before locks that others take first, such
as the contract's or a group's, and two unlike saves waited for each other until one was broken off.
"""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from tenants.schema import statements_run

ID = "2026-11-23T22:55:00:000072"
VERSION = "1.38.0"
DESCRIPTION = "Count the configuration's version last."

# As before, but an operator's session has left the tenant by the time it commits.
FUNCTION = """
CREATE OR REPLACE FUNCTION config_changed() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    tenant uuid := CASE TG_OP WHEN 'DELETE' THEN OLD.tenant_id ELSE NEW.tenant_id END;
    bumped text := current_setting('sunsim.config_bumped', true);
    before text := coalesce(current_setting('app.tenant_id', true), '');
    present bigint;
BEGIN
    IF bumped IS NOT NULL AND split_part(bumped, '/', 1) = tenant::text THEN
        present := split_part(bumped, '/', 2)::bigint;
    ELSE
        PERFORM set_config('app.tenant_id', tenant::text, true);
        UPDATE tenants SET config_version = config_version + 1 WHERE id = tenant
            RETURNING config_version INTO present;
        PERFORM set_config('app.tenant_id', before, true);
        PERFORM set_config('sunsim.config_bumped', tenant || '/' || present, true);
    END IF;
    PERFORM notify_config(tenant, TG_TABLE_NAME::text, present);
    RETURN NULL;
END $$;
"""

# Each trigger as it is, with its conditions.
TRIGGERS = """
DO $$
DECLARE
    present record;
BEGIN
    FOR present IN
        SELECT tgname, tgrelid::regclass AS owner, pg_get_triggerdef(oid) AS definition
        FROM pg_trigger WHERE tgfoid = 'config_changed'::regproc AND NOT tgdeferrable
    LOOP
        EXECUTE format('DROP TRIGGER %I ON %s', present.tgname, present.owner);
        EXECUTE replace(
            regexp_replace(present.definition, '^CREATE TRIGGER', 'CREATE CONSTRAINT TRIGGER'),
            ' FOR EACH ROW ', ' DEFERRABLE INITIALLY DEFERRED FOR EACH ROW ');
    END LOOP;
END $$;
"""


async def forwards() -> MigrationManager:
    return statements_run(ID, DESCRIPTION, FUNCTION, TRIGGERS)
