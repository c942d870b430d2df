"""Triggers: the extension registry, versions and notices of changes, the chain of the audit.

All functions run with the rights of whoever writes (SECURITY INVOKER), so row-level security holds
inside them too.
"""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from tenants.engine import current_session

ID = "2026-11-23T08:00:00:000003"
VERSION = "1.38.0"
DESCRIPTION = "Triggers."

EXTENSIONS = """
CREATE FUNCTION register_extension() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        DELETE FROM extensions WHERE tenant_id = OLD.tenant_id AND OLD.id IN (employee_id, group_id);
    END IF;
    IF NEW.extension IS NOT NULL THEN
        INSERT INTO extensions (tenant_id, number, employee_id, group_id) VALUES (
            NEW.tenant_id, NEW.extension,
            CASE TG_TABLE_NAME WHEN 'employees' THEN NEW.id END,
            CASE TG_TABLE_NAME WHEN 'groups' THEN NEW.id END
        );
    END IF;
    RETURN NULL;
END $$;
"""

EXTENSION_OWNERS = """
CREATE TRIGGER extension_added AFTER INSERT ON {table}
    FOR EACH ROW EXECUTE FUNCTION register_extension();
CREATE TRIGGER extension_changed AFTER UPDATE OF extension ON {table} FOR EACH ROW
    WHEN (OLD.extension IS DISTINCT FROM NEW.extension) EXECUTE FUNCTION register_extension();
"""

# One bump of the version for each transaction and tenant, one notice for each kind of change.
CONFIGURATION = """
CREATE FUNCTION notify_config(tenant uuid, kind text, version bigint) RETURNS void
LANGUAGE sql AS $$
    SELECT pg_notify('sunsim_config',
        json_build_object('tenant_id', tenant, 'kind', kind, 'version', version)::text);
$$;

CREATE FUNCTION config_changed() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    tenant uuid := CASE TG_OP WHEN 'DELETE' THEN OLD.tenant_id ELSE NEW.tenant_id END;
    bumped text := current_setting('sunsim.config_bumped', true);
    present bigint;
BEGIN
    IF bumped IS NOT NULL AND split_part(bumped, '/', 1) = tenant::text THEN
        present := split_part(bumped, '/', 2)::bigint;
    ELSE
        UPDATE tenants SET config_version = config_version + 1 WHERE id = tenant
            RETURNING config_version INTO present;
        PERFORM set_config('sunsim.config_bumped', tenant || '/' || present, true);
    END IF;
    PERFORM notify_config(tenant, TG_TABLE_NAME::text, present);
    RETURN NULL;
END $$;

CREATE FUNCTION tenant_changing() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.config_version := OLD.config_version + 1;
    RETURN NEW;
END $$;
CREATE FUNCTION tenant_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM notify_config(COALESCE(NEW.id, OLD.id), 'tenants', COALESCE(NEW.config_version, 0));
    RETURN NULL;
END $$;
CREATE TRIGGER tenant_changing BEFORE UPDATE OF name, status, timezone ON tenants FOR EACH ROW
    WHEN ((OLD.name, OLD.status, OLD.timezone) IS DISTINCT FROM (NEW.name, NEW.status, NEW.timezone))
    EXECUTE FUNCTION tenant_changing();
CREATE TRIGGER tenant_changed AFTER UPDATE OF name, status, timezone ON tenants FOR EACH ROW
    WHEN ((OLD.name, OLD.status, OLD.timezone) IS DISTINCT FROM (NEW.name, NEW.status, NEW.timezone))
    EXECUTE FUNCTION tenant_changed();
CREATE TRIGGER tenant_added AFTER INSERT OR DELETE ON tenants
    FOR EACH ROW EXECUTE FUNCTION tenant_changed();

CREATE FUNCTION trunks_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM notify_config(NULL, 'trunks', 0);
    RETURN NULL;
END $$;
CREATE TRIGGER trunks_changed AFTER INSERT OR UPDATE OR DELETE ON trunks
    FOR EACH STATEMENT EXECUTE FUNCTION trunks_changed();
"""

ROUTING_TABLES = (
    "contracts",
    "employees",
    "terminals",
    "groups",
    "group_members",
    "extensions",
    "numbers",
    "scenarios",
)

ROUTING = """
CREATE TRIGGER config_added AFTER INSERT OR DELETE ON {table}
    FOR EACH ROW EXECUTE FUNCTION config_changed();
CREATE TRIGGER config_changed AFTER UPDATE ON {table} FOR EACH ROW
    WHEN (OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION config_changed();
"""

LIVE = """
CREATE FUNCTION live_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('sunsim_live', json_build_object(
        'tenant_id', CASE TG_OP WHEN 'DELETE' THEN OLD.tenant_id ELSE NEW.tenant_id END,
        'kind', TG_TABLE_NAME
    )::text);
    RETURN NULL;
END $$;
CREATE TRIGGER live_added AFTER INSERT OR DELETE ON live_lines
    FOR EACH ROW EXECUTE FUNCTION live_changed();
-- A phone that only renews its registration is no news.
CREATE TRIGGER live_changed AFTER UPDATE ON live_lines FOR EACH ROW
    WHEN ((OLD.user_agent, OLD.source) IS DISTINCT FROM (NEW.user_agent, NEW.source))
    EXECUTE FUNCTION live_changed();
CREATE TRIGGER live_added AFTER INSERT OR DELETE ON live_calls
    FOR EACH ROW EXECUTE FUNCTION live_changed();
CREATE TRIGGER live_changed AFTER UPDATE ON live_calls FOR EACH ROW
    WHEN (OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION live_changed();
"""

# Columns are named one by one: a column added later must not change the hashes of old entries.
AUDIT = """
CREATE FUNCTION audit_hash(previous bytea, entry audit_entries) RETURNS bytea
LANGUAGE sql IMMUTABLE AS $$
    SELECT sha256(COALESCE(previous, ''::bytea) || convert_to(jsonb_build_array(
        entry.id, entry.tenant_id, entry.seq, extract(epoch FROM entry.at), entry.actor, entry.user_id,
        entry.source, entry.action, entry.object_id, entry.before, entry.after
    )::text, 'UTF8'));
$$;

CREATE FUNCTION audit_chain() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    last record;
BEGIN
    -- One writer at a time for each tenant; the next one then sees this entry as the last.
    PERFORM pg_advisory_xact_lock(hashtextextended('audit ' || NEW.tenant_id, 0));
    SELECT seq, hash INTO last FROM audit_entries
        WHERE tenant_id = NEW.tenant_id ORDER BY seq DESC LIMIT 1;
    NEW.seq := COALESCE(last.seq, 0) + 1;
    NEW.hash := audit_hash(last.hash, NEW);
    RETURN NEW;
END $$;
CREATE TRIGGER audit_chain BEFORE INSERT ON audit_entries
    FOR EACH ROW EXECUTE FUNCTION audit_chain();

CREATE FUNCTION audit_broken(tenant uuid) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT min(position) FROM (
        SELECT row_number() OVER chain AS position, entry.seq, entry.hash,
            audit_hash(lag(entry.hash) OVER chain, entry) AS expected
        FROM audit_entries AS entry WHERE tenant_id = tenant
        WINDOW chain AS (ORDER BY seq)
    ) AS checked WHERE seq <> position OR hash <> expected;
$$;
COMMENT ON FUNCTION audit_broken IS 'First entry of a tenant''s audit that does not fit, or NULL.';
"""


async def forwards() -> MigrationManager:
    manager = MigrationManager(migration_id=ID, app_name="tenants", description=DESCRIPTION)

    async def run() -> None:
        database = current_session()
        await database.execute(EXTENSIONS)
        for table in ("employees", "groups"):
            await database.execute(EXTENSION_OWNERS.format(table=table))
        await database.execute(CONFIGURATION)
        for table in ROUTING_TABLES:
            await database.execute(ROUTING.format(table=table))
        await database.execute(LIVE)
        await database.execute(AUDIT)

    manager.add_raw(run)
    return manager
