"""Keys and checks: what the database promises whatever the program does.

Every foreign key between tables of tenants includes ``tenant_id``, so that no row can point at
another tenant's. Names of constraints are part of the interface: services turn them into errors of
fields.
"""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from tenants.engine import current_session

ID = "2026-11-23T08:00:00:000002"
VERSION = "1.38.0"
DESCRIPTION = "Keys and checks."

OWNED = (
    "contracts schedules employees terminals groups group_members extensions users login_sessions"
    " api_tokens audit_entries numbers scenarios scenario_versions snapshots calls call_steps outbox"
    " outbox_done live_lines live_calls"
)

# table, column, table it refers to, what happens when that row goes
REFERENCES = (
    ("terminals", "employee_id", "employees", "CASCADE"),
    ("employees", "caller_id", "numbers", "SET NULL (caller_id)"),
    ("group_members", "group_id", "groups", "CASCADE"),
    ("group_members", "employee_id", "employees", "CASCADE"),
    ("extensions", "employee_id", "employees", "CASCADE"),
    ("extensions", "group_id", "groups", "CASCADE"),
    ("users", "employee_id", "employees", "CASCADE"),
    ("login_sessions", "user_id", "users", "CASCADE"),
    ("api_tokens", "created_by", "users", "SET NULL (created_by)"),
    ("numbers", "scenario_id", "scenarios", "NO ACTION"),
    ("scenario_versions", "scenario_id", "scenarios", "CASCADE"),
    ("scenario_versions", "created_by", "users", "SET NULL (created_by)"),
    ("call_steps", "call_id", "calls", "CASCADE"),
    ("outbox_done", "event_id", "outbox", "CASCADE"),
)

KEYS = r"""
ALTER TABLE number_stock
    ADD CONSTRAINT number_stock_holder_fkey FOREIGN KEY (holder_id) REFERENCES tenants (id),
    ADD CONSTRAINT number_stock_trunk_fkey FOREIGN KEY (trunk_id) REFERENCES trunks (id),
    ADD CONSTRAINT number_stock_holder_key UNIQUE (holder_id, id, e164);
-- A tenant has only numbers that the operator gave it: it cannot write itself another's.
ALTER TABLE numbers
    ALTER COLUMN stock_id SET NOT NULL,
    ADD CONSTRAINT numbers_stock_fkey FOREIGN KEY (tenant_id, stock_id, e164)
        REFERENCES number_stock (holder_id, id, e164) DEFERRABLE INITIALLY DEFERRED,
    ADD CONSTRAINT numbers_trunk_fkey FOREIGN KEY (trunk_id) REFERENCES trunks (id);

ALTER TABLE contracts ADD CONSTRAINT contracts_one UNIQUE (tenant_id);
ALTER TABLE terminals ADD CONSTRAINT terminals_kind_unique UNIQUE (employee_id, kind);
ALTER TABLE group_members ADD CONSTRAINT group_members_unique UNIQUE (group_id, employee_id);
ALTER TABLE users ADD CONSTRAINT users_employee_unique UNIQUE (employee_id);
ALTER TABLE scenario_versions
    ADD CONSTRAINT scenario_versions_unique UNIQUE (tenant_id, scenario_id, version);
-- The present version exists; deferred because each of the two rows needs the other.
ALTER TABLE scenarios
    ADD CONSTRAINT scenarios_version_fkey FOREIGN KEY (tenant_id, id, version)
        REFERENCES scenario_versions (tenant_id, scenario_id, version) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE snapshots ADD CONSTRAINT snapshots_hash_unique UNIQUE (tenant_id, hash);
ALTER TABLE call_steps ADD CONSTRAINT call_steps_unique UNIQUE (call_id, seq);
ALTER TABLE outbox_done ADD CONSTRAINT outbox_done_unique UNIQUE (event_id, consumer);
ALTER TABLE audit_entries ADD CONSTRAINT audit_entries_unique UNIQUE (tenant_id, seq);
ALTER TABLE live_lines ADD CONSTRAINT live_lines_unique UNIQUE (terminal_id);
ALTER TABLE live_calls
    ADD CONSTRAINT live_calls_unique UNIQUE NULLS NOT DISTINCT (call_id, employee_id);

-- Deferrable, so that two employees can exchange their extensions in one transaction.
ALTER TABLE extensions
    ADD CONSTRAINT extensions_unique UNIQUE (tenant_id, number) DEFERRABLE INITIALLY IMMEDIATE,
    ADD CONSTRAINT extensions_one_owner CHECK (num_nonnulls(employee_id, group_id, feature) = 1),
    ADD CONSTRAINT extensions_number_check CHECK (number ~ '^([0-9]{2,6}|\*[0-9*#]{1,5})$');

CREATE UNIQUE INDEX terminals_line_unique ON terminals (address) WHERE kind <> 'external';
CREATE UNIQUE INDEX schedules_one_default ON schedules (tenant_id) WHERE is_default;
CREATE UNIQUE INDEX scenarios_one_default ON scenarios (tenant_id) WHERE is_default;
CREATE INDEX calls_by_time ON calls (tenant_id, started_at DESC);
CREATE INDEX number_stock_for_sale ON number_stock (city, category) WHERE holder_id IS NULL;
CREATE INDEX login_sessions_by_expiry ON login_sessions (expires_at);
CREATE INDEX group_members_by_employee ON group_members (employee_id);
"""

CHECKS = r"""
ALTER TABLE tenants ADD CONSTRAINT tenants_status_check CHECK (status IN ('active', 'suspended'));
ALTER TABLE trunks
    ADD CONSTRAINT trunks_port_check CHECK (port BETWEEN 1 AND 65535),
    ADD CONSTRAINT trunks_max_calls_check CHECK (max_calls > 0);
ALTER TABLE number_stock ADD CONSTRAINT number_stock_e164_check CHECK (e164 ~ '^\+[1-9][0-9]{4,14}$');
ALTER TABLE contracts
    ADD CONSTRAINT contracts_channels_check CHECK (channels > 0),
    ADD CONSTRAINT contracts_outgoing_check CHECK (outgoing_calls >= 0);
ALTER TABLE employees
    ADD CONSTRAINT employees_extension_check CHECK (extension ~ '^[0-9]{2,6}$'),
    ADD CONSTRAINT employees_role_check CHECK (role IN ('administrator', 'employee')),
    ADD CONSTRAINT employees_mode_check CHECK (mode IN ('unavailable', 'schedule', 'available')),
    ADD CONSTRAINT employees_dial_mode_check
        CHECK (dial_mode IN ('sequential', 'parallel', 'least_busy'));
ALTER TABLE terminals
    ADD CONSTRAINT terminals_kind_check CHECK (kind IN ('external', 'mobile', 'sip', 'web')),
    ADD CONSTRAINT terminals_address_check
        CHECK (address ~ CASE kind WHEN 'external' THEN '^\+[1-9][0-9]{4,14}$' ELSE '^005[0-9]{7}$' END),
    ADD CONSTRAINT terminals_state_check CHECK (state IN ('pending', 'active')),
    ADD CONSTRAINT terminals_ring_check CHECK (ring_seconds BETWEEN 1 AND 600),
    ADD CONSTRAINT terminals_channels_check CHECK (channels BETWEEN 1 AND 100);
ALTER TABLE groups
    ADD CONSTRAINT groups_extension_check CHECK (extension ~ '^[0-9]{2,6}$'),
    ADD CONSTRAINT groups_dial_mode_check CHECK (dial_mode IN ('sequential', 'parallel', 'least_busy')),
    ADD CONSTRAINT groups_ring_check CHECK (ring_seconds BETWEEN 1 AND 3600);
ALTER TABLE users
    ADD CONSTRAINT users_email_check CHECK (email = lower(email) AND email ~ '^[^@\s]+@[^@\s]+$'),
    ADD CONSTRAINT users_status_check CHECK (status IN ('invited', 'active', 'disabled'));
ALTER TABLE calls
    ADD CONSTRAINT calls_direction_check CHECK (direction IN ('incoming', 'outgoing', 'internal')),
    ADD CONSTRAINT calls_times_check CHECK (ended_at >= started_at);
"""


async def forwards() -> MigrationManager:
    manager = MigrationManager(migration_id=ID, app_name="tenants", description=DESCRIPTION)

    async def run() -> None:
        database = current_session()
        for table in OWNED.split():
            await database.execute(
                f"ALTER TABLE {table}"
                f" ADD CONSTRAINT {table}_tenant_key UNIQUE (tenant_id, id),"
                f" ADD CONSTRAINT {table}_tenant_fkey FOREIGN KEY (tenant_id) REFERENCES tenants (id)"
            )
        for table, column, target, action in REFERENCES:
            await database.execute(
                f"ALTER TABLE {table} ADD CONSTRAINT {table}_{column}_fkey"
                f" FOREIGN KEY (tenant_id, {column}) REFERENCES {target} (tenant_id, id)"
                f" ON DELETE {action}"
            )
        await database.execute(KEYS)
        await database.execute(CHECKS)
        await database.execute(
            "ALTER TABLE live_lines SET UNLOGGED; ALTER TABLE live_calls SET UNLOGGED;"
        )

    manager.add_raw(run)
    return manager
