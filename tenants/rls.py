"""Who may touch which rows: row-level security and grants, the same for our tables and plugins'.

Every table with a column ``tenant_id`` is a tenant's: the role ``sunsim_app`` sees and writes the rows
of the tenant set in its transaction, ``sunsim_directory`` reads all rows. Tables without it are global
and must be named in ``GLOBAL_TABLES``. ``apply`` brings every table into this state and is run after
each migration, in its transaction; ``problems`` inspects the catalogue and finds whatever is not.
"""

from __future__ import annotations

from msgspec import Struct

from tenants.engine import Session

__all__ = [
    "APPEND_ONLY",
    "APP_ROLE",
    "DIRECTORY_ROLE",
    "GLOBAL_TABLES",
    "Grants",
    "apply",
    "create_roles",
]

APP_ROLE = "sunsim_app"
DIRECTORY_ROLE = "sunsim_directory"


class Grants(Struct, frozen=True):
    """What the two roles may do with a table. ``key`` names the column that holds the tenant."""

    app: str = ""
    directory: str = "SELECT"
    key: str | None = None


GLOBAL_TABLES = {
    # The app sees and keeps up its own tenant's row; the operator makes and suspends tenants.
    "tenants": Grants(
        "SELECT, UPDATE (name, timezone, config_version)", "SELECT, INSERT, UPDATE", "id"
    ),
    "trunks": Grants(directory="SELECT, INSERT, UPDATE, DELETE"),
    "number_stock": Grants(directory="SELECT, INSERT, UPDATE, DELETE"),
    "number_routes": Grants(directory="SELECT, INSERT, UPDATE, DELETE"),
    "live_trunks": Grants(directory="SELECT, INSERT, UPDATE, DELETE"),
    "numbering_plans": Grants(directory="SELECT, INSERT, DELETE"),
    "operator_tokens": Grants(directory="SELECT, INSERT, UPDATE"),
    "operator_entries": Grants(directory="SELECT, INSERT"),  # append-only
    "migration": Grants(directory=""),  # Piccolo's record of what ran
}
"""All tables that are not a tenant's, in this one place."""

APPEND_ONLY = frozenset({"audit_entries", "scenario_versions"})
"""Tenant tables whose rows the app can neither change nor delete."""

DIRECTORY_WRITES = {
    "login_sessions": "DELETE",  # the expired ones of everybody
    "outbox": "DELETE",  # what all consumers are done with
    "outbox_done": "DELETE",
    "line_bindings": "INSERT, UPDATE, DELETE",  # a batch is of many companies' phones
    "live_lines": "UPDATE, DELETE",  # renewed together; emptied when the process starts anew
    "live_calls": "DELETE",
    "call_commands": "DELETE",  # what nobody took away again
}
"""What the directory role may do to tenants' rows besides reading them."""

CURRENT = "(SELECT NULLIF(current_setting('app.tenant_id', true), '')::uuid)"


async def create_roles(session: Session) -> None:
    """Make both roles, without login, and let the schema's owner take them on.

    Neither inherits anything. The directory role may step into the app's, so that an operator's
    work stays one transaction (``Database.tenant`` within ``Database.directory``).
    """
    for role in (APP_ROLE, DIRECTORY_ROLE):
        # Roles are shared by all databases of a server: another migration may be as far as this one.
        await session.execute(
            f"DO $$ BEGIN CREATE ROLE {role} NOLOGIN NOINHERIT;"
            " EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$"
        )
        await _grant_role(session, role, "CURRENT_USER", await session.fetchval("SELECT current_user"))
    await _grant_role(session, APP_ROLE, DIRECTORY_ROLE, DIRECTORY_ROLE)
    await session.execute(f"GRANT USAGE ON SCHEMA public TO {APP_ROLE}, {DIRECTORY_ROLE}")
    await session.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")


async def _grant_role(session: Session, role: str, to: str, member: str) -> None:
    if not await session.fetchval("SELECT pg_has_role($1, $2, 'SET')", member, role):
        await session.execute(f"GRANT {role} TO {to} WITH INHERIT FALSE, SET TRUE")


async def apply(session: Session) -> None:
    """Put row-level security and grants on every table of the schema; safe to repeat."""
    for name, owned, indexed in await _tables(session):
        if not owned:
            if name in GLOBAL_TABLES:
                await _protect(session, name, GLOBAL_TABLES[name])
            continue
        app = "SELECT, INSERT" if name in APPEND_ONLY else "SELECT, INSERT, UPDATE, DELETE"
        await _protect(session, name, Grants(app, "SELECT", "tenant_id"))
        if not indexed:
            await session.execute(f'CREATE INDEX ON "{name}" (tenant_id)')


async def _protect(session: Session, table: str, grants: Grants) -> None:
    await session.execute(f'REVOKE ALL ON "{table}" FROM PUBLIC, {APP_ROLE}, {DIRECTORY_ROLE}')
    for role, given in ((APP_ROLE, grants.app), (DIRECTORY_ROLE, grants.directory)):
        if given:
            await session.execute(f'GRANT {given} ON "{table}" TO {role}')
    if grants.key is None:
        return
    for policy in await session.fetch(
        "SELECT policyname FROM pg_policies WHERE schemaname = 'public' AND tablename = $1", table
    ):
        await session.execute(f'DROP POLICY "{policy["policyname"]}" ON "{table}"')
    await session.execute(f'ALTER TABLE "{table}" ENABLE ROW LEVEL SECURITY')
    await session.execute(f'ALTER TABLE "{table}" FORCE ROW LEVEL SECURITY')
    own = f"{grants.key} = {CURRENT}"
    await session.execute(
        f'CREATE POLICY tenant_rows ON "{table}" FOR ALL TO {APP_ROLE} USING ({own}) WITH CHECK ({own})'
    )
    for command in _directory_commands(table, grants):
        clause = "WITH CHECK (true)" if command == "INSERT" else "USING (true)"
        await session.execute(
            f'CREATE POLICY directory_{command.lower()} ON "{table}"'
            f" FOR {command} TO {DIRECTORY_ROLE} {clause}"
        )
    if table in DIRECTORY_WRITES:
        await session.execute(f'GRANT {DIRECTORY_WRITES[table]} ON "{table}" TO {DIRECTORY_ROLE}')


def _directory_commands(table: str, grants: Grants) -> list[str]:
    given = [grants.directory, DIRECTORY_WRITES.get(table, "")]
    return [command.strip() for command in ",".join(filter(None, given)).split(",")]


async def lift_force(session: Session) -> None:
    """Let the owner see all rows for the rest of this transaction; ``apply`` forces them again.

    A migration must see what it migrates, and an owner on a managed server has no BYPASSRLS. Nobody
    else ever sees this state: it is undone before the transaction commits.
    """
    for name, _, _ in await _tables(session):
        await session.execute(f'ALTER TABLE "{name}" NO FORCE ROW LEVEL SECURITY')


async def _tables(session: Session) -> list[tuple[str, bool, bool]]:
    """Name, whether it is a tenant's, whether an index begins with the tenant."""
    rows = await session.fetch(
        """
        SELECT c.relname AS name, a.attnum IS NOT NULL AS owned,
            EXISTS (SELECT FROM pg_index i
                WHERE i.indrelid = c.oid AND i.indkey[0] = a.attnum) AS indexed
        FROM pg_class c
        LEFT JOIN pg_attribute a
            ON a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
        ORDER BY c.relname
        """
    )
    return [(row["name"], row["owned"], row["indexed"]) for row in rows]
