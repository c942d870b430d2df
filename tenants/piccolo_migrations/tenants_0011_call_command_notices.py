"""The keys of commands to calls, and the notice of a new one."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from tenants.schema import statements_run


ID = "2026-11-23T12:10:00:000011"
VERSION = "1.38.0"
DESCRIPTION = "Notices of commands to calls."

STATEMENTS = """
ALTER TABLE call_commands
    ADD CONSTRAINT call_commands_tenant_fkey FOREIGN KEY (tenant_id) REFERENCES tenants (id),
    ADD CONSTRAINT call_commands_answer_check CHECK (num_nulls(answer, answered_at) IN (0, 2));
ALTER TABLE call_commands SET UNLOGGED;
CREATE FUNCTION command_given() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('sunsim_commands',
        json_build_object('tenant_id', NEW.tenant_id, 'kind', TG_TABLE_NAME)::text);
    RETURN NULL;
END $$;
CREATE TRIGGER command_given AFTER INSERT ON call_commands
    FOR EACH ROW EXECUTE FUNCTION command_given();
"""


async def forwards() -> MigrationManager:
    return statements_run(ID, DESCRIPTION, STATEMENTS)
