"""Bearer tokens of programs: made once, shown once, stored as a hash, limited by scopes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from msgspec import Struct

from core.errors import FieldError, Forbidden, Invalid, NotFound, Unauthenticated
from tenants import crosstenant
from tenants.crosstenant import credentials
from tenants.db import Database
from tenants.secrets import hash_token, new_token
from tenants.services import audit
from tenants.services.actor import SCOPES, Actor, Role, require_administrator, require_operator
from tenants.tables import ApiToken, OperatorToken, TenantStatus

__all__ = [
    "CreateToken",
    "CreatedToken",
    "TokenView",
    "authenticate",
    "create",
    "create_for_operator",
    "insert",
    "operator_tokens",
    "revoke",
    "revoke_for_operator",
    "tokens",
]

TENANT_PREFIX = "sst_"
OPERATOR_PREFIX = "sso_"
# What the company's own programs may be given; the rest is the operator's.
TENANT_SCOPES = tuple(s for s in SCOPES if s not in ("tenants:write", "trunks:read", "trunks:write"))
_LAST_USED = timedelta(minutes=1)


class CreateToken(Struct, frozen=True):
    """A new token; without ``scopes`` it may do everything, without ``days`` it does not expire."""

    name: str
    scopes: tuple[str, ...] = ()
    days: int | None = None


class CreatedToken(Struct, frozen=True):
    """The token in clear, for this once."""

    id: UUID
    token: str
    scopes: tuple[str, ...]


class TokenView(Struct, frozen=True):
    """A token as it is listed."""

    id: UUID
    name: str
    scopes: tuple[str, ...]
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None


async def create(db: Database, actor: Actor, command: CreateToken) -> CreatedToken:
    """A token of the actor's company. Raises Invalid for scopes that there are not or that the actor
    does not have."""
    async with db.tenant(require_administrator(actor, "tokens:write")):
        return await insert(actor, command)


async def insert(actor: Actor, command: CreateToken) -> CreatedToken:
    """The same in an open session of the tenant."""
    scopes = _scopes(actor, command, TENANT_SCOPES)
    token = new_token(TENANT_PREFIX)
    row = ApiToken(
        token_hash=hash_token(token),
        name=command.name[:60],
        scopes=list(scopes),
        created_by=actor.user_id,
        expires_at=_expiry(command),
    )
    await ApiToken.insert(row)
    await audit.record(actor, "token.create", row.id, after={"name": row.name, "scopes": list(scopes)})
    return CreatedToken(row.id, token, scopes)


async def create_for_operator(db: Database, actor: Actor, command: CreateToken) -> CreatedToken:
    """A token for the whole installation."""
    require_operator(actor, "tokens:write")
    scopes = _scopes(actor, command, SCOPES)
    token = new_token(OPERATOR_PREFIX)
    async with crosstenant.operator_session(db):
        row = OperatorToken(
            token_hash=hash_token(token),
            name=command.name[:60],
            scopes=list(scopes),
            expires_at=_expiry(command),
        )
        await OperatorToken.insert(row)
        await audit.operator_change(actor, "token.create", token=row.name, scopes=list(scopes))
    return CreatedToken(row.id, token, scopes)


async def tokens(db: Database, actor: Actor) -> list[TokenView]:
    """The company's tokens, latest first, revoked ones too."""
    async with db.tenant(require_administrator(actor, "tokens:write")):
        rows = await ApiToken.select().order_by(ApiToken.created_at, ascending=False)
    return [_view(row) for row in rows]


async def operator_tokens(db: Database, actor: Actor) -> list[TokenView]:
    """The tokens for the whole installation; when they were last used is not kept."""
    require_operator(actor, "tokens:write")
    async with crosstenant.operator_session(db):
        rows = await OperatorToken.select().order_by(OperatorToken.created_at, ascending=False)
    return [_view(row) for row in rows]


async def revoke(db: Database, actor: Actor, token_id: UUID) -> None:
    """End a token for good. Raises NotFound."""
    async with db.tenant(require_administrator(actor, "tokens:write")):
        await _end(ApiToken, token_id)
        await audit.record(actor, "token.revoke", token_id)


async def revoke_for_operator(db: Database, actor: Actor, token_id: UUID) -> None:
    """End a token for the whole installation. Raises NotFound."""
    require_operator(actor, "tokens:write")
    async with crosstenant.operator_session(db):
        await _end(OperatorToken, token_id)
        await audit.operator_change(actor, "token.revoke", token=token_id)


async def _end(table: type[ApiToken] | type[OperatorToken], token_id: UUID) -> None:
    changed = (
        await table.update({table.revoked_at: datetime.now(UTC)})
        .where((table.id == token_id) & table.revoked_at.is_null())
        .returning(table.id)
    )
    if not changed:
        raise NotFound


async def authenticate(db: Database, token: str, address: str = "") -> Actor:
    """Who has this token. Raises Unauthenticated, alike for every reason."""
    hashed = hash_token(token)
    if token.startswith(OPERATOR_PREFIX):
        row = await credentials.operator_token(db, hashed)
        if row is None:
            raise Unauthenticated
        scopes = frozenset(row["scopes"])
        return Actor(None, Role.OPERATOR, name=row["name"], scopes=scopes, source=address)
    tenant_id = await credentials.tenant_of_token(db, hashed)
    if tenant_id is None:
        raise Unauthenticated
    async with db.tenant(tenant_id) as session:
        row = await session.fetchrow(_TOKEN, hashed)
        now = datetime.now(UTC)
        if row is None or (row["expires_at"] is not None and row["expires_at"] <= now):
            raise Unauthenticated
        if row["last_used_at"] is None or now - row["last_used_at"] > _LAST_USED:
            await ApiToken.update({ApiToken.last_used_at: now}).where(ApiToken.id == row["id"])
    return Actor(
        tenant_id,
        Role.ADMINISTRATOR,
        name=row["name"],
        scopes=frozenset(row["scopes"]),
        source=address,
    )


_TOKEN = f"""
SELECT k.* FROM api_tokens AS k JOIN tenants AS t ON t.id = k.tenant_id
WHERE k.token_hash = $1 AND k.revoked_at IS NULL AND t.status = '{TenantStatus.ACTIVE}'
"""


def _scopes(actor: Actor, command: CreateToken, possible: tuple[str, ...]) -> tuple[str, ...]:
    if not command.name.strip():
        raise Invalid(name=FieldError("Give the token a name."))
    scopes = tuple(dict.fromkeys(command.scopes)) or possible
    if not set(scopes) <= set(possible):
        raise Invalid(scopes=FieldError("There is no such scope."))
    if not all(actor.allows(scope) for scope in scopes):
        raise Forbidden
    return scopes


def _expiry(command: CreateToken) -> datetime | None:
    if command.days is None:
        return None
    if not 1 <= command.days <= 3650:
        raise Invalid(days=FieldError("A token lives for 1 to 3650 days."))
    return datetime.now(UTC) + timedelta(days=command.days)


def _view(row: dict[str, Any]) -> TokenView:
    return TokenView(
        id=row["id"],
        name=row["name"],
        scopes=tuple(row["scopes"]),
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        last_used_at=row.get("last_used_at"),
        revoked_at=row["revoked_at"],
    )
