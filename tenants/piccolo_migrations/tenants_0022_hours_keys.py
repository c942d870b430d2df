"""What the database promises of working time, and the notice when it changes."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from tenants.schema import statements_run


ID = "2026-11-23T13:40:00:000022"
VERSION = "1.38.0"
DESCRIPTION = "Keys of working time."

KEYS = """
ALTER TABLE calendars
    ADD CONSTRAINT calendars_tenant_key UNIQUE (tenant_id, id),
    ADD CONSTRAINT calendars_tenant_fkey FOREIGN KEY (tenant_id) REFERENCES tenants (id);
CREATE UNIQUE INDEX calendars_one_default ON calendars (tenant_id) WHERE is_default;
-- What somebody's hours refer to cannot be deleted before they are given others (H-19).
ALTER TABLE employees
    ADD CONSTRAINT employees_schedule_id_fkey FOREIGN KEY (tenant_id, schedule_id)
        REFERENCES schedules (tenant_id, id),
    ADD CONSTRAINT employees_calendar_id_fkey FOREIGN KEY (tenant_id, calendar_id)
        REFERENCES calendars (tenant_id, id);
ALTER TABLE terminals
    ADD CONSTRAINT terminals_schedule_id_fkey FOREIGN KEY (tenant_id, schedule_id)
        REFERENCES schedules (tenant_id, id);
"""

ROUTING = """
CREATE TRIGGER config_added AFTER INSERT OR DELETE ON {table}
    FOR EACH ROW EXECUTE FUNCTION config_changed();
CREATE TRIGGER config_changed AFTER UPDATE ON {table} FOR EACH ROW
    WHEN (OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION config_changed();
"""


async def forwards() -> MigrationManager:
    return statements_run(
        ID, DESCRIPTION, KEYS, *(ROUTING.format(table=table) for table in ("schedules", "calendars"))
    )
