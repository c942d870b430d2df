"""``sunsim trunk add|list|test``: carriers."""

from __future__ import annotations

import click

from tenants.commands.frame import Office, Output, office_command, table
from tenants.services import trunks
from tenants.services.trunks import AddTrunk

__all__ = ["group"]


@click.group("trunk")
def group() -> None:
    """Carriers, known by address."""


@office_command(group, "add")
@click.argument("name")
@click.option("--host", required=True, help="Where calls to it are sent.")
@click.option("--port", default=5060, show_default=True, type=click.IntRange(1, 65535))
@click.option(
    "--network", "networks", multiple=True, help="CIDR block its calls come from; repeatable."
)
@click.option("--max-calls", type=click.IntRange(1), help="Calls at once.")
async def add(
    office: Office,
    name: str,
    host: str,
    port: int,
    networks: tuple[str, ...],
    max_calls: int | None,
) -> Output:
    """Add the carrier NAME. Without --network its calls come from the host, given as an address."""
    added = await trunks.add(office.db, office.actor, AddTrunk(name, host, port, networks, max_calls))
    return Output(added, [f"{added.name}: {added.host}:{added.port}, {', '.join(added.networks)}"])


@office_command(group, "list")
async def list_trunks(office: Office) -> Output:
    """All carriers."""
    found = await trunks.trunks(office.db, office.actor)
    rows = [
        (t.name, f"{t.host}:{t.port}", ", ".join(t.networks), t.max_calls, "yes" if t.enabled else "no")
        for t in found
    ]
    return Output(found, table(("NAME", "ADDRESS", "NETWORKS", "MAX CALLS", "ENABLED"), rows))


@office_command(group, "test")
@click.argument("name")
async def test(office: Office, name: str) -> Output:
    """Ask the carrier NAME whether it is there (SIP OPTIONS); the exit code is 6 if it is not."""
    result = await trunks.test(office.db, office.actor, name)
    if not result.reachable:
        raise trunks.TrunkSilent(name=name, reason=result.reason)
    answer = f"{result.status} {result.reason} in {result.milliseconds} ms"
    return Output(result, [f"{name} answers: {answer} {result.user_agent}".rstrip()])
