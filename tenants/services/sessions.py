"""Signing in and staying signed in: server-side sessions, of which only a hash is stored.

A wrong password, an unknown address, an account that is not active and a suspended company answer
alike and take alike long. Every login makes a new session and ends the one the browser came with.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from msgspec import Struct

from core.contracts import AvailabilityMode
from core.errors import Unauthenticated
from tenants.crosstenant import credentials
from tenants.db import Database
from tenants.secrets import hash_password, hash_token, needs_rehash, new_token, verify_password
from tenants.services import audit
from tenants.services.actor import Actor, Role
from tenants.services.throttle import LoginThrottle
from tenants.tables import LoginSession, TenantStatus, User, UserStatus

__all__ = ["Identity", "Login", "SignedIn", "authenticate", "end_others", "login", "logout", "start"]

_LONGEST = timedelta(days=30)
# Moving the end of a session by less than this is not worth a write.
_TOUCH = timedelta(minutes=1)
WRONG = "The e-mail or the password is wrong."


class Login(Struct, frozen=True):
    """What the form says and where it came from; ``previous`` is the token of the browser's cookie."""

    email: str
    password: str
    address: str = ""
    user_agent: str = ""
    previous: str | None = None


class Identity(Struct, frozen=True):
    """Who is signed in, with what pages need of them; ``timezone`` is the viewer's (H-17)."""

    actor: Actor
    session_id: UUID
    email: str
    name: str
    locale: str
    theme: str
    tenant_name: str
    timezone: str
    mode: AvailabilityMode = AvailabilityMode.SCHEDULE


class SignedIn(Struct, frozen=True):
    """A new session: the token goes into the cookie and is nowhere else."""

    token: str
    expires_at: datetime


async def login(db: Database, throttle: LoginThrottle, command: Login, session_hours: int) -> SignedIn:
    """Sign in with e-mail and password (ACC-02). Raises Unauthenticated, TooManyRequests."""
    email = command.email.strip().lower()[:254]
    throttle.check(command.address, email)
    throttle.attempt(command.address, email)
    account = await credentials.account(db, email)
    hashed = account.password_hash if account else None
    fits = await verify_password(hashed, command.password)
    if account is None or not fits or not account.may_sign_in:
        raise Unauthenticated(WRONG)
    throttle.succeeded(command.address, email)
    if command.previous is not None:
        await logout(db, command.previous)
    async with db.tenant(account.tenant_id):
        await User.update({User.last_login_at: datetime.now(UTC)}).where(User.id == account.user_id)
        if hashed and needs_rehash(hashed):
            fresh = await hash_password(command.password)
            await User.update({User.password_hash: fresh}).where(User.id == account.user_id)
        actor = Actor(
            account.tenant_id, Role.EMPLOYEE, account.user_id, name=email, source=command.address
        )
        await audit.record(actor, "session.login", account.user_id)
        return await start(account.user_id, session_hours, command.address, command.user_agent)


async def start(user_id: UUID, session_hours: int, address: str, user_agent: str) -> SignedIn:
    """A new session of the user, in an open session of the database; clears expired ones."""
    now = datetime.now(UTC)
    await LoginSession.delete().where(
        (LoginSession.user_id == user_id) & (LoginSession.expires_at < now)
    )
    token = new_token()
    expires_at = now + timedelta(hours=session_hours)
    await LoginSession.insert(
        LoginSession(
            token_hash=hash_token(token),
            user_id=user_id,
            expires_at=expires_at,
            address=address,
            user_agent=user_agent[:200],
        )
    )
    return SignedIn(token, expires_at)


async def authenticate(db: Database, token: str, session_hours: int, address: str = "") -> Identity:
    """Who has this token; keeps the session alive while it is used. Raises Unauthenticated.

    The role is read anew each time, so that a demoted administrator loses it with the next click.
    """
    tenant_id = await credentials.tenant_of_session(db, hash_token(token))
    if tenant_id is None:
        raise Unauthenticated
    async with db.tenant(tenant_id) as session:
        row = await session.fetchrow(_IDENTITY, hash_token(token))
        now = datetime.now(UTC)
        if row is None or row["expires_at"] <= now or now - row["created_at"] > _LONGEST:
            raise Unauthenticated
        if row["status"] != UserStatus.ACTIVE or row["tenant_status"] != TenantStatus.ACTIVE:
            raise Unauthenticated
        if now - row["last_seen_at"] > _TOUCH:
            await LoginSession.update(
                {
                    LoginSession.last_seen_at: now,
                    LoginSession.expires_at: now + timedelta(hours=session_hours),
                }
            ).where(LoginSession.id == row["id"])
    return _identity(dict(row), address)


async def logout(db: Database, token: str) -> None:
    """End the session with this token, if there is one."""
    hashed = hash_token(token)
    tenant_id = await credentials.tenant_of_session(db, hashed)
    if tenant_id is not None:
        async with db.tenant(tenant_id):
            await LoginSession.delete().where(LoginSession.token_hash == hashed)


async def end_others(user_id: UUID, keep: UUID | None = None) -> None:
    """End the user's sessions, one excepted; in an open session of the database."""
    query = LoginSession.delete().where(LoginSession.user_id == user_id)
    await (query if keep is None else query.where(LoginSession.id != keep))


_IDENTITY = """
SELECT s.id, s.created_at, s.last_seen_at, s.expires_at,
       u.id AS user_id, u.email, u.locale, u.theme, u.status,
       e.id AS employee_id, e.name, e.role, e.mode, coalesce(e.timezone, t.timezone) AS timezone,
       t.id AS tenant_id, t.name AS tenant_name, t.status AS tenant_status
FROM login_sessions s
JOIN users u ON u.tenant_id = s.tenant_id AND u.id = s.user_id
JOIN employees e ON e.tenant_id = u.tenant_id AND e.id = u.employee_id
JOIN tenants t ON t.id = s.tenant_id
WHERE s.token_hash = $1
"""


def _identity(row: dict[str, Any], address: str) -> Identity:
    return Identity(
        actor=Actor(
            tenant_id=row["tenant_id"],
            role=Role(row["role"]),
            user_id=row["user_id"],
            employee_id=row["employee_id"],
            name=row["name"],
            source=address,
        ),
        session_id=row["id"],
        email=row["email"],
        name=row["name"],
        locale=row["locale"],
        theme=row["theme"],
        tenant_name=row["tenant_name"],
        timezone=row["timezone"],
        mode=AvailabilityMode(row["mode"]),
    )
