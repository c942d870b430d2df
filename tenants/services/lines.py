"""SIP lines: the three of every employee, their credentials, and who may see them.

A line is *pending* from the moment its employee is created until ``activate_pending`` gives it a
password (INV-05); a pending line has no secret, so no phone can register with it. The services that
create employees activate at once after their transaction; the worker repeats it for what a crash
left behind.
"""

from __future__ import annotations

import secrets as random
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec
import structlog
from msgspec import Struct

from core.contracts import Encryption, TerminalKind
from core.errors import Conflict, NotFound, Unavailable
from core.sip.digest import ha1
from tenants.crosstenant.configuration import configuration_versions
from tenants.crosstenant.lines import tenants_with_pending_lines
from tenants.db import Database
from tenants.secrets import SealBroken, Vault, new_password, open_ha1, seal_ha1
from tenants.services import accounts, audit
from tenants.services.actor import (
    Actor,
    operator,
    require_administrator,
    require_operator,
    require_scope,
)
from tenants.services.throttle import LoginThrottle
from tenants.tables import LiveLine, Terminal, TerminalState

__all__ = [
    "ALGORITHMS",
    "LINE_KINDS",
    "LineIssuer",
    "LineParameters",
    "LineView",
    "RevealLine",
    "SetEncryption",
    "activate_all_pending",
    "activate_pending",
    "change_password",
    "create_for",
    "lines",
    "may_see",
    "parameters",
    "renew_digests",
    "reveal_all",
    "set_encryption",
    "views",
]

log = structlog.get_logger(__name__)

LINE_KINDS = (TerminalKind.MOBILE, TerminalKind.SIP, TerminalKind.WEB)
"""The three lines in the order of the card: «Мобильное приложение», «SIP-линия», «Вебфон» (ACC-10)."""

ALGORITHMS = ("MD5", "SHA-256")
"""Digest algorithms that phones may choose from (RFC 8760)."""

_LOGIN_PREFIX = "005"
_LOGIN_TRIES = 50


class LineView(Struct, frozen=True):
    """A line as pages and the API show it; ``registered`` says whether a phone uses it now."""

    id: UUID
    employee_id: UUID
    kind: TerminalKind
    login: str
    state: TerminalState
    active: bool
    main: bool
    registered: bool
    registered_at: datetime | None
    user_agent: str
    source: str
    encryption: Encryption


class RevealLine(Struct, frozen=True):
    """A request to see or change a line's password; ``password`` is the asking person's own."""

    line_id: UUID
    password: str = ""


class SetEncryption(Struct, frozen=True):
    """Whether the audio of a line is encrypted (``core.contracts.Encryption``)."""

    line_id: UUID
    encryption: Encryption


class LineParameters(Struct, frozen=True):
    """What an arbitrary SIP client has to be told (EMP-05). The user is the authentication user, the
    server is the domain, and there is no proxy to set (SIP-01, SIP-02)."""

    line_id: UUID
    employee_id: UUID
    kind: TerminalKind
    login: str
    password: str
    domain: str
    uri: str


class LineIssuer:
    """Makes logins and passwords for one SIP domain, and opens them again."""

    def __init__(self, vault: Vault, domain: str) -> None:
        self._vault = vault
        self.domain = domain

    def login(self) -> str:
        """A random login; whether it is free the database says."""
        return f"{_LOGIN_PREFIX}{random.randbelow(10**7):07d}"

    def credentials(self, login: str, password: str | None = None) -> dict[Any, Any]:
        """New columns of a terminal: a password (a fresh one unless given) and its digests, sealed."""
        password = password or new_password()
        sealed = seal_ha1(self._vault, login, self._digests(login, password))
        return {
            Terminal.password_sealed: self._vault.seal(password, f"line.password:{login}"),
            Terminal.ha1: msgspec.json.encode(sealed).decode(),
        }

    @property
    def vault(self) -> Vault:
        """What seals."""
        return self._vault

    def is_stale(self, login: str, password_sealed: str, ha1_sealed: str) -> bool:
        """Whether the digests are of another domain, or sealed with an older key. Raises SealBroken."""
        sealed = msgspec.json.decode(ha1_sealed, type=dict[str, str])
        if any(self._vault.is_stale(text) for text in (password_sealed, *sealed.values())):
            return True
        fresh = self._digests(login, self.password(login, password_sealed))
        return open_ha1(self._vault, login, sealed) != fresh

    def _digests(self, login: str, password: str) -> dict[str, str]:
        return {name: ha1(login, self.domain, password, name) for name in ALGORITHMS}

    def password(self, login: str, sealed: str) -> str:
        """The password of a line. Raises SealBroken."""
        return self._vault.unseal(sealed, f"line.password:{login}")


# --- reading ----------------------------------------------------------------------------------


async def lines(db: Database, actor: Actor, employee_id: UUID | None = None) -> list[LineView]:
    """The lines the actor may see (NAV-05): all for an administrator, otherwise one's own only."""
    async with db.tenant(require_scope(actor, "lines:read")):
        query = Terminal.select().where(Terminal.kind.is_in(list(LINE_KINDS)))
        if employee_id is not None:
            query = query.where(Terminal.employee_id == employee_id)
        found = await views(await query.order_by(Terminal.employee_id, Terminal.position))
    return [line for line in found if may_see(actor, line.employee_id)]


def may_see(actor: Actor, employee_id: UUID) -> bool:
    """Whether the SIP data of this employee's lines are shown to the actor (NAV-05)."""
    return actor.is_administrator or actor.employee_id == employee_id


async def views(terminals: Iterable[dict[str, Any]]) -> list[LineView]:
    """Rows of ``terminals`` as lines, with who is registered now; in an open session."""
    now = datetime.now(UTC)
    live = {row["terminal_id"]: row for row in await LiveLine.select().where(LiveLine.expires_at > now)}
    return [_view(row, live.get(row["id"])) for row in terminals]


def _view(row: dict[str, Any], live: dict[str, Any] | None) -> LineView:
    return LineView(
        id=row["id"],
        employee_id=row["employee_id"],
        kind=TerminalKind(row["kind"]),
        login=row["address"],
        state=TerminalState(row["state"]),
        active=row["active"],
        main=row["main"],
        registered=live is not None,
        registered_at=live["registered_at"] if live else None,
        user_agent=live["user_agent"] if live else "",
        source=live["source"] if live else "",
        encryption=Encryption(row["encryption"]),
    )


# --- making -----------------------------------------------------------------------------------


async def create_for(issuer: LineIssuer, employee_id: UUID) -> None:
    """Request the three lines of a new employee (ACC-10), pending; in an open session."""
    for position, kind in enumerate(LINE_KINDS, start=1):
        for _ in range(_LOGIN_TRIES):
            line = Terminal(
                employee_id=employee_id,
                kind=kind,
                address=issuer.login(),
                position=position,
                state=TerminalState.PENDING,
            )
            # Logins are unique over all tenants, whose rows cannot be seen from here: just try.
            if await Terminal.insert(line).on_conflict(action="DO NOTHING").returning(Terminal.id):
                break
        else:
            raise Unavailable("There are no free SIP logins.")


async def activate_pending(db: Database, issuer: LineIssuer, tenant_id: UUID) -> int:
    """Give the tenant's pending lines their passwords; returns how many became active."""
    system = operator("system", tenant_id)
    async with db.tenant(tenant_id) as session:
        # Whoever else is at it takes the others, and neither waits.
        rows = await session.fetch(
            "SELECT id, address FROM terminals WHERE state = $1 FOR UPDATE SKIP LOCKED",
            TerminalState.PENDING,
        )
        for row in rows:
            values = issuer.credentials(row["address"])
            values[Terminal.state] = TerminalState.ACTIVE
            await Terminal.update(values).where(Terminal.id == row["id"])
            await audit.record(system, "line.activate", row["id"])
    return len(rows)


async def activate_all_pending(db: Database, issuer: LineIssuer) -> int:
    """The same for every tenant: what the worker repeats, should a process die in between."""
    return sum(
        [
            await activate_pending(db, issuer, tenant_id)
            for tenant_id in await tenants_with_pending_lines(db)
        ]
    )


async def renew_digests(db: Database, issuer: LineIssuer) -> int:
    """Bring all lines to the present SIP domain and master key; passwords stay. Returns how many.

    A digest contains the domain (RFC 7616 §3.4.2): after a change of the setting no phone could
    register. For the start of the worker.
    """
    return sum([await _renew(db, issuer, tenant_id) for tenant_id in await configuration_versions(db)])


async def _renew(db: Database, issuer: LineIssuer, tenant_id: UUID) -> int:
    renewed = []
    async with db.tenant(tenant_id) as session:
        rows = await session.fetch(
            "SELECT id, address, password_sealed, ha1 FROM terminals"
            " WHERE password_sealed IS NOT NULL AND ha1 IS NOT NULL FOR UPDATE SKIP LOCKED"
        )
        for row in rows:
            login, password, digests = row["address"], row["password_sealed"], row["ha1"]
            try:
                if not issuer.is_stale(login, password, digests):
                    continue
                values = issuer.credentials(login, issuer.password(login, password))
            except SealBroken:  # another key: only a new password helps, the rest goes on
                log.warning("line_cannot_be_opened", tenant_id=str(tenant_id), login=login)
                continue
            await Terminal.update(values).where(Terminal.id == row["id"])
            renewed.append(login)
        if renewed:
            after = {"logins": renewed, "domain": issuer.domain}
            await audit.record(operator("system", tenant_id), "line.renew", after=after)
    return len(renewed)


# --- secrets ----------------------------------------------------------------------------------


async def parameters(
    db: Database, issuer: LineIssuer, throttle: LoginThrottle, actor: Actor, command: RevealLine
) -> LineParameters:
    """The gear dialog: everything an arbitrary SIP client needs (EMP-03, EMP-05), audited.

    A person types the own password again; a token needs the scope ``lines:secret``. Raises NotFound
    for a line that is not the actor's to see, Conflict while it is pending, Invalid for a wrong
    password, TooManyRequests after several of them.
    """
    tenant_id = await _confirmed(db, throttle, actor, command)
    async with db.tenant(tenant_id):
        row = await _own_line(actor, command.line_id)
        await audit.record(actor, "line.reveal", row["id"], after={"login": row["address"]})
        return _parameters(issuer, row)


async def reveal_all(db: Database, issuer: LineIssuer, actor: Actor) -> list[LineParameters]:
    """All active lines of the operator's chosen company with their passwords; one audit entry."""
    require_operator(actor, "lines:secret")
    async with db.tenant(actor.tenant):
        rows = (
            await Terminal.select(exclude_secrets=False)
            .where(Terminal.kind.is_in(list(LINE_KINDS)) & Terminal.password_sealed.is_not_null())
            .order_by(Terminal.employee_id, Terminal.position)
        )
        logins = [row["address"] for row in rows]
        await audit.record(actor, "line.reveal", after={"logins": logins})
    return [_parameters(issuer, row) for row in rows]


async def change_password(
    db: Database, issuer: LineIssuer, throttle: LoginThrottle, actor: Actor, command: RevealLine
) -> LineParameters:
    """Replace the SIP password by a new generated one (EMP-04); conditions as for ``parameters``."""
    tenant_id = await _confirmed(db, throttle, actor, command)
    async with db.tenant(tenant_id):
        row = await _own_line(actor, command.line_id)
        await Terminal.update(issuer.credentials(row["address"])).where(Terminal.id == row["id"])
        await audit.record(actor, "line.password", row["id"], after={"login": row["address"]})
        return _parameters(issuer, await _own_line(actor, row["id"]))


async def set_encryption(db: Database, actor: Actor, command: SetEncryption) -> LineView:
    """Change how the audio of a line travels from the next call on, audited; for administrators.

    Raises NotFound for a line that is not the company's.
    """
    async with db.tenant(require_administrator(actor, "lines:write")):
        its = (Terminal.id == command.line_id) & Terminal.kind.is_in(list(LINE_KINDS))
        row = await Terminal.select().where(its).first()
        if row is None:
            raise NotFound
        before, after = row["encryption"], command.encryption
        if before != after:
            await Terminal.update({Terminal.encryption: after}).where(its)
            change = {"before": {"encryption": before}, "after": {"encryption": after}}
            await audit.record(actor, "line.encryption", row["id"], **change)
        (view,) = await views([{**row, "encryption": after}])
        return view


async def _confirmed(db: Database, throttle: LoginThrottle, actor: Actor, command: RevealLine) -> UUID:
    tenant_id = require_scope(actor, "lines:secret")
    if actor.user_id is not None:
        await accounts.confirm(db, throttle, actor, command.password)
    return tenant_id


async def _own_line(actor: Actor, line_id: UUID) -> dict[str, Any]:
    row = await Terminal.select(exclude_secrets=False).where(Terminal.id == line_id).first()
    if row is None or row["kind"] not in LINE_KINDS or not may_see(actor, row["employee_id"]):
        raise NotFound
    if row["password_sealed"] is None:
        raise Conflict("The line is being activated. Try again in a minute.")
    return row


def _parameters(issuer: LineIssuer, row: dict[str, Any]) -> LineParameters:
    login = row["address"]
    return LineParameters(
        line_id=row["id"],
        employee_id=row["employee_id"],
        kind=TerminalKind(row["kind"]),
        login=login,
        password=issuer.password(login, row["password_sealed"]),
        domain=issuer.domain,
        uri=f"{login}@{issuer.domain}",
    )
