"""``sunsim calls list|hangup|decision``: the calls of this moment, and why one went where it went."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import click

from core.errors import FieldError, Invalid, NotFound
from tenants.commands.frame import Office, Output, gettext, office_command, table
from tenants.crosstenant.calls import tenant_of_call
from tenants.explain import lines
from tenants.services import callcontrol, contracts, decisions
from tenants.services.actor import operator
from tenants.services.callcontrol import PresentCallAnywhere

__all__ = ["group"]

_TENANT = click.option("--tenant", help="Only of this company (an id or the exact name).")


@click.group("calls")
def group() -> None:
    """Calls that go on now, and why calls went where they went."""


@office_command(group, "list")
@_TENANT
async def list_calls(office: Office, tenant: str | None) -> Output:
    """The calls of this moment, the oldest first."""
    found = await callcontrol.everywhere(office.db, office.actor, await _id(office, tenant))
    now = datetime.now(UTC)
    rows = [
        (
            str(call.call_id)[24:],
            call.tenant,
            call.direction,
            call.caller or "anonymous",
            call.called,
            call.state,
            _length(now, call.since),
            call.legs,
            ", ".join(call.parties),
        )
        for call in found
    ]
    heads = ("ID", "TENANT", "DIRECTION", "CALLER", "CALLED", "STATE", "SINCE", "LEGS", "EMPLOYEES")
    return Output(found, table(heads, rows))


@office_command(group, "hangup")
@click.argument("call", required=False)
@_TENANT
@click.option("--all", "everything", is_flag=True, help="All calls, or all of --tenant.")
async def hangup(office: Office, call: str | None, tenant: str | None, everything: bool) -> Output:
    """End a CALL for both sides: its id, or how the id or its last group begins."""
    if everything == (call is not None):
        raise Invalid(call=FieldError("Name one call, or --all."))
    tenant_id = await _id(office, tenant)
    if call is None:
        chosen = await callcontrol.everywhere(office.db, office.actor, tenant_id)
    else:
        chosen = [await callcontrol.find(office.db, office.actor, call, tenant_id)]
    ended = await callcontrol.hang_up_all(office.db, office.actor, chosen)
    return Output(ended, [f"{_name(one)} is ended" for one in ended] or ["no call was ended"])


@office_command(group, "decision")
@click.argument("call", type=click.UUID)
@click.option("--snapshot", help="Another configuration: the number of its version, or now.")
async def decision(office: Office, call: UUID, snapshot: str | None) -> Output:
    """Decide a past CALL again: by the configuration that it had, or by another one."""
    tenant_id = await tenant_of_call(office.db, call)
    if tenant_id is None:
        raise NotFound("There is no record of this call.")
    company = await contracts.get(office.db, office.actor, tenant_id)
    actor, words = operator(office.actor.name, tenant_id), gettext()
    found = await decisions.of_call(office.db, actor, call, snapshot, words)
    return Output(found, lines(found, words, company.timezone))


async def _id(office: Office, tenant: str | None) -> UUID | None:
    if tenant is None:
        return None
    return (await contracts.find(office.db, office.actor, tenant)).id


def _name(call: PresentCallAnywhere) -> str:
    return f"{call.call_id} ({call.caller or 'anonymous'} → {call.called})"


def _length(now: datetime, since: datetime) -> str:
    """``m:ss``; clocks of two machines may differ a little."""
    minutes, seconds = divmod(max(0, int((now - since).total_seconds())), 60)
    return f"{minutes}:{seconds:02}"
