"""Who acts: a person of a tenant, a program with a token, or the operator of the installation.

Every service function takes the actor and asks one of the guards here before anything else, so
that the cabinet, the API and the CLI obey the same rules (features.md section D).
"""

from __future__ import annotations

from enum import StrEnum
from uuid import UUID

from msgspec import Struct

from core.errors import Forbidden, NotFound

__all__ = ["SCOPES", "Actor", "Role", "operator", "require_administrator", "require_operator"]


class Role(StrEnum):
    """The two roles of a cabinet (NAV-01), and the operator who sells the service."""

    ADMINISTRATOR = "administrator"
    EMPLOYEE = "employee"
    OPERATOR = "operator"


SCOPES = (
    "tenants:read",
    "tenants:write",
    "settings:read",
    "settings:write",
    "employees:read",
    "employees:write",
    "lines:read",
    "lines:write",
    "lines:secret",
    "numbers:read",
    "numbers:write",
    "hours:read",
    "hours:write",
    "groups:read",
    "groups:write",
    "scenarios:read",
    "scenarios:write",
    "tags:read",
    "tags:write",
    "contacts:read",
    "contacts:write",
    "media:read",
    "media:write",
    "calls:read",
    "calls:write",
    "recordings:read",
    "recordings:write",
    "tasks:read",
    "tasks:write",
    "deals:read",
    "deals:write",
    "trunks:read",
    "trunks:write",
    "audit:read",
    "tokens:write",
    "plugins:read",
    "plugins:write",
)
"""What a token may be limited to. ``lines:secret`` shows SIP passwords; ``plugins:…`` are for the
operations of plugins that need no other scope."""


class Actor(Struct, frozen=True):
    """``scopes`` is ``None`` for a person; ``source`` is the address the request came from."""

    tenant_id: UUID | None
    role: Role
    user_id: UUID | None = None
    employee_id: UUID | None = None
    name: str = ""
    scopes: frozenset[str] | None = None
    source: str = ""

    @property
    def is_administrator(self) -> bool:
        """Whether the whole company is open to the actor."""
        return self.role is not Role.EMPLOYEE

    def allows(self, scope: str) -> bool:
        """Whether the token reaches this far; a person is limited by the role only."""
        return self.scopes is None or scope in self.scopes

    @property
    def tenant(self) -> UUID:
        """The company acted upon. Raises Forbidden for an operator who has not chosen one."""
        if self.tenant_id is None:
            raise Forbidden
        return self.tenant_id


def operator(name: str = "operator", tenant_id: UUID | None = None) -> Actor:
    """The installation itself: the CLI, the demo, background work; within one tenant if given."""
    return Actor(tenant_id=tenant_id, role=Role.OPERATOR, name=name)


def require_scope(actor: Actor, scope: str) -> UUID:
    """The actor's tenant, if the token has this scope. Raises Forbidden."""
    if not actor.allows(scope):
        raise Forbidden
    return actor.tenant


def require_administrator(actor: Actor, scope: str) -> UUID:
    """The actor's tenant, for what changes routing, money or other people (H-8). Raises Forbidden."""
    if not actor.is_administrator:
        raise Forbidden
    return require_scope(actor, scope)


def require_self_or_administrator(actor: Actor, employee_id: UUID, scope: str) -> UUID:
    """As above, but everybody may act on their own employee. Raises Forbidden."""
    if not actor.is_administrator and actor.employee_id != employee_id:
        raise Forbidden
    return require_scope(actor, scope)


def require_operator(actor: Actor, scope: str) -> None:
    """For what spans tenants. Raises NotFound: a tenant shall not even learn that it exists."""
    if actor.role is not Role.OPERATOR:
        raise NotFound
    if not actor.allows(scope):
        raise Forbidden
