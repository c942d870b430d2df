"""``sunsim token create|list|revoke``: access of programs."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import click
from msgspec.structs import replace

from tenants.commands.frame import Office, Output, office_command, table
from tenants.services import contracts, tokens
from tenants.services.actor import SCOPES
from tenants.services.tokens import CreateToken, TokenView

__all__ = ["group"]


@click.group("token")
def group() -> None:
    """Bearer tokens for the API."""


@office_command(group, "create")
@click.argument("name")
@click.option(
    "--tenant", help="Of this company; without it the operator's, for the whole installation."
)
@click.option("--scope", "scopes", multiple=True, type=click.Choice(SCOPES), help="Repeatable; all.")
@click.option("--days", type=click.IntRange(1, 3650), help="How long it lives; default: for ever.")
async def create(
    office: Office, name: str, tenant: str | None, scopes: tuple[str, ...], days: int | None
) -> Output:
    """Make a token called NAME and print it; it cannot be shown again."""
    wish = CreateToken(name, scopes, days)
    if tenant is None:
        made = await tokens.create_for_operator(office.db, office.actor, wish)
    else:
        actor = await _within(office, tenant)
        made = await tokens.create(office.db, actor.actor, wish)
    return Output(made, [made.token])


@office_command(group, "list")
@click.argument("tenant", required=False)
async def list_tokens(office: Office, tenant: str | None) -> Output:
    """The tokens of TENANT (an id or the exact name); without it the operator's."""
    if tenant is None:
        found = await tokens.operator_tokens(office.db, office.actor)
    else:
        within = await _within(office, tenant)
        found = await tokens.tokens(within.db, within.actor)
    rows = [(t.id, t.name, _state(t), t.last_used_at, ", ".join(t.scopes)) for t in found]
    return Output(found, table(("ID", "NAME", "STATE", "LAST USED", "SCOPES"), rows))


@office_command(group, "revoke")
@click.argument("token", type=click.UUID)
@click.argument("tenant", required=False)
async def revoke(office: Office, token: UUID, tenant: str | None) -> Output:
    """End TOKEN (its id) of TENANT, or of the operator, for good."""
    if tenant is None:
        await tokens.revoke_for_operator(office.db, office.actor, token)
    else:
        within = await _within(office, tenant)
        await tokens.revoke(within.db, within.actor, token)
    return Output({"revoked": token}, ["revoked"])


def _state(token: TokenView) -> str:
    if token.revoked_at:
        return "revoked"
    expired = token.expires_at is not None and token.expires_at <= datetime.now(UTC)
    return "expired" if expired else "valid"


async def _within(office: Office, tenant: str) -> Office:
    found = await contracts.find(office.db, office.actor, tenant)
    return replace(office, actor=replace(office.actor, tenant_id=found.id))
