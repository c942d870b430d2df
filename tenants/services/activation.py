"""Activation of a contract: everything a company has on day one, in one transaction (ACC).

One employee with administrator role (ACC-01) whose e-mail is the login (ACC-02) and whose external
number is the phone given at purchase (ACC-03); the default schedule (ACC-04) and the calendar with the
public holidays (ACC-05); the scenario «По умолчанию» that forwards every call to that employee (ACC-06,
ACC-07) and handles every number, also those that come later (ACC-08); three SIP lines (ACC-10), which
become active right after.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

import msgspec
from msgspec import Struct

from core import contracts as core
from core.contracts import Addressee, AddresseeKind, AvailabilityMode, Branch, Chain, Dial, DialMode
from core.errors import FieldError
from core.ids import new_id
from tenants import crosstenant
from tenants.db import Database
from tenants.secrets import hash_password, new_password
from tenants.services import (
    accounts,
    audit,
    calendars,
    contracts,
    employees,
    numbers,
    phones,
    scenarios,
    tokens,
)
from tenants.services.actor import Actor, Role, operator, require_operator
from tenants.services.contracts import TenantView
from tenants.services.employees import CreateEmployee, EmployeeView
from tenants.services.forms import checked, proper_name
from tenants.services.lines import LineIssuer
from tenants.services.numbers import NumberView
from tenants.services.tokens import CreateToken
from tenants.tables import Contract, Employee, Schedule, Tenant

__all__ = ["DEFAULT_NAME", "DEFAULT_WEEK", "ActivateContract", "Activated", "activate"]

DEFAULT_NAME = "По умолчанию"
MOST_CHANNELS = 10_000
MOST_NUMBERS = 1000
SCHEDULE_NAME = "Рабочее время"
DEFAULT_WEEK = [[[9 * 60, 18 * 60]]] * 5 + [[], []]
"""Monday to Friday 09:00-18:00 as local minutes since midnight, Saturday and Sunday off (ACC-04)."""


class ActivateContract(Struct, frozen=True):
    """What was given at the purchase. ``phone`` and ``email`` are the first employee's; ``numbers``
    come from the stock, ``most_numbers`` it may have by buying more; ``plugins`` are the default ones
    unless named; without a ``password`` one is made. ``token`` asks for an API token, by its name."""

    company: str
    name: str
    email: str
    phone: str
    numbers: tuple[str, ...] = ()
    timezone: str = "Europe/Moscow"
    extension: str | None = None
    password: str | None = None
    tariff: str = "start"
    channels: int = 10
    most_numbers: int = 10
    plugins: frozenset[str] | None = None
    token: str | None = None


class Activated(Struct, frozen=True):
    """The new company. ``password`` (if it was made here) and ``api_token`` are shown this once."""

    tenant: TenantView
    employee: EmployeeView
    numbers: tuple[NumberView, ...]
    email: str
    password: str | None
    api_token: str | None


async def activate(
    db: Database, issuer: LineIssuer, actor: Actor, command: ActivateContract
) -> Activated:
    """Create the company with everything it has on day one, or nothing at all.

    Raises Invalid by field, NotFound or Conflict for a number that cannot be had.
    """
    require_operator(actor, "tenants:write")
    values = _checked(command)
    hashed = await hash_password(command.password or (made := new_password(16)))
    tenant_id = new_id()
    here = operator(actor.name, tenant_id)
    async with employees.constraints(), crosstenant.operator_session(db) as shop:
        await numbers.reserve(shop, values["numbers"])
        await Tenant.insert(Tenant(id=tenant_id, name=values["company"], timezone=values["timezone"]))
        async with db.tenant(tenant_id):
            await _contract(here, command)
            await _schedule(here)
            await calendars.first_calendar(here)
            employee_id = await _first_employee(issuer, here, command, hashed)
            await _scenario(here, employee_id)
            token = None
            if command.token is not None:
                token = (await tokens.insert(here, CreateToken(command.token))).token
        for number in values["numbers"]:
            await numbers.activate(db, here, number, tenant_id)
        async with db.tenant(tenant_id) as session:
            company = await contracts.view(session, tenant_id)
            employee = await employees.view(here, employee_id)
            bought = tuple(await numbers.views(session))
    return Activated(
        tenant=company,
        employee=await employees.activated(db, issuer, here, employee),
        numbers=bought,
        email=values["email"],
        password=None if command.password else made,
        api_token=token,
    )


def _checked(command: ActivateContract) -> dict[str, Any]:
    """The fields that the services below do not check themselves, in stored form."""
    more = ("numbers", "password", "plugins", "tariff", "channels", "most_numbers")
    values = {name: getattr(command, name) for name in (*_REQUIRED, *more)}
    return checked(values, _CHECKS | {"password": _password(command)}, required=_REQUIRED)


def _numbers(texts: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(phones.telephone(text) for text in texts)


def _tariff(text: str) -> str:
    if len(text) > 60 or not text.isprintable():
        raise FieldError("A tariff has 1 to 60 characters.")
    return text


def _channels(count: int) -> int:
    if not 1 <= count <= MOST_CHANNELS:
        raise FieldError("A company has 1 to 10000 channels.")
    return count


def _most_numbers(count: int) -> int:
    if not 1 <= count <= MOST_NUMBERS:
        raise FieldError("A company has 1 to 1000 numbers.")
    return count


def _password(command: ActivateContract) -> Callable[[str], str]:
    return lambda text: accounts.check_password(text, command.name, command.email)


_REQUIRED = ("company", "name", "email", "phone", "timezone", "tariff")
_CHECKS = {
    "company": proper_name,
    "name": proper_name,
    "email": phones.email,
    "phone": phones.telephone,
    "timezone": employees.timezone,
    "numbers": _numbers,
    "plugins": contracts.check_plugins,
    "tariff": _tariff,
    "channels": _channels,
    "most_numbers": _most_numbers,
}


async def _contract(actor: Actor, command: ActivateContract) -> None:
    enabled = contracts.default_plugins() if command.plugins is None else command.plugins
    contract = Contract(
        plugins=sorted(enabled),
        tariff=command.tariff,
        channels=command.channels,
        most_numbers=command.most_numbers,
    )
    await Contract.insert(contract)
    after = {"company": command.company, "plugins": sorted(enabled), "tariff": command.tariff}
    await audit.record(actor, "contract.activate", contract.id, after=after)


async def _schedule(actor: Actor) -> None:
    """The default schedule (ACC-04)."""
    schedule = Schedule(
        name=SCHEDULE_NAME, week=msgspec.json.encode(DEFAULT_WEEK).decode(), is_default=True
    )
    await Schedule.insert(schedule)
    await audit.record(actor, "schedule.create", schedule.id, after={"name": SCHEDULE_NAME})


async def _first_employee(
    issuer: LineIssuer, actor: Actor, command: ActivateContract, password_hash: str
) -> UUID:
    """The administrator (ACC-01…03). Calls are to reach this employee round the clock (ACC-07), which
    the mode «Доступен» says whatever schedule the card is given (AVL-09)."""
    card = CreateEmployee(
        name=command.name,
        email=command.email,
        extension=command.extension,
        role=Role.ADMINISTRATOR,
        external_number=command.phone,
    )
    employee_id = await employees.insert(issuer, actor, card, password_hash)
    await Employee.update({Employee.mode: AvailabilityMode.AVAILABLE}).where(Employee.id == employee_id)
    return employee_id


async def _scenario(actor: Actor, employee_id: UUID) -> None:
    """«По умолчанию», enabled: every call to this employee, round the clock (ACC-06, ACC-07)."""
    first = Addressee(AddresseeKind.EMPLOYEE, str(employee_id))
    chain = Chain((Dial((first,), DialMode.PARALLEL),))
    body = core.Scenario(
        id=new_id(),
        name=DEFAULT_NAME,
        version=1,
        default=Branch(id=new_id(), name=scenarios.TOP_BRANCH, chain=chain),
    )
    await scenarios.insert(actor, body, is_default=True)
