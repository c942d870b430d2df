"""The notice of a new numbering plan."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from tenants.schema import statements_run


ID = "2026-11-23T13:40:00:000020"
VERSION = "1.38.0"
DESCRIPTION = "Notices of the numbering plan."

NOTIFY = """
CREATE FUNCTION numbering_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM notify_config(NULL, 'numbering', 0);
    RETURN NULL;
END $$;
CREATE TRIGGER numbering_changed AFTER INSERT ON numbering_plans
    FOR EACH STATEMENT EXECUTE FUNCTION numbering_changed();
"""


async def forwards() -> MigrationManager:
    return statements_run(ID, DESCRIPTION, NOTIFY)
