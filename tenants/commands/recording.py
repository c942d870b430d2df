"""``sunsim recording failed|retry``: recordings of which no sound could be made."""

from __future__ import annotations

from uuid import UUID

import click

from core.errors import FieldError, Invalid
from tenants.commands.frame import Office, Output, office_command, table
from tenants.services import contracts, failedrecordings

__all__ = ["group"]

_TENANT = click.option("--tenant", help="Only of this company (an id or the exact name).")


@click.group("recording")
def group() -> None:
    """Recordings of which no sound could be made."""


@office_command(group, "failed")
@_TENANT
async def failed(office: Office, tenant: str | None) -> Output:
    """Those that were given up, and why; the latest first."""
    found = await failedrecordings.failed(office.db, office.actor, await _id(office, tenant))
    rows = [(str(one.id), str(one.tenant_id), f"{one.started_at:%F %T}", one.reason) for one in found]
    return Output(found, table(("ID", "TENANT", "BEGUN", "REASON"), rows))


@office_command(group, "retry")
@click.argument("recording", type=click.UUID, required=False)
@_TENANT
@click.option("--all", "everything", is_flag=True, help="All that failed, or all of --tenant.")
async def retry(office: Office, recording: UUID | None, tenant: str | None, everything: bool) -> Output:
    """Try anew to make the sound of a failed RECORDING, from what was received."""
    if everything == (recording is not None):
        raise Invalid(recording=FieldError("Name one recording, or --all."))
    tenant_id = await _id(office, tenant)
    tried = await failedrecordings.retry(office.db, office.actor, tenant_id, recording)
    lines = [f"{one.id} is tried again" for one in tried]
    return Output(tried, lines or ["no recording has failed"])


async def _id(office: Office, tenant: str | None) -> UUID | None:
    if tenant is None:
        return None
    return (await contracts.find(office.db, office.actor, tenant)).id
