"""Deals of two contacts that turn out to be one both stay the contact's; only one can be made.

A deal that a call made and nobody has touched would not have been made, had the caller been known: of
those only one stays, and none beside a deal that somebody made or worked on.
"""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from plugins.crm.tables import Deal

ID = "2026-11-23T22:00:00:000002"
VERSION = "1.38.0"
DESCRIPTION = "Deals of contacts that become one."

# A change of type fills the column without being subject to the tenants' rows.
COLUMN = (
    "ALTER TABLE crm_deals ADD only_of uuid",
    "ALTER TABLE crm_deals ALTER only_of TYPE uuid USING contact_id",
    """ALTER TABLE crm_deals
    DROP CONSTRAINT crm_deals_contact_once,
    ADD CONSTRAINT crm_deals_contact_once UNIQUE (tenant_id, only_of),
    ADD CONSTRAINT crm_deals_only_of_fkey FOREIGN KEY (tenant_id, only_of)
        REFERENCES contacts (tenant_id, id) ON DELETE SET NULL (only_of)""",
    "CREATE INDEX crm_deals_by_contact ON crm_deals (tenant_id, contact_id)",
)

MERGED = (
    """
CREATE FUNCTION crm_deals_merged() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM crm_deals WHERE contact_id = NEW.contact_id AND automatic AND version = 1
        AND id <> (SELECT id FROM crm_deals WHERE contact_id = NEW.contact_id
            ORDER BY automatic AND version = 1, id LIMIT 1);
    RETURN NULL;
END $$
""",
    """CREATE TRIGGER crm_deals_merged AFTER UPDATE OF contact_id ON crm_deals FOR EACH ROW
    WHEN (NEW.contact_id IS NOT NULL) EXECUTE FUNCTION crm_deals_merged()""",
)


async def forwards() -> MigrationManager:
    manager = MigrationManager(migration_id=ID, app_name="crm", description=DESCRIPTION)

    async def change() -> None:
        for statement in (*COLUMN, *MERGED):
            await Deal.raw(statement)

    manager.add_raw(change)
    return manager
