"""Who called, once the call is over: a contact «Не сохранен» for everybody (CON-01), and who becomes
the manager of a caller who was missed (PMA-03, H-23).

A consumer of the outbox that the house has itself, as contacts are the house's. Calls out make no
contact (H-22), nor do people of the company who call in from their own telephones. What a missed call
says of the manager waits at the contact until that is saved (CON-12); of several such calls the latest
counts, in whatever order they are looked at.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from core.contracts import Cdr, ContactKind, Direction, Tenant, TerminalKind
from core.contributions import OutboxConsumer
from core.events import CallEnded
from core.ids import new_id
from tenants.engine import Session, current_session

__all__ = ["CONSUMERS", "contact_of"]

_E164 = re.compile(r"\+[1-9][0-9]{1,14}")


async def _note_caller(_: Tenant, event: CallEnded) -> None:
    """The caller is a contact, with the candidate that this call chose."""
    cdr, session = event.cdr, current_session()
    if cdr.direction is not Direction.INCOMING or cdr.caller is None:
        return
    contact = await contact_of(session, cdr.caller, make=True)
    if contact is not None and cdr.missed_manager is not None:
        await _note_candidate(session, contact, cdr, cdr.missed_manager)


async def contact_of(session: Session, number: str, *, make: bool) -> UUID | None:
    """The contact with this number, a new one «Не сохранен» if there is none and ``make`` wants one;
    whoever else asks for it waits until this transaction ends. ``None`` too if this is no telephone
    number, or one of the company itself."""
    if not _E164.fullmatch(number):
        return None
    # Of two that come at once the second one waits here, and then finds what the first one made.
    locked = "SELECT pg_advisory_xact_lock(hashtextextended($1 || $2::text, 0))"
    await session.execute(locked, f"contact {session.tenant_id}", number)
    found = await session.fetchval(
        "SELECT c.id FROM contact_numbers n JOIN contacts c ON c.id = n.contact_id"
        " WHERE n.e164 = $1 FOR NO KEY UPDATE OF c",
        number,
    )
    if found is not None or not make or await _ours(session, number):
        return found
    contact = new_id()
    await session.execute(
        "INSERT INTO contacts (id, tenant_id, kind, name) VALUES ($1, $2, $3, '')",
        *(contact, session.tenant_id, ContactKind.UNSAVED),
    )
    noted = await session.fetchval(
        "INSERT INTO contact_numbers (id, tenant_id, contact_id, e164) VALUES ($1, $2, $3, $4)"
        " ON CONFLICT (tenant_id, e164) DO NOTHING RETURNING contact_id",
        *(new_id(), session.tenant_id, contact, number),
    )
    if noted is None:  # somebody saved a contact with it by hand just now
        await session.execute("DELETE FROM contacts WHERE id = $1", contact)
        return await contact_of(session, number, make=make)
    return contact


async def _ours(session: Session, number: str) -> bool:
    """Whether this is a telephone of an employee, or a number of the company."""
    return await session.fetchval(
        "SELECT EXISTS (SELECT FROM terminals WHERE kind = $2 AND address = $1)"
        " OR EXISTS (SELECT FROM numbers WHERE e164 = $1)",
        *(number, TerminalKind.EXTERNAL),
    )


async def _note_candidate(session: Session, contact: UUID, cdr: Cdr, candidate: UUID) -> None:
    """Somebody who is dismissed meanwhile is none."""
    await session.execute(
        "UPDATE contacts SET pending_manager = $2, pending_since = $3"
        " WHERE id = $1 AND kind = $4 AND (pending_since IS NULL OR pending_since < $3)"
        " AND EXISTS (SELECT FROM employees WHERE id = $2)",
        *(contact, candidate, datetime.fromtimestamp(cdr.started_at, UTC), ContactKind.UNSAVED),
    )


CONSUMERS: Final = (OutboxConsumer("sunsim:callers", (CallEnded,), _note_caller),)
"""For ``tenants.outbox``."""
