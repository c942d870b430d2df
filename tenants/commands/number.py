"""``sunsim number add|list|route|assign``: the operator's stock of numbers."""

from __future__ import annotations

import click

from core.numbers import pretty
from tenants.commands.frame import Office, Output, office_command, table
from tenants.services import contracts, numbers
from tenants.services.numbers import AddNumber, AssignNumber, RouteNumber

__all__ = ["group"]


@click.group("number")
def group() -> None:
    """Numbers that are for sale or held by companies."""


@office_command(group, "add")
@click.argument("number")
@click.option("--trunk", help="Name of the carrier that delivers its calls.")
@click.option(
    "--further-trunk",
    "further",
    multiple=True,
    help="A carrier through which its calls leave when those before cannot; repeatable.",
)
@click.option("--city", default="")
@click.option("--category", default="standard", show_default=True)
async def add(
    office: Office,
    number: str,
    trunk: str | None,
    further: tuple[str, ...],
    city: str,
    category: str,
) -> Output:
    """Put NUMBER into the stock."""
    command = AddNumber(number, trunk=trunk, city=city, category=category, further=further)
    added = await numbers.add(office.db, office.actor, command)
    return Output(added, [f"{added.e164} is in the stock"])


@office_command(group, "list")
async def list_numbers(office: Office) -> Output:
    """All numbers of the stock."""
    found = await numbers.stock(office.db, office.actor)
    rows = [
        (
            pretty(n.e164),
            ", ".join(filter(None, (n.trunk, *n.further))),
            n.city,
            n.category,
            n.holder or "for sale",
        )
        for n in found
    ]
    return Output(found, table(("NUMBER", "TRUNK", "CITY", "CATEGORY", "HOLDER"), rows))


@office_command(group, "route")
@click.argument("number")
@click.argument("trunks", nargs=-1)
async def route(office: Office, number: str, trunks: tuple[str, ...]) -> Output:
    """Let calls with NUMBER leave through these TRUNKS, too, in this order, when its own cannot."""
    routed = await numbers.route(office.db, office.actor, RouteNumber(number, trunks))
    ways = ", ".join(filter(None, (routed.trunk, *routed.further)))
    return Output(routed, [f"{routed.e164}: {ways or 'the oldest carrier'}"])


@office_command(group, "assign")
@click.argument("number")
@click.argument("tenant")
async def assign(office: Office, number: str, tenant: str) -> Output:
    """Give NUMBER of the stock to TENANT (an id or the exact name) and activate it there."""
    holder = await contracts.find(office.db, office.actor, tenant)
    given = await numbers.assign(office.db, office.actor, AssignNumber(number, holder.id))
    return Output(given, [f"{given.e164} belongs to {holder.name}: {given.scenario_name}"])
