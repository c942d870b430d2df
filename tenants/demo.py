"""The demo company of a first run: people with phones, numbers, and a carrier on this machine.

Making it again changes nothing and tells the same: passwords of logins are kept sealed in
``demo.json`` of the data folder, those of lines in the database. What somebody has changed since
(a password, an employee) stays changed.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from uuid import UUID

import msgspec
from msgspec import Struct

from core.contracts import TerminalKind
from core.settings import Settings
from tenants.crosstenant import credentials
from tenants.db import Database
from tenants.secrets import SealBroken, Vault, new_password, verify_password
from tenants.services import accounts, activation, employees, lines, numbers, trunks
from tenants.services.activation import ActivateContract
from tenants.services.actor import Actor, Role, operator
from tenants.services.employees import CreateEmployee, EmployeeView
from tenants.services.lines import LineIssuer
from tenants.showcase import show

__all__ = ["CARRIER_PORT", "Demo", "DemoLine", "DemoLogin", "create_demo"]

COMPANY = "ООО «Ромашка»"
CARRIER = "carrier"
CARRIER_HOST = "127.0.0.1"
CARRIER_NETWORKS = ("127.0.0.0/8",)
CARRIER_PORT = 5080
"""Where the demo's carrier takes calls to the outside; not the port that SunSim listens on."""

# In codes and domains that nobody has: 495 000… is not assigned, .example never will be (RFC 2606).
NUMBERS = ("+74950000001", "+74950000002")
PHONE = "+79000000101"
ADMINISTRATOR = CreateEmployee("Анна Смирнова", "anna@romashka.example", "101", Role.ADMINISTRATOR)
COLLEAGUES = (
    CreateEmployee("Борис Кузнецов", "boris@romashka.example", "102"),
    CreateEmployee("Вера Попова", "vera@romashka.example", "103"),
    CreateEmployee("Глеб Соколов", "gleb@romashka.example", "104"),
)
_FILE = "demo.json"


class DemoLogin(Struct, frozen=True):
    """Who can log in to the cabinet; no ``password`` if it was changed since."""

    name: str
    email: str
    role: Role
    extension: str | None
    password: str | None


class DemoLine(Struct, frozen=True):
    """A SIP account for a phone."""

    employee: str
    extension: str | None
    kind: TerminalKind
    login: str
    password: str


class Demo(Struct, frozen=True):
    """All that is printed. A softphone on this machine that calls one of ``numbers`` at SunSim's SIP
    address plays the carrier; calls to the outside go to ``carrier`` (host and port)."""

    tenant_id: UUID
    company: str
    domain: str
    numbers: tuple[str, ...]
    logins: tuple[DemoLogin, ...]
    lines: tuple[DemoLine, ...]
    carrier: tuple[str, int]


async def create_demo(db: Database, settings: Settings, carrier_port: int = CARRIER_PORT) -> Demo:
    """Make the demo company, or what is missing of it. The database must be migrated."""
    vault = Vault.open(settings.data)
    issuer = LineIssuer(vault, settings.sip.domain)
    kept = _Passwords(vault, settings.data.dir / _FILE)
    carrier = await _carrier(db, carrier_port)
    here = operator("demo", await _company(db, issuer, kept))
    people = await _people(db, issuer, here, kept)
    kept.save()
    await show(db, here, people[1:] or people)
    return Demo(
        tenant_id=here.tenant,
        company=COMPANY,
        domain=issuer.domain,
        numbers=tuple(number.e164 for number in await numbers.numbers(db, here)),
        logins=tuple(await asyncio.gather(*(_login(db, person, kept) for person in people))),
        lines=await _lines(db, issuer, here, people),
        carrier=carrier,
    )


async def _carrier(db: Database, port: int) -> tuple[str, int]:
    everywhere = operator("demo")
    if found := await trunks.trunks(db, everywhere, CARRIER):
        return found[0].host, found[0].port
    await trunks.add(db, everywhere, trunks.AddTrunk(CARRIER, CARRIER_HOST, port, CARRIER_NETWORKS))
    return CARRIER_HOST, port


async def _company(db: Database, issuer: LineIssuer, kept: _Passwords) -> UUID:
    """The company is known by its administrator's e-mail, which is unique."""
    email = str(ADMINISTRATOR.email)
    account = await credentials.account(db, email)
    if account is not None:
        return account.tenant_id
    everywhere = operator("demo")
    stocked = {number.e164 for number in await numbers.stock(db, everywhere)}
    for e164 in NUMBERS:
        if e164 not in stocked:
            await numbers.add(db, everywhere, numbers.AddNumber(e164, CARRIER, city="Москва"))
    command = ActivateContract(
        company=COMPANY,
        name=ADMINISTRATOR.name,
        email=email,
        phone=PHONE,
        numbers=NUMBERS,
        extension=ADMINISTRATOR.extension,
        password=kept.make(email),
    )
    return (await activation.activate(db, issuer, everywhere, command)).tenant.id


async def _people(
    db: Database, issuer: LineIssuer, here: Actor, kept: _Passwords
) -> list[EmployeeView]:
    """Everybody who should be there; who has no password yet gets one."""
    present = await employees.employees(db, here)
    emails = {person.email for person in present}
    for command in COLLEAGUES:
        # Who has a password was here before, and somebody has removed them on purpose.
        if command.email not in emails and not kept.knows(str(command.email)):
            present.append(await employees.create(db, issuer, here, command))
    ours = {ADMINISTRATOR.email, *(command.email for command in COLLEAGUES)}
    for person in present:
        if person.email in ours and not kept.knows(str(person.email)):
            await accounts.reset_password(db, here, person.id, kept.make(str(person.email)))
    return [person for person in present if person.email in ours]


async def _login(db: Database, person: EmployeeView, kept: _Passwords) -> DemoLogin:
    email = str(person.email)
    account, password = await credentials.account(db, email), kept.get(email)
    fits = account and password and await verify_password(account.password_hash, password)
    return DemoLogin(person.name, email, person.role, person.extension, password if fits else None)


async def _lines(
    db: Database, issuer: LineIssuer, here: Actor, people: list[EmployeeView]
) -> tuple[DemoLine, ...]:
    by_id = {person.id: person for person in people}
    return tuple(
        DemoLine(
            by_id[line.employee_id].name,
            by_id[line.employee_id].extension,
            line.kind,
            line.login,
            line.password,
        )
        for line in await lines.reveal_all(db, issuer, here)
        if line.employee_id in by_id
    )


class _Passwords:
    """The logins' passwords, sealed in a file that only its owner may read."""

    def __init__(self, vault: Vault, path: Path) -> None:
        self._vault = vault
        self._path = path
        self._known: dict[str, str] = {}
        if path.exists():
            try:
                sealed = msgspec.json.decode(path.read_bytes(), type=dict[str, str])
                self._known = {e: vault.unseal(s, f"demo.login:{e}") for e, s in sealed.items()}
            except (msgspec.MsgspecError, SealBroken):
                self._known = {}  # another key or a spoilt file: the passwords are made anew

    def knows(self, email: str) -> bool:
        return email in self._known

    def get(self, email: str) -> str | None:
        return self._known.get(email)

    def make(self, email: str) -> str:
        """A fresh password, in the file before it is used: a crash must not lose it."""
        self._known[email] = new_password(12)
        self.save()
        return self._known[email]

    def save(self) -> None:
        sealed = {e: self._vault.seal(p, f"demo.login:{e}") for e, p in self._known.items()}
        temporary = self._path.with_suffix(".new")
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(msgspec.json.encode(sealed))
        temporary.replace(self._path)
