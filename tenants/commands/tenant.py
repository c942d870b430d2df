"""``sunsim tenant create|list|suspend|resume``."""

from __future__ import annotations

import sys

import click

from tenants.commands.frame import Office, Output, office_command, table
from tenants.services import activation, contracts
from tenants.services.activation import ActivateContract
from tenants.services.contracts import TenantView
from tenants.tables import TenantStatus

__all__ = ["group"]


@click.group("tenant")
def group() -> None:
    """Companies and their contracts."""


@office_command(group, "create")
@click.argument("company")
@click.option("--name", required=True, help="Full name of the first employee, an administrator.")
@click.option("--email", required=True, help="The administrator's e-mail: the login.")
@click.option("--phone", required=True, help="The administrator's external number.")
@click.option("--number", "numbers", multiple=True, help="A number of the stock; may be repeated.")
@click.option("--extension", help="The administrator's extension, 2 to 6 digits.")
@click.option("--timezone", default="Europe/Moscow", show_default=True, help="Of the company.")
@click.option("--tariff", default="start", show_default=True)
@click.option(
    "--channels", default=10, show_default=True, type=click.IntRange(1), help="Calls at once."
)
@click.option(
    "--most-numbers",
    default=10,
    show_default=True,
    type=click.IntRange(1),
    help="That it may have by buying them itself.",
)
@click.option("--plugin", "plugins", multiple=True, help="Instead of the default ones; repeatable.")
@click.option("--password-stdin", is_flag=True, help="Read the password; otherwise one is made.")
async def create(
    office: Office,
    company: str,
    name: str,
    email: str,
    phone: str,
    numbers: tuple[str, ...],
    extension: str | None,
    timezone: str,
    tariff: str,
    channels: int,
    most_numbers: int,
    plugins: tuple[str, ...],
    password_stdin: bool,
) -> Output:
    """Activate the contract of COMPANY with everything it has on day one.

    Prints what cannot be shown again: the password if one was made, and an API token.
    """
    done = await activation.activate(
        office.db,
        office.issuer,
        office.actor,
        ActivateContract(
            company=company,
            name=name,
            email=email,
            phone=phone,
            numbers=numbers,
            extension=extension,
            timezone=timezone,
            tariff=tariff,
            channels=channels,
            most_numbers=most_numbers,
            plugins=frozenset(plugins) if plugins else None,
            password=sys.stdin.readline().rstrip("\n") if password_stdin else None,
            token="created with the company",
        ),
    )
    lines = [
        f"tenant     {done.tenant.id}",
        f"login      {done.email}",
        f"password   {done.password or '(as given)'}",
        f"API token  {done.api_token}",
        *(f"line       {line.login} ({line.kind})" for line in done.employee.lines),
        *(f"number     {number.e164}" for number in done.numbers),
    ]
    return Output(done, lines)


@office_command(group, "list")
async def list_tenants(office: Office) -> Output:
    """All companies."""
    found = await contracts.tenants(office.db, office.actor)
    rows = [(t.id, t.name, t.status, t.tariff, ", ".join(t.plugins)) for t in found]
    return Output(found, table(("ID", "NAME", "STATUS", "TARIFF", "PLUGINS"), rows))


@office_command(group, "suspend")
@click.argument("tenant")
async def suspend(office: Office, tenant: str) -> Output:
    """Stop the calls and logins of TENANT (an id or the exact name); everything is kept."""
    return await _set(office, tenant, TenantStatus.SUSPENDED)


@office_command(group, "resume")
@click.argument("tenant")
async def resume(office: Office, tenant: str) -> Output:
    """Let a suspended TENANT work again."""
    return await _set(office, tenant, TenantStatus.ACTIVE)


async def _set(office: Office, text: str, status: TenantStatus) -> Output:
    tenant = await contracts.find(office.db, office.actor, text)
    changed: TenantView = await contracts.set_status(office.db, office.actor, tenant.id, status)
    return Output(changed, [f"{changed.name} is {changed.status}"])
