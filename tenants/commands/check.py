"""``sunsim check``: what is wrong with a company's scenarios."""

from __future__ import annotations

import click

from tenants.checktext import CheckView
from tenants.commands.frame import Office, Output, office_command
from tenants.services import checks, contracts
from tenants.services.actor import operator
from tenants.services.checks import Checks

__all__ = ["command"]


@office_command(click.Group(), "check")
@click.option("--tenant", required=True, help="The company: its id or exact name.")
async def command(office: Office, tenant: str) -> Output:
    """What is wrong with the scenarios of a company in the coming 12 months."""
    found = await contracts.find(office.db, office.actor, tenant)
    within = operator(office.actor.name, found.id)
    view = await checks.check_company(Checks(office.db), within, str)
    return Output(view, _lines(view))


def _lines(view: CheckView) -> list[str]:
    lines = []
    for finding in view.findings:
        lines.append(f"{finding.severity.upper():<8} {finding.text}")
        if finding.witness is not None:
            lines.append(f"{'':<8} {finding.witness.text}")
    return lines or ["nothing is wrong"]
