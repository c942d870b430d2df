"""What the database promises of contacts and voice, and the notices when they change."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from tenants.schema import statements_run

ID = "2026-11-23T15:30:00:000024"
VERSION = "1.38.0"
DESCRIPTION = "Keys of contacts and voice."

TABLES = (
    *("tags", "contacts", "contact_numbers", "contact_tags", "contact_versions"),
    *("menus", "extension_lists"),
)

OWNED = """
ALTER TABLE {table}
    ADD CONSTRAINT {table}_tenant_key UNIQUE (tenant_id, id),
    ADD CONSTRAINT {table}_tenant_fkey FOREIGN KEY (tenant_id) REFERENCES tenants (id);
"""

# A tag that somebody has, or that is in use otherwise, cannot be deleted (H-19).
KEYS = r"""
ALTER TABLE tags
    ADD CONSTRAINT tags_name_unique UNIQUE (tenant_id, kind, name),
    ADD CONSTRAINT tags_kind_check CHECK (kind IN ('contact', 'call', 'number'));
ALTER TABLE contacts
    ADD CONSTRAINT contacts_kind_check CHECK (kind IN ('unsaved', 'business', 'personal')),
    ADD CONSTRAINT contacts_manager_id_fkey FOREIGN KEY (tenant_id, manager_id)
        REFERENCES employees (tenant_id, id) ON DELETE SET NULL (manager_id);
ALTER TABLE contact_numbers
    ADD CONSTRAINT contact_numbers_unique UNIQUE (tenant_id, e164),
    ADD CONSTRAINT contact_numbers_e164_check CHECK (e164 ~ '^\+[1-9][0-9]{1,14}$'),
    ADD CONSTRAINT contact_numbers_contact_id_fkey FOREIGN KEY (tenant_id, contact_id)
        REFERENCES contacts (tenant_id, id) ON DELETE CASCADE;
ALTER TABLE contact_tags
    ADD CONSTRAINT contact_tags_unique UNIQUE (contact_id, tag_id),
    ADD CONSTRAINT contact_tags_contact_id_fkey FOREIGN KEY (tenant_id, contact_id)
        REFERENCES contacts (tenant_id, id) ON DELETE CASCADE,
    ADD CONSTRAINT contact_tags_tag_id_fkey FOREIGN KEY (tenant_id, tag_id)
        REFERENCES tags (tenant_id, id);
ALTER TABLE employees
    ADD CONSTRAINT employees_recording_check CHECK (recording IN ('inherit', 'off', 'on'));
ALTER TABLE contracts
    ADD CONSTRAINT contracts_missed_manager_check
        CHECK (missed_manager IN ('first', 'last', 'random', 'default'));
ALTER TABLE contact_versions ADD CONSTRAINT contact_versions_one UNIQUE (tenant_id);
CREATE INDEX contact_numbers_by_contact ON contact_numbers (contact_id);
CREATE INDEX contact_tags_by_tag ON contact_tags (tag_id);
CREATE INDEX contacts_by_manager ON contacts (manager_id) WHERE manager_id IS NOT NULL;
"""

ROUTING = """
CREATE TRIGGER config_added AFTER INSERT OR DELETE ON {table}
    FOR EACH ROW EXECUTE FUNCTION config_changed();
CREATE TRIGGER config_changed AFTER UPDATE ON {table} FOR EACH ROW
    WHEN (OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION config_changed();
"""

# Contacts have a version of their own: they change far more often than the configuration, and are no
# part of it. Whoever merely called is known to nobody, so that calls of strangers change nothing.
CONTACTS = """
CREATE FUNCTION contacts_changed() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    tenant uuid := CASE TG_OP WHEN 'DELETE' THEN OLD.tenant_id ELSE NEW.tenant_id END;
    bumped text := current_setting('sunsim.contacts_bumped', true);
    present bigint;
BEGIN
    IF bumped = tenant::text THEN
        RETURN NULL;
    END IF;
    IF TG_TABLE_NAME = 'contact_numbers' AND TG_OP = 'INSERT' THEN
        IF NOT EXISTS (
            SELECT FROM contacts c WHERE c.tenant_id = NEW.tenant_id AND c.id = NEW.contact_id
                AND (c.kind <> 'unsaved' OR c.manager_id IS NOT NULL
                    OR EXISTS (SELECT FROM contact_tags t WHERE t.contact_id = c.id))
        ) THEN
            RETURN NULL;
        END IF;
    END IF;
    INSERT INTO contact_versions AS v (tenant_id) VALUES (tenant)
        ON CONFLICT (tenant_id) DO UPDATE SET version = v.version + 1 RETURNING version INTO present;
    PERFORM set_config('sunsim.contacts_bumped', tenant::text, true);
    PERFORM notify_config(tenant, 'contacts', present);
    RETURN NULL;
END $$;
CREATE TRIGGER contacts_changed AFTER UPDATE ON contacts FOR EACH ROW
    WHEN ((OLD.kind, OLD.manager_id) IS DISTINCT FROM (NEW.kind, NEW.manager_id))
    EXECUTE FUNCTION contacts_changed();
CREATE TRIGGER contacts_changed AFTER INSERT OR UPDATE OR DELETE ON contact_numbers
    FOR EACH ROW EXECUTE FUNCTION contacts_changed();
CREATE TRIGGER contacts_changed AFTER INSERT OR UPDATE OR DELETE ON contact_tags
    FOR EACH ROW EXECUTE FUNCTION contacts_changed();
"""


async def forwards() -> MigrationManager:
    routing = ("tags", "menus", "extension_lists")
    return statements_run(
        *(ID, DESCRIPTION),
        *(OWNED.format(table=table) for table in TABLES),
        KEYS,
        *(ROUTING.format(table=table) for table in routing),
        CONTACTS,
    )
