"""Who takes an extension waits his turn, instead of for all others who try.

The key of the extensions is deferrable, so that two owners can exchange theirs. Such a key lets
everybody write first and look for others afterwards: of three who try at once two may then wait for
each other, and one of them is told of a deadlock instead of the extension that is taken.
"""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from tenants.schema import statements_run

ID = "2026-11-24T04:45:00:000074"
VERSION = "1.38.0"
DESCRIPTION = "Extensions are taken in turn."

TURNS = """
CREATE OR REPLACE FUNCTION register_extension() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        DELETE FROM extensions WHERE tenant_id = OLD.tenant_id AND OLD.id IN (employee_id, group_id);
    END IF;
    IF NEW.extension IS NOT NULL THEN
        PERFORM pg_advisory_xact_lock(
            hashtextextended('extension ' || NEW.tenant_id || ' ' || NEW.extension, 0)
        );
        INSERT INTO extensions (tenant_id, number, employee_id, group_id) VALUES (
            NEW.tenant_id, NEW.extension,
            CASE TG_TABLE_NAME WHEN 'employees' THEN NEW.id END,
            CASE TG_TABLE_NAME WHEN 'groups' THEN NEW.id END
        );
    END IF;
    RETURN NULL;
END $$;
"""


async def forwards() -> MigrationManager:
    return statements_run(ID, DESCRIPTION, TURNS)
