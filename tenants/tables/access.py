"""Who may come in: users, their logins, tokens; and what they did."""

from __future__ import annotations

from enum import StrEnum

from piccolo.columns import JSONB, UUID, Array, BigInt, Bytea, Text, Timestamptz
from piccolo.columns.defaults.timestamptz import TimestamptzNow

from tenants.tables.base import GlobalTable, TenantTable

__all__ = [
    "ApiToken",
    "AuditEntry",
    "LoginSession",
    "OperatorEntry",
    "OperatorToken",
    "User",
    "UserStatus",
]


class UserStatus(StrEnum):
    """An invited user has no password yet (INV-10)."""

    INVITED = "invited"
    ACTIVE = "active"
    DISABLED = "disabled"


class User(TenantTable, tablename="users"):
    """The cabinet account of an employee; the e-mail is the login and globally unique (ACC-02)."""

    email = Text(default=None, unique=True, help_text="Lower case.")
    password_hash = Text(default=None, null=True, secret=True)
    employee_id = UUID(default=None)
    locale = Text(default="ru")
    theme = Text(default="auto")
    status = Text(default=UserStatus.ACTIVE)
    last_login_at = Timestamptz(default=None, null=True)
    created_at = Timestamptz(default=TimestamptzNow())


class LoginSession(TenantTable, tablename="login_sessions"):
    """A browser that signed in; the cookie's token is stored as its SHA-256."""

    token_hash = Text(default=None, unique=True, secret=True)
    user_id = UUID(default=None)
    created_at = Timestamptz(default=TimestamptzNow())
    last_seen_at = Timestamptz(default=TimestamptzNow())
    expires_at = Timestamptz(default=None)
    address = Text(default="")
    user_agent = Text(default="")


class ApiToken(TenantTable, tablename="api_tokens"):
    """A program's access to one company, within its scopes."""

    token_hash = Text(default=None, unique=True, secret=True)
    name = Text(default="")
    scopes = Array(base_column=Text())
    created_by = UUID(default=None, null=True)
    created_at = Timestamptz(default=TimestamptzNow())
    expires_at = Timestamptz(default=None, null=True)
    last_used_at = Timestamptz(default=None, null=True)
    revoked_at = Timestamptz(default=None, null=True)


class OperatorToken(GlobalTable, tablename="operator_tokens"):
    """A program's access to the whole installation."""

    token_hash = Text(default=None, unique=True, secret=True)
    name = Text(default="")
    scopes = Array(base_column=Text())
    created_at = Timestamptz(default=TimestamptzNow())
    expires_at = Timestamptz(default=None, null=True)
    revoked_at = Timestamptz(default=None, null=True)


class OperatorEntry(GlobalTable, tablename="operator_entries"):
    """What the operator changed that belongs to no tenant: carriers, the stock, tokens. Append-only."""

    at = Timestamptz(default=TimestamptzNow())
    actor = Text(default=None)
    source = Text(default="", help_text="Address the request came from.")
    action = Text(default=None, help_text="For example trunk.add.")
    details = JSONB(default="{}")


class AuditEntry(TenantTable, tablename="audit_entries"):
    """Who did what, append-only: no role of the application can change or delete it.

    ``seq`` and ``hash`` are set by a trigger: each hash covers the entry and the hash before it, so
    that ``audit_broken(tenant)`` finds what was altered behind the application's back.
    """

    seq = BigInt(default=0)
    at = Timestamptz(default=TimestamptzNow())
    actor = Text(default=None, help_text="Name of a person, a token or the operator, at that time.")
    user_id = UUID(default=None, null=True)
    source = Text(default="", help_text="Address the request came from.")
    action = Text(default=None, help_text="For example employee.update.")
    object_id = UUID(default=None, null=True)
    before = JSONB(default=None, null=True)
    after = JSONB(default=None, null=True)
    hash = Bytea(default=b"")
