"""What the database promises of carriers, and the notice when a number gets other ones."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from tenants.schema import statements_run


ID = "2026-11-23T09:30:00:000007"
VERSION = "1.38.0"
DESCRIPTION = "Keys of carriers."

CHECKS = """
ALTER TABLE trunks
    ADD CONSTRAINT trunks_account_check CHECK (num_nulls(login, password_sealed) IN (0, 2)),
    ADD CONSTRAINT trunks_registers_check CHECK (NOT registers OR login IS NOT NULL),
    ADD CONSTRAINT trunks_check_seconds_check CHECK (check_seconds BETWEEN 0 AND 3600),
    ADD CONSTRAINT trunks_number_format_check CHECK (number_format IN ('e164', 'digits', 'national')),
    ADD CONSTRAINT trunks_identity_header_check CHECK (identity_header IN ('pai', 'rpid', 'none'));
ALTER TABLE number_routes
    ADD CONSTRAINT number_routes_stock_fkey
        FOREIGN KEY (stock_id) REFERENCES number_stock (id) ON DELETE CASCADE,
    ADD CONSTRAINT number_routes_trunk_fkey FOREIGN KEY (trunk_id) REFERENCES trunks (id),
    ADD CONSTRAINT number_routes_unique UNIQUE (stock_id, trunk_id);
CREATE TRIGGER number_routes_changed AFTER INSERT OR UPDATE OR DELETE ON number_routes
    FOR EACH STATEMENT EXECUTE FUNCTION trunks_changed();
ALTER TABLE live_trunks SET UNLOGGED;
"""


async def forwards() -> MigrationManager:
    return statements_run(ID, DESCRIPTION, CHECKS)
