"""Two contacts that become one: whatever referred to the one refers to the other from then on.

Asked of the database, which knows all tables, those of plugins among them: every foreign key to
contacts that a deletion would empty (``ON DELETE SET NULL (column)``) follows. Where one may stand
only once (a unique constraint), what the surviving contact has stays, and the other's is left without.
"""

from __future__ import annotations

from uuid import UUID

from tenants.db import Session

__all__ = ["merge"]

_REFERENCES = """
SELECT f.conrelid::regclass::text AS name, quote_ident(a.attname) AS field,
    EXISTS (SELECT FROM pg_constraint u WHERE u.conrelid = f.conrelid AND u.contype = 'u'
        AND a.attnum = ANY(u.conkey) AND u.conkey <@ f.conkey) AS once
FROM pg_constraint f JOIN pg_attribute a ON a.attrelid = f.conrelid AND a.attnum = f.confdelsetcols[1]
WHERE f.contype = 'f' AND f.conparentid = 0 AND f.confrelid = 'contacts'::regclass
    AND f.confdeltype = 'n'
ORDER BY name, field
"""


async def merge(session: Session, gone: UUID, into: UUID) -> None:
    """Delete a contact, locked by this session, once all that refers to it follows the other one."""
    for row in await session.fetch(_REFERENCES):
        name, field = row["name"], row["field"]
        free = f" AND NOT EXISTS (SELECT FROM {name} WHERE {field} = $2)" if row["once"] else ""
        await session.execute(f"UPDATE {name} SET {field} = $2 WHERE {field} = $1{free}", gone, into)
    await session.execute("DELETE FROM contacts WHERE id = $1", gone)
