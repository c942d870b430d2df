"""``sunsim numbering import|update|show``: which numbers are from which region."""

from __future__ import annotations

from pathlib import Path

import click

from core.errors import NotFound
from tenants.commands.frame import Office, Output, office_command
from tenants.services import numbering
from tenants.services.numbering import NumberingView

__all__ = ["group"]

_NAMES = 10
"""So many regions that could not be found are printed; ``--json`` has all."""


class NoNumbering(NotFound):
    """No numbering plan was imported: regions of mobile numbers are unknown."""

    code = "no_numbering"


@click.group("numbering")
def group() -> None:
    """The numbering plan of the country: which numbers are from which region."""


@office_command(group, "import")
@click.argument("folder", type=click.Path(exists=True, path_type=Path))
async def load(office: Office, folder: Path) -> Output:
    """Put the registry's CSV files in FOLDER into force, in place of those before."""
    return _told(await numbering.load(office.db, office.actor, folder))


@office_command(group, "update")
async def update(office: Office) -> Output:
    """Download the registry's CSV files from SUNSIM_NUMBERING_URLS and put them into force."""
    return _told(await numbering.update(office.db, office.actor, office.settings.numbering))


@office_command(group, "show")
async def show(office: Office) -> Output:
    """The plan in force and what of its files could not be used."""
    found = await numbering.present(office.db, office.actor)
    if found is None:
        raise NoNumbering
    return _told(found)


def _told(view: NumberingView) -> Output:
    report = view.report
    lines = [f"{view.source}: {view.ranges} ranges, imported {view.created_at:%Y-%m-%d %H:%M} UTC"]
    if report.malformed_rows:
        lines.append(f"Rows that cannot be read: {report.malformed_rows}, {report.malformed[0]} first")
    if report.overlapping_rows:
        first = report.overlapping[0]
        lines.append(f"Rows that overlap others: {report.overlapping_rows}, {first} first")
    for name, rows in list(report.unmapped.items())[:_NAMES]:
        lines.append(f"No such region: {name} ({rows} rows)")
    return Output(view, lines)
