"""Employees: list, card, creation and changes (features.md EMP, INV, NAV).

Everybody sees everybody's card (NAV-04); SIP lines only one's own, unless administrator (NAV-05).
An administrator changes everything; others change of themselves the mode, the time zone, the dial
mode, their telephones and their periods of extra availability (AVL-02, INV-11, H-8).
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any
from uuid import UUID
from zoneinfo import available_timezones

import structlog
from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import asdict

from core.contracts import AvailabilityMode, DialMode, Recording, TerminalKind
from core.errors import Conflict, FieldError, Forbidden, Invalid, NotFound
from tenants.checktext import Checked
from tenants.db import Database, current_session
from tenants.failures import DATABASE_AWAY
from tenants.services import accounts, audit, groups, lines, periods, phones, terminals, uses
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
from tenants.services.periods import Period
from tenants.services.terminals import ChangeTerminal, TerminalView
from tenants.tables import Employee, Number, Terminal, User, UserStatus

__all__ = [
    "CallerIdChoice",
    "CreateEmployee",
    "EmployeeView",
    "UpdateEmployee",
    "activated",
    "caller_id_choices",
    "create",
    "employees",
    "get",
    "insert",
    "update",
    "view",
]

log = structlog.get_logger(__name__)


class CreateEmployee(Struct, frozen=True):
    """The card of a new employee (INV-02, INV-03); ``external_number`` as in EMP-01."""

    name: str
    email: str | None = None
    extension: str | None = None
    role: Role = Role.EMPLOYEE
    timezone: str | None = None
    external_number: str | None = None
    caller_id: UUID | None = None
    schedule_id: UUID | None = None
    calendar_id: UUID | None = None
    groups: tuple[UUID, ...] = ()
    dialled_from_menu: bool = False


class UpdateEmployee(Struct, frozen=True):
    """Changes of a card; what is left out stays. ``version`` is the one that was looked at.

    A telephone that ``terminals`` do not name keeps what it has; ``groups`` and ``extra_periods``
    replace those before (GRP-07, EMP-19).
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
    terminals: dict[TerminalKind, ChangeTerminal] | UnsetType = UNSET
    schedule_id: UUID | UnsetType | None = UNSET
    calendar_id: UUID | UnsetType | None = UNSET
    extra_periods: tuple[Period, ...] | UnsetType = UNSET
    groups: tuple[UUID, ...] | UnsetType = UNSET
    dialled_from_menu: bool | UnsetType = UNSET
    recording: Recording | UnsetType = UNSET


class EmployeeView(Checked, frozen=True):
    """A card. ``account`` is the state of the cabinet login, ``None`` without one; ``lines`` is
    empty where the viewer may not see them; ``editable`` says whether the viewer is administrator.
    Without a schedule the employee works round the clock (EMP-18); with ``dialled_from_menu`` callers
    may dial the extension (EMP-13)."""

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
    terminals: tuple[TerminalView, ...]
    schedule_id: UUID | None
    calendar_id: UUID | None
    extra_periods: tuple[Period, ...]
    groups: tuple[UUID, ...]
    dialled_from_menu: bool
    recording: Recording
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
        return await view(actor, employee_id)


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
    async with constraints(), db.tenant(tenant_id) as session:
        await uses.lock_references(session)
        made = await view(actor, await insert(issuer, actor, command))
    return await activated(db, issuer, actor, made)


async def activated(db: Database, issuer: LineIssuer, actor: Actor, made: EmployeeView) -> EmployeeView:
    """The card of somebody just stored, lines activated (INV-05).

    Without the database they stay pending for the worker: whoever heard "try again" would do it twice.
    """
    try:
        await lines.activate_pending(db, issuer, actor.tenant)
        async with db.tenant(actor.tenant):
            return await view(actor, made.id)
    except DATABASE_AWAY as error:
        log.warning("lines_wait", employee=str(made.id), error=type(error).__name__)
        return made


async def insert(
    issuer: LineIssuer, actor: Actor, command: CreateEmployee, password_hash: str | None = None
) -> UUID:
    """The same in an open session, lines still pending; with a password the account is active."""
    values = await _checked(asdict(command))
    external, joined = values.pop("external_number"), values.pop("groups")
    position = await Employee.count()
    employee = Employee(**values, position=position)
    await Employee.insert(employee)
    if external is not None:
        await terminals.insert_external(employee.id, external)
    await lines.create_for(issuer, employee.id)
    if values["email"] is not None:
        await accounts.add_user(employee.id, values["email"], password_hash)
    await groups.join(employee.id, joined)
    after = {**values, "external_number": external, "groups": joined}
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
    async with constraints(), db.tenant(tenant_id) as session:
        if _COMMON & given.keys():
            await uses.lock_references(session)
        before = await _lock(command.id, command.version)
        values = await _checked(given)
        await _keep_an_administrator(before, values)
        separate = {name: values.pop(name) for name in _SEPARATE & values.keys()}
        await Employee.update(
            {**values, Employee.version: Employee.version + 1}  # the card is one thing to its editors
        ).where(Employee.id == command.id)
        was, now = await _change_separate(command.id, separate)
        before, values = before | was, values | now
        if "email" in values:
            await _move_account(command.id, values["email"])
        await audit.record(actor, "employee.update", command.id, *audit.changes(before, values))
        return await view(actor, command.id)


_OWN_FIELDS = {"mode", "timezone", "dial_mode", "external_number", "terminals", "extra_periods"}
_COMMON = {"role", "extension", "groups"}
"""What a card shares with others: one change at a time, or two administrators could demote each other,
and who saves a group could wait for us while we wait for the group."""
_SEPARATE = {"external_number", "terminals", "groups"}
"""Fields of a card that are not columns of its row."""


async def _change_separate(
    employee_id: UUID, given: dict[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Change them; returns what was before and what is now, for the audit."""
    before: dict[str, Any] = {}
    after: dict[str, Any] = {}
    if "external_number" in given:
        before["external_number"] = await terminals.set_external(employee_id, given["external_number"])
        after["external_number"] = given["external_number"]
    if "terminals" in given:
        before["terminals"], after["terminals"] = await terminals.change(
            employee_id, given["terminals"]
        )
    if "groups" in given:
        before["groups"], after["groups"] = (
            await groups.join(employee_id, given["groups"]),
            given["groups"],
        )
    return before, after


def constraints() -> AbstractAsyncContextManager[None]:
    """Broken constraints of a card as errors of its fields; put it around the transaction."""
    return fields_for(
        extensions_unique=("extension", groups.EXTENSION_TAKEN),
        users_email_key=("email", accounts.EMAIL_TAKEN),
        employees_caller_id_fkey=("caller_id", "The company has no such number."),
        employees_schedule_id_fkey=("schedule_id", "There is no such schedule."),
        employees_calendar_id_fkey=("calendar_id", "There is no such calendar."),
        terminals_schedule_id_fkey=("terminals", "There is no such schedule."),
        group_members_group_id_fkey=("groups", "There is no such group."),
        group_members_unique=("groups", "An employee stands in the group twice."),
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


# --- checks of fields -------------------------------------------------------------------------


def timezone(text: str) -> str:
    """The name of a time zone. Raises FieldError."""
    if text not in available_timezones():
        raise FieldError("There is no such time zone.")
    return text


_CHECKS: dict[str, Callable[[Any], Any]] = {
    "name": proper_name,
    "extra_periods": periods.stored,
    "email": phones.email,
    "extension": phones.extension,
    "timezone": timezone,
    "external_number": phones.forwardable,
}


# --- views ------------------------------------------------------------------------------------


async def view(actor: Actor, employee_id: UUID) -> EmployeeView:
    """One card in an open session, whatever the actor may read. Raises NotFound."""
    found = await _views(actor, employee_id)
    if not found:
        raise NotFound
    return found[0]


async def _views(actor: Actor, employee_id: UUID | None = None) -> list[EmployeeView]:
    people = Employee.select().order_by(Employee.position, Employee.id)
    telephones = Terminal.select().order_by(Terminal.position)
    users = User.select(User.employee_id, User.status)
    if employee_id is not None:
        people = people.where(Employee.id == employee_id)
        telephones = telephones.where(Terminal.employee_id == employee_id)
        users = users.where(User.employee_id == employee_id)
    external: dict[UUID, str] = {}
    own_lines: dict[UUID, list[LineView]] = {}
    phones_of: dict[UUID, list[TerminalView]] = {}
    joined = await groups.memberships(current_session(), employee_id)
    rows = await telephones
    for row in rows:
        phones_of.setdefault(row["employee_id"], []).append(terminals.view(row))
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
            terminals=tuple(phones_of.get(row["id"], ())),
            schedule_id=row["schedule_id"],
            calendar_id=row["calendar_id"],
            extra_periods=periods.shown(row["extra_periods"]),
            groups=joined.get(row["id"], ()),
            dialled_from_menu=row["dialled_from_menu"],
            recording=Recording(row["recording"]),
            editable=actor.is_administrator,
        )
        for row in await people
    ]
