"""Inspection of the database's catalogue: does every table keep the tenants apart?

Run after every migration, which fails on a finding and so cannot leave a hole behind; the tests run
it too. A query returns one line for each thing that is wrong.
"""

from __future__ import annotations

from tenants.engine import Session
from tenants.rls import APP_ROLE, APPEND_ONLY, DIRECTORY_ROLE, GLOBAL_TABLES

__all__ = ["problems"]

# $1: names of global tables, $2: of append-only tables, $3: the app's role, $4: the directory's.
_CHECKS = {
    "table {} has neither tenant_id nor a place in GLOBAL_TABLES": """
        SELECT relname FROM pg_class c
        WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND relname <> ALL ($1)
            AND NOT EXISTS (SELECT FROM owned WHERE owned.oid = c.oid)""",
    "tenant_id of {} is not a mandatory uuid": """
        SELECT relname FROM owned WHERE atttypid <> 'uuid'::regtype OR NOT attnotnull""",
    "row-level security of {} is not enabled and forced": """
        SELECT relname FROM protected WHERE NOT (relrowsecurity AND relforcerowsecurity)""",
    "policy of {} for the application lacks USING or WITH CHECK on the tenant": """
        SELECT relname FROM protected WHERE NOT EXISTS (
            SELECT FROM pg_policies p WHERE p.schemaname = 'public' AND p.tablename = relname
                AND p.roles = ARRAY[$3::name] AND p.cmd = 'ALL' AND p.permissive = 'PERMISSIVE'
                AND p.qual = p.with_check AND starts_with(p.qual, format('(%s = ', key))
                AND strpos(p.qual, 'NULLIF(current_setting(''app.tenant_id''::text, true)') > 0)""",
    "a further policy of {} lets the application past the tenant": """
        SELECT format('%s (%s)', tablename, policyname) FROM pg_policies
        WHERE schemaname = 'public' AND policyname <> 'tenant_rows' AND permissive = 'PERMISSIVE'
            AND roles && ARRAY[$3::name, 'public'::name]""",
    "the application can change entries of {}": """
        SELECT name FROM unnest($2::text[]) AS name
        WHERE to_regclass(name) IS NOT NULL
            AND has_table_privilege($3, to_regclass(name), 'UPDATE, DELETE, TRUNCATE')""",
    "foreign key {} can cross tenants: include tenant_id on both sides": """
        SELECT format('%s of %s', conname, conrelid::regclass) FROM pg_constraint f
        WHERE contype = 'f' AND conrelid IN (SELECT oid FROM owned)
            AND confrelid IN (SELECT oid FROM owned) AND NOT EXISTS (
                SELECT FROM unnest(f.conkey, f.confkey) AS pair (ours, theirs)
                JOIN owned o ON o.oid = f.conrelid AND o.attnum = pair.ours
                JOIN owned t ON t.oid = f.confrelid AND t.attnum = pair.theirs)""",
    "view {} does not run with the rights of its reader": """
        SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace
            AND (relkind = 'm' OR relkind = 'v'
                AND NOT COALESCE('security_invoker=true' = ANY (reloptions), false))""",
    "function {} runs with the rights of its owner": """
        SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND prosecdef""",
    "role {} is too powerful or owns tables": """
        SELECT rolname FROM pg_roles r WHERE rolname IN ($3, $4) AND (
            rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb
            OR EXISTS (SELECT FROM pg_class c WHERE c.relowner = r.oid)
            OR EXISTS (SELECT FROM pg_auth_members m WHERE m.member = r.oid AND m.inherit_option))""",
    "role {} is missing": """
        SELECT name FROM unnest(ARRAY[$3, $4]) AS name
        WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name)""",
}

_WITH = """
WITH owned AS (
    SELECT c.oid, c.relname, a.attnum, a.atttypid, a.attnotnull, c.relrowsecurity, c.relforcerowsecurity
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
        AND a.attname = 'tenant_id' AND NOT a.attisdropped
), protected AS (
    SELECT relname, 'tenant_id' AS key, relrowsecurity, relforcerowsecurity FROM owned
    UNION ALL
    SELECT relname, 'id', relrowsecurity, relforcerowsecurity FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relname = 'tenants'
), parameters AS (SELECT $1::text[], $2::text[], $3::text, $4::text)
"""


async def problems(session: Session) -> list[str]:
    """Everything by which a row could reach another tenant, one sentence each; empty is good."""
    found = []
    for sentence, query in _CHECKS.items():
        rows = await session.fetch(
            _WITH + query, list(GLOBAL_TABLES), sorted(APPEND_ONLY), APP_ROLE, DIRECTORY_ROLE
        )
        found += [sentence.format(row[0]) for row in rows]
    return found
