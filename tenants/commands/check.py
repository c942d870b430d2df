"""``sunsim check``: what is wrong with a company's scenarios."""

from __future__ import annotations

import click

from tenants.checktext import NOTHING, SEVERITIES, CheckView
from tenants.commands.frame import Office, Output, gettext, office_command
from tenants.services import checks, contracts
from tenants.services.actor import operator
from tenants.services.checks import Checks
from tenants.words import Gettext

__all__ = ["command"]


@office_command(click.Group(), "check")
@click.option("--tenant", required=True, help="The company: its id or exact name.")
async def command(office: Office, tenant: str) -> Output:
    """What is wrong with the scenarios of a company in the coming 12 months."""
    found = await contracts.find(office.db, office.actor, tenant)
    within = operator(office.actor.name, found.id)
    words = gettext()
    view = await checks.check_company(Checks(office.db), within, words)
    return Output(view, _lines(view, words))


def _lines(view: CheckView, words: Gettext) -> list[str]:
    lines = []
    for finding in view.findings:
        lines.append(f"{words(SEVERITIES[finding.severity]):<15} {finding.text}")
        if finding.witness is not None:
            lines.append(f"{'':<15} {finding.witness.text}")
    return lines or [words(NOTHING)]
