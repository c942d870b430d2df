"""``sunsim plugin list|enable|disable``."""

from __future__ import annotations

import click

from tenants.commands.frame import Office, Output, office_command, table
from tenants.services import contracts

__all__ = ["group"]


@click.group("plugin")
def group() -> None:
    """Installed plugins, and which contracts have them."""


@office_command(group, "list")
@click.option("--tenant", help="Also whether this company (an id or the exact name) has each.")
async def list_plugins(office: Office, tenant: str | None) -> Output:
    """All installed plugins."""
    tenant_id = None
    if tenant is not None:
        tenant_id = (await contracts.find(office.db, office.actor, tenant)).id
    found = await contracts.plugins(office.db, office.actor, tenant_id)
    words = {None: "", True: "enabled", False: "disabled"}
    rows = [
        (p.name, p.version, "yes" if p.default_on else "no", words[p.enabled], p.title) for p in found
    ]
    return Output(found, table(("NAME", "VERSION", "DEFAULT", "STATE", "TITLE"), rows))


@office_command(group, "enable")
@click.argument("plugin")
@click.argument("tenant")
async def enable(office: Office, plugin: str, tenant: str) -> Output:
    """Put PLUGIN into the contract of TENANT (an id or the exact name)."""
    return await _set(office, plugin, tenant, enabled=True)


@office_command(group, "disable")
@click.argument("plugin")
@click.argument("tenant")
async def disable(office: Office, plugin: str, tenant: str) -> Output:
    """Take PLUGIN out of the contract of TENANT; its data stay."""
    return await _set(office, plugin, tenant, enabled=False)


async def _set(office: Office, plugin: str, text: str, *, enabled: bool) -> Output:
    found = await contracts.find(office.db, office.actor, text)
    changed = await contracts.set_plugin(office.db, office.actor, found.id, plugin, enabled)
    return Output(changed, [f"{changed.name}: {', '.join(changed.plugins) or 'no plugins'}"])
