"""``sunsim route``: where a call would go, and why (the dry run)."""

from __future__ import annotations

from typing import NamedTuple
from uuid import UUID

import click

from core.contracts import Contact
from tenants.commands.frame import Office, Output, gettext, office_command
from tenants.contacts import ContactIndex
from tenants.crosstenant.numbering import numbering_plan
from tenants.explain import lines
from tenants.regions import Regions
from tenants.services import contracts, dryrun
from tenants.services.actor import operator
from tenants.services.dryrun import DryRun

__all__ = ["command"]

_root = click.Group("sunsim")


class _Callers(NamedTuple):
    """Implements ``dryrun.Callers`` for one company, without the directory of a running service."""

    plan: Regions
    contacts: ContactIndex

    async def read(self, office: Office, tenant_id: UUID) -> None:
        """Read what calls know from memory."""
        if (row := await numbering_plan(office.db, None)) is not None:
            self.plan.put(row["id"], row["edges"], row["subjects"])
        await self.contacts.load([tenant_id])

    def regions(self, number: str | None) -> tuple[int, ...]:
        """From which federal subjects a number is."""
        return self.plan.of(number)

    def contact(self, tenant_id: UUID, number: str | None) -> Contact | None:
        """What the company has saved of a number."""
        return self.contacts.of(tenant_id, number)


@office_command(_root, "route")
@click.option("--tenant", required=True, help="The company: an id or the exact name.")
@click.option("--to", "called", required=True, help="The number of the company that is called.")
@click.option("--from", "caller", help="Who calls; without it the number is hidden.")
@click.option("--at", help="A moment, 2026-12-31T18:00, by the company's clock; without it now.")
@click.option(
    "--live",
    default="{}",
    help="JSON of employees by extension or id: "
    '\'{"101": {"mode": "available", "registered": true, "busy": false, "talked": 60}}\'.',
)
@click.option("--keys", default="", help="What the caller presses, from the first voice menu on.")
async def command(
    office: Office,
    tenant: str,
    called: str,
    caller: str | None,
    at: str | None,
    live: str,
    keys: str,
) -> Output:
    """Try a call without making it: who would ring, who would not, and why."""
    found = await contracts.find(office.db, office.actor, tenant)
    callers = _Callers(Regions(), ContactIndex(office.db))
    await callers.read(office, found.id)
    words = gettext()
    told = await dryrun.dry_run(
        office.db,
        operator(office.actor.name, found.id),
        DryRun(called, caller, at, dryrun.states(live), keys=keys),
        callers,
        words,
    )
    return Output(told, lines(told, words, found.timezone))
