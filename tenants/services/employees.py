"""Employees: list, card, creation and changes (features.md EMP, INV, NAV).

Everybody sees everybody's card (NAV-04); SIP lines only one's own, unless administrator (NAV-05).
An administrator changes everything; others change of themselves the mode, the time zone, the dial
mode and the external number (AVL-02, INV-11, H-8).
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any
from uuid import UUID
from zoneinfo import available_timezones

from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import asdict

from core.contracts import AvailabilityMode, DialMode, TerminalKind
from core.errors import Conflict, FieldError, Forbidden, Invalid, NotFound
from tenants.db import Database, current_session
from tenants.services import accounts, audit, lines, phones
from tenants.services.actor import (
    Actor,
    Role,
    require_administrator,
    require_scope,
    require_self_or_administrator,
)
from tenants.services.constraints import fields_for
from tenants.services.forms import checked, proper_name
from tenants.services.lines import LineIssuer, LineView
from tenants.tables import Employee, Number, Terminal, User, UserStatus

__all__ = [
    "CallerIdChoice",
    "CreateEmployee",
    "EmployeeView",
    "UpdateEmployee",
    "caller_id_choices",
    "create",
    "employees",
    "get",
    "insert",
    "update",
]

EXTENSION_TAKEN = "This extension is taken."
_MOST_CHANNELS = 100


class CreateEmployee(Struct, frozen=True):
    """The card of a new employee (INV-02, INV-03); ``external_number`` as in EMP-01."""

    name: str
    email: str | None = None
    extension: str | None = None
    role: Role = Role.EMPLOYEE
    timezone: str | None = None
    external_number: str | None = None
    caller_id: UUID | None = None


class UpdateEmployee(Struct, frozen=True):
    """Changes of a card; what is left out stays. ``version`` is the one that was looked at.

    ``channels`` says of a telephone how many conversations it carries at once; a telephone that is not
    named keeps what it has (EMP-09).
    """

    id: UUID
    version: int
    name: str | UnsetType = UNSET
    email: str | UnsetType | None = UNSET
    extension: str | UnsetType | None = UNSET
    role: Role | UnsetType = UNSET
    mode: AvailabilityMode | UnsetType = UNSET
    dial_mode: DialMode | UnsetType = UNSET
    timezone: str | UnsetType | None = UNSET
    caller_id: UUID | UnsetType | None = UNSET
    external_number: str | UnsetType | None = UNSET
    channels: dict[TerminalKind, int] | UnsetType = UNSET


class EmployeeView(Struct, frozen=True):
    """A card. ``account`` is the state of the cabinet login, ``None`` without one; ``lines`` is
    empty where the viewer may not see them; ``editable`` says whether the viewer is administrator.
    ``channels`` is how many conversations each telephone carries; 1: busy while it talks (EMP-10)."""

    id: UUID
    name: str
    email: str | None
    extension: str | None
    role: Role
    mode: AvailabilityMode
    dial_mode: DialMode
    timezone: str | None
    caller_id: UUID | None
    position: int
    version: int
    account: UserStatus | None
    external_number: str | None
    lines: tuple[LineView, ...]
    channels: dict[TerminalKind, int]
    editable: bool


class CallerIdChoice(Struct, frozen=True):
    """A number that may be shown for outgoing calls."""

    id: UUID
    e164: str
    label: str


# --- reading ----------------------------------------------------------------------------------


async def employees(db: Database, actor: Actor) -> list[EmployeeView]:
    """All cards in the order of the list."""
    async with db.tenant(require_scope(actor, "employees:read")):
        return await _views(actor)


async def get(db: Database, actor: Actor, employee_id: UUID) -> EmployeeView:
    """One card. Raises NotFound."""
    async with db.tenant(require_scope(actor, "employees:read")):
        return await _view(actor, employee_id)


async def caller_id_choices(db: Database, actor: Actor) -> list[CallerIdChoice]:
    """What an employee's caller ID may be: the contract's numbers, if more than one (EMP-14)."""
    async with db.tenant(require_scope(actor, "employees:read")):
        rows = await Number.select(Number.id, Number.e164, Number.label).order_by(
            Number.position, Number.id
        )
    return [CallerIdChoice(**row) for row in rows] if len(rows) > 1 else []


# --- writing ----------------------------------------------------------------------------------


async def create(
    db: Database, issuer: LineIssuer, actor: Actor, command: CreateEmployee
) -> EmployeeView:
    """A new employee with three SIP lines, soon active (INV-04, INV-05, ACC-10).

    With an e-mail there is an account, only invited: nobody can log in yet (INV-10). Raises Invalid.
    """
    tenant_id = require_administrator(actor, "employees:write")
    async with constraints(), db.tenant(tenant_id):
        employee_id = await insert(issuer, actor, command)
    await lines.activate_pending(db, issuer, tenant_id)
    return await get(db, actor, employee_id)


async def insert(
    issuer: LineIssuer, actor: Actor, command: CreateEmployee, password_hash: str | None = None
) -> UUID:
    """The same in an open session, lines still pending; with a password the account is active."""
    values = await _checked(asdict(command))
    external = values.pop("external_number")
    position = await Employee.count()
    employee = Employee(**values, position=position)
    await Employee.insert(employee)
    if external is not None:
        await _insert_external(employee.id, external)
    await lines.create_for(issuer, employee.id)
    if values["email"] is not None:
        await accounts.add_user(employee.id, values["email"], password_hash)
    after = {**values, "external_number": external}
    await audit.record(actor, "employee.create", employee.id, after=after)
    return employee.id


async def update(db: Database, actor: Actor, command: UpdateEmployee) -> EmployeeView:
    """Change a card. Raises Conflict if its version moved on, Invalid by field, Forbidden, NotFound."""
    tenant_id = require_self_or_administrator(actor, command.id, "employees:write")
    given = {
        name: value
        for name, value in asdict(command).items()
        if value is not UNSET and name not in ("id", "version")
    }
    if not actor.is_administrator and not given.keys() <= _OWN_FIELDS:
        raise Forbidden
    async with constraints(), db.tenant(tenant_id):
        if "role" in given:
            # One change of roles at a time, or two administrators could demote each other.
            await current_session().execute("SELECT FROM contracts FOR UPDATE")
        before = await _lock(command.id, command.version)
        values = await _checked(given)
        await _keep_an_administrator(before, values)
        external = values.pop("external_number", UNSET)
        channels = values.pop("channels", UNSET)
        await Employee.update(
            {**values, Employee.version: Employee.version + 1}  # the card is one thing to its editors
        ).where(Employee.id == command.id)
        if external is not UNSET:
            before["external_number"] = await _set_external(command.id, external)
            values["external_number"] = external
        if channels is not UNSET:
            before["channels"] = await _set_channels(command.id, channels)
            values["channels"] = before["channels"] | channels
        if "email" in values:
            await _move_account(command.id, values["email"])
        await audit.record(actor, "employee.update", command.id, *audit.changes(before, values))
        return await _view(actor, command.id)


_OWN_FIELDS = {"mode", "timezone", "dial_mode", "external_number", "channels"}


def constraints() -> AbstractAsyncContextManager[None]:
    """Broken constraints of a card as errors of its fields; put it around the transaction."""
    return fields_for(
        extensions_unique=("extension", EXTENSION_TAKEN),
        users_email_key=("email", accounts.EMAIL_TAKEN),
        employees_caller_id_fkey=("caller_id", "The company has no such number."),
    )


async def _lock(employee_id: UUID, version: int) -> dict[str, Any]:
    row = await Employee.select().where(Employee.id == employee_id).lock_rows("UPDATE").first()
    if row is None:
        raise NotFound
    if row["version"] != version:
        raise Conflict
    return row


async def _checked(given: dict[str, Any]) -> dict[str, Any]:
    """The fields in stored form. Raises Invalid with everything that is wrong."""
    values = checked(given, _CHECKS, required=("name",))
    if values.get("caller_id") is not None:
        numbers = [row["id"] for row in await Number.select(Number.id)]
        if len(numbers) < 2 or values["caller_id"] not in numbers:
            raise Invalid(caller_id=FieldError("Choose one of the company's numbers."))
    if "role" in values and values["role"] not in (Role.ADMINISTRATOR, Role.EMPLOYEE):
        raise Invalid(role=FieldError("There is no such role."))
    return values


async def _keep_an_administrator(before: dict[str, Any], values: dict[str, Any]) -> None:
    """The last administrator stays one (H-20)."""
    if before["role"] != Role.ADMINISTRATOR or values.get("role", Role.ADMINISTRATOR) == before["role"]:
        return
    if await Employee.count().where(Employee.role == Role.ADMINISTRATOR) < 2:
        raise Invalid(role=FieldError("The last administrator cannot be demoted."))


async def _move_account(employee_id: UUID, email: str | None) -> None:
    """The login follows the e-mail of the card (ACC-02, INV-10)."""
    user = await User.select(User.id, User.status).where(User.employee_id == employee_id).first()
    if user is None and email is not None:
        await accounts.add_user(employee_id, email, None)
    elif user is not None and email is not None:
        await User.update({User.email: email}).where(User.id == user["id"])
    elif user is not None and user["status"] == UserStatus.INVITED:
        await User.delete().where(User.id == user["id"])
    elif user is not None:
        raise Invalid(email=FieldError("Who logs in needs an e-mail."))


# --- the external number ----------------------------------------------------------------------


async def _insert_external(employee_id: UUID, address: str) -> None:
    await Terminal.insert(
        Terminal(employee_id=employee_id, kind=TerminalKind.EXTERNAL, address=address, position=0)
    )


async def _set_external(employee_id: UUID, address: str | None) -> str | None:
    """Set, change or remove it (EMP-01: there is one); returns the one before."""
    where = (Terminal.employee_id == employee_id) & (Terminal.kind == TerminalKind.EXTERNAL)
    row = await Terminal.select(Terminal.id, Terminal.address).where(where).first()
    if address is None:
        await Terminal.delete().where(where)
    elif row is None:
        await _insert_external(employee_id, address)
    else:
        await Terminal.update({Terminal.address: address}).where(Terminal.id == row["id"])
    return row["address"] if row else None


async def _set_channels(employee_id: UUID, channels: dict[TerminalKind, int]) -> dict[str, int]:
    """Set them for the telephones that are named; returns those of all before. Raises Invalid."""
    mine = Terminal.employee_id == employee_id
    rows = await Terminal.select(Terminal.kind, Terminal.channels).where(mine)
    before = {row["kind"]: row["channels"] for row in rows}
    if not channels.keys() <= before.keys():
        raise Invalid(channels=FieldError("The employee has no such telephone."))
    for kind, count in channels.items():
        await Terminal.update({Terminal.channels: count}).where(mine & (Terminal.kind == kind))
    return before


# --- checks of fields -------------------------------------------------------------------------


def timezone(text: str) -> str:
    """The name of a time zone. Raises FieldError."""
    if text not in available_timezones():
        raise FieldError("There is no such time zone.")
    return text


def channel_counts(counts: dict[TerminalKind, int]) -> dict[TerminalKind, int]:
    """How many conversations each telephone carries. Raises FieldError."""
    if not all(1 <= count <= _MOST_CHANNELS for count in counts.values()):
        raise FieldError("A telephone has 1 to 100 channels.")
    return counts


_CHECKS: dict[str, Callable[[Any], Any]] = {
    "name": proper_name,
    "channels": channel_counts,
    "email": phones.email,
    "extension": phones.extension,
    "timezone": timezone,
    "external_number": phones.telephone,
}


# --- views ------------------------------------------------------------------------------------


async def _view(actor: Actor, employee_id: UUID) -> EmployeeView:
    found = await _views(actor, employee_id)
    if not found:
        raise NotFound
    return found[0]


async def _views(actor: Actor, employee_id: UUID | None = None) -> list[EmployeeView]:
    people = Employee.select().order_by(Employee.position, Employee.id)
    terminals = Terminal.select().order_by(Terminal.position)
    users = User.select(User.employee_id, User.status)
    if employee_id is not None:
        people = people.where(Employee.id == employee_id)
        terminals = terminals.where(Terminal.employee_id == employee_id)
        users = users.where(User.employee_id == employee_id)
    external: dict[UUID, str] = {}
    own_lines: dict[UUID, list[LineView]] = {}
    channels: dict[UUID, dict[TerminalKind, int]] = {}
    rows = await terminals
    for row in rows:
        channels.setdefault(row["employee_id"], {})[TerminalKind(row["kind"])] = row["channels"]
        if row["kind"] == TerminalKind.EXTERNAL:
            external[row["employee_id"]] = row["address"]
    for line in await lines.views(r for r in rows if r["kind"] in lines.LINE_KINDS):
        if lines.may_see(actor, line.employee_id):
            own_lines.setdefault(line.employee_id, []).append(line)
    accounts_by_employee = {row["employee_id"]: UserStatus(row["status"]) for row in await users}
    return [
        EmployeeView(
            id=row["id"],
            name=row["name"],
            email=row["email"],
            extension=row["extension"],
            role=Role(row["role"]),
            mode=AvailabilityMode(row["mode"]),
            dial_mode=DialMode(row["dial_mode"]),
            timezone=row["timezone"],
            caller_id=row["caller_id"],
            position=row["position"],
            version=row["version"],
            account=accounts_by_employee.get(row["id"]),
            external_number=external.get(row["id"]),
            lines=tuple(own_lines.get(row["id"], ())),
            channels=channels.get(row["id"], {}),
            editable=actor.is_administrator,
        )
        for row in await people
    ]
