"""What touches the world."""

from __future__ import annotations

from uuid import UUID

from dummy.logic import Detour
from dummy.tables import Visit
from sunsim import Addressee, AddresseeKind, CallEnded, CallVerbs, Dial, Next, Tenant, counter, logger

log = logger("dummy")
nights = counter("dummy", "nights", "How often the nightly job ran.")
roles: list[str] = []
started: dict[UUID, int] = {}


async def detour(call: CallVerbs, config: Detour) -> Next:
    """Try one number first; if nobody answers there, the chain goes on."""
    number = Addressee(AddresseeKind.EXTERNAL, config.number)
    answered = await call.dial(Dial((number,), ring_seconds=config.seconds))
    return Next.END if answered else Next.CONTINUE


async def nightly(tenant: Tenant) -> None:
    """Count the nights."""
    nights.inc()
    log.info("night", tenant=str(tenant.id))


async def note_visit(tenant: Tenant, event: CallEnded) -> None:
    """Remember the call in a table of our own."""
    await Visit(call_id=event.cdr.call_id, outcome=event.cdr.outcome.value).save()
