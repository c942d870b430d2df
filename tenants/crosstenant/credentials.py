"""Users, browsers' sessions and tokens, before it is known whose they are."""

from __future__ import annotations

from uuid import UUID

from msgspec import Struct

from tenants.crosstenant import Row
from tenants.db import Database

__all__ = [
    "Account",
    "account",
    "operator_token",
    "purge_sessions",
    "tenant_of_session",
    "tenant_of_token",
]


class Account(Struct, frozen=True):
    """What a login must know of a user before it knows the tenant."""

    tenant_id: UUID
    user_id: UUID
    password_hash: str | None
    may_sign_in: bool


async def account(database: Database, email: str) -> Account | None:
    """The user with this e-mail (lower case); may sign in if both user and company are active."""
    async with database.directory() as session:
        row = await session.fetchrow(
            "SELECT u.tenant_id, u.id AS user_id, u.password_hash,"
            " u.status = 'active' AND t.status = 'active' AS may_sign_in"
            " FROM users u JOIN tenants t ON t.id = u.tenant_id WHERE u.email = $1",
            email,
        )
    return Account(**row) if row else None


async def tenant_of_session(database: Database, token_hash: str) -> UUID | None:
    """Whose cabinet a browser's session is in."""
    async with database.directory() as session:
        return await session.fetchval(
            "SELECT tenant_id FROM login_sessions WHERE token_hash = $1", token_hash
        )


async def tenant_of_token(database: Database, token_hash: str) -> UUID | None:
    """Whose API a program's token opens; whether it still does, the tenant's own rows say."""
    async with database.directory() as session:
        return await session.fetchval(
            "SELECT tenant_id FROM api_tokens WHERE token_hash = $1", token_hash
        )


async def operator_token(database: Database, token_hash: str) -> Row | None:
    """The operator's token with this hash, if it is neither revoked nor expired."""
    async with database.directory() as session:
        return await session.fetchrow(
            "SELECT id, name, scopes FROM operator_tokens WHERE token_hash = $1"
            " AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())",
            token_hash,
        )


async def purge_sessions(database: Database) -> None:
    """Forget browsers' sessions that have expired."""
    async with database.directory() as session:
        await session.execute("DELETE FROM login_sessions WHERE expires_at < now()")
