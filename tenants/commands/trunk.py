"""``sunsim trunk add|list|test``: carriers."""

from __future__ import annotations

from typing import Any

import click

from core.contracts import IdentityHeader, NumberFormat
from tenants.commands.frame import Office, Output, office_command, table
from tenants.secrets import Vault
from tenants.services import trunks
from tenants.services.trunks import AddTrunk, TrunkView

__all__ = ["group"]


@click.group("trunk")
def group() -> None:
    """Carriers."""


@office_command(group, "add")
@click.argument("name")
@click.option("--host", required=True, help="Where calls to it are sent.")
@click.option("--port", default=5060, show_default=True, type=click.IntRange(1, 65535))
@click.option(
    "--network", "networks", multiple=True, help="CIDR block its calls come from; repeatable."
)
@click.option("--max-calls", type=click.IntRange(1), help="Calls at once, both ways together.")
@click.option("--login", help="Our account there, which answers its challenges.")
@click.option("--password-stdin", is_flag=True, help="Read the account's password from stdin.")
@click.option("--realm", help="Answer challenges of this realm only.")
@click.option("--register", "registers", is_flag=True, help="Register there.")
@click.option("--registrar", help="HOST or HOST:PORT of the registrar, if it is another.")
@click.option(
    "--check",
    "check_seconds",
    default=0,
    show_default=True,
    type=click.IntRange(0, 3600),
    help="Ask every so many seconds whether it is there (OPTIONS); 0: never.",
)
@click.option(
    "--numbers",
    "number_format",
    default=NumberFormat.E164.value,
    show_default=True,
    type=click.Choice([form.value for form in NumberFormat]),
    help="How it writes numbers: +7495…, 7495… or 8495….",
)
@click.option(
    "--identity",
    "identity_header",
    default=IdentityHeader.PAI.value,
    show_default=True,
    type=click.Choice([header.value for header in IdentityHeader]),
    help="The header that tells it who calls.",
)
@click.option(
    "--trusted/--untrusted",
    default=True,
    show_default=True,
    help="Whether it may know who hides, and is believed who calls.",
)
async def add(office: Office, password_stdin: bool, **fields: Any) -> Output:
    """Add the carrier NAME. Without --network its calls come from the host, given as an address."""
    password = click.get_text_stream("stdin").readline().rstrip("\r\n") if password_stdin else None
    fields["number_format"] = NumberFormat(fields["number_format"])
    fields["identity_header"] = IdentityHeader(fields["identity_header"])
    vault = Vault.open(office.settings.data) if password else None
    command = AddTrunk(**fields, password=password)
    added = await trunks.add(office.db, office.actor, command, vault)
    return Output(added, [f"{added.name}: {added.host}:{added.port}, {', '.join(added.networks)}"])


@office_command(group, "list")
async def list_trunks(office: Office) -> Output:
    """All carriers and how they are now."""
    found = await trunks.trunks(office.db, office.actor)
    rows = [
        (
            t.name,
            f"{t.host}:{t.port}",
            ", ".join(t.networks),
            f"{t.calls}/{t.max_calls or '∞'}",
            "yes" if t.enabled else "no",
            _state(t),
        )
        for t in found
    ]
    return Output(found, table(("NAME", "ADDRESS", "NETWORKS", "CALLS", "ENABLED", "STATE"), rows))


def _state(trunk: TrunkView) -> str:
    """In words: ``up, registered``, ``down: no answer``."""
    words = trunk.state
    if trunk.registered is not None:
        words += ", registered" if trunk.registered else ", not registered"
    return f"{words}: {trunk.problem}" if trunk.problem else words


@office_command(group, "test")
@click.argument("name")
async def test(office: Office, name: str) -> Output:
    """Ask the carrier NAME whether it is there (SIP OPTIONS); the exit code is 6 if it is not."""
    result = await trunks.test(office.db, office.actor, name)
    if not result.reachable:
        raise trunks.TrunkSilent(name=name, reason=result.reason)
    answer = f"{result.status} {result.reason} in {result.milliseconds} ms"
    return Output(result, [f"{name} answers: {answer} {result.user_agent}".rstrip()])
