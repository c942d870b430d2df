"""The cabinet as people meet it: a real server, a real database, a company that has lived a little.

The server and everything that belongs to its event loop live in one thread; ``Stage.run`` does
something there on behalf of a test (make an employee, register a phone, end a call).
"""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Coroutine, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo

import uvicorn

from core.contracts import (
    CallFacts,
    CallStep,
    Cdr,
    Direction,
    Line,
    Outcome,
    Snapshot,
    StepCode,
)
from core.host import Host
from core.ids import new_id
from core.settings import DataSettings, HttpSettings, Settings
from tenants.callstore import DatabaseCallStore
from tenants.db import Database
from tenants.directory import MemoryDirectory
from tenants.listener import Listener
from tenants.live import DatabaseLiveBoard
from tenants.secrets import Vault, hash_password
from tenants.services import activation, employees, numbers
from tenants.services.actor import Actor, Role, operator
from tests.e2e.pages import visits
from web.context import WebContext
from web.host import build

T = TypeVar("T")
PASSWORD = "correct horse 42"
NUMBER, SECOND = "+74951234567", "+78005550120"
HOSTILE = "<img src=x onerror=alert(1)>\"'><svg/onload=alert(2)>{{7*7}}"


@dataclass
class Company:
    """A company as activated, and on whose behalf tests act."""

    id: UUID
    admin_id: UUID
    email: str
    actor: Actor


class Stage:
    """Starts with ``start``; ``url`` is where it listens."""

    def __init__(self, data: DataSettings) -> None:
        self.settings = Settings(data=data, http=HttpSettings())
        self.loop = asyncio.new_event_loop()
        self.url = ""
        self._thread = threading.Thread(target=self._serve, daemon=True, name="stage")
        self._ready = threading.Event()
        self._error: BaseException | None = None

    def start(self) -> None:
        self._thread.start()
        if not self._ready.wait(40) or self._error:
            raise RuntimeError("the stage did not start") from self._error

    def stop(self) -> None:
        self.loop.call_soon_threadsafe(self._over.set)
        self._thread.join(20)

    def run(self, work: Coroutine[Any, Any, T], seconds: float = 20) -> T:
        """Do something in the server's loop and wait for it."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(seconds)

    async def all_of(self, work: Iterable[Coroutine[Any, Any, Any]]) -> None:
        """Several things at once."""
        await asyncio.gather(*work)

    def _serve(self) -> None:
        try:
            self.loop.run_until_complete(self._live())
        except BaseException as error:  # told to the thread that waits
            self._error = error
            self._ready.set()

    async def _live(self) -> None:
        self._over = asyncio.Event()
        vault = Vault.open(self.settings.data)
        self.database = await Database.open(self.settings.data)
        listener = Listener(self.database.listen_connection)
        listener.start()
        await listener.wait_connected()
        self.directory = MemoryDirectory(self.database, listener, vault)
        await self.directory.start()
        self.board = DatabaseLiveBoard(self.database, listener)
        self.board.start()
        self.store = DatabaseCallStore(self.database, Path(self.settings.data.dir))
        self.store.start()
        self.context = WebContext(self.settings, Host({"visits": visits}), vault)
        self.context.attach(self.database, self.directory, listener)
        server, port = _server(build(self.context))
        self.url = f"http://127.0.0.1:{port}"
        serving = asyncio.create_task(server.serve())
        while not server.started:
            await asyncio.sleep(0.02)
        self._ready.set()
        await self._over.wait()
        server.should_exit = True
        await serving
        for part in (self.store, self.board, self.directory):
            await part.close()
        await listener.stop()
        await self.database.close()

    # --- what happens in a company ----------------------------------------------------------

    async def company(
        self, name: str, email: str, *e164: str, plugins: frozenset[str] = frozenset()
    ) -> Company:
        """Activate a contract whose first employee can sign in with PASSWORD."""
        op = operator()
        for number in e164:
            await numbers.add(self.database, op, numbers.AddNumber(number))
        made = await activation.activate(
            self.database,
            self.context.issuer,
            op,
            activation.ActivateContract(
                company=name,
                name="Анна Климова",
                email=email,
                phone="+79168804115",
                numbers=e164,
                extension="101",
                password=PASSWORD,
                plugins=frozenset(),
            ),
        )
        if plugins:  # the service knows installed ones only
            await self._give_plugins(made.tenant.id, plugins)
        actor = Actor(made.tenant.id, Role.ADMINISTRATOR, employee_id=made.employee.id, name="тест")
        return Company(made.tenant.id, made.employee.id, email, actor)

    async def _give_plugins(self, tenant_id: UUID, plugins: frozenset[str]) -> None:
        async with self.database.tenant(tenant_id) as session:
            await session.execute("UPDATE contracts SET plugins = $1", sorted(plugins))
        while (await self._snapshot(tenant_id)).plugins != plugins:
            await asyncio.sleep(0.02)

    async def _snapshot(
        self, tenant_id: UUID, person: employees.EmployeeView | None = None
    ) -> Snapshot:
        """The configuration that a call is routed by, once it knows the person."""
        while True:
            snapshot = self.directory.snapshot(tenant_id)
            known = {employee.id for employee in snapshot.employees} if snapshot else set()
            if snapshot and (person is None or person.id in known):
                return snapshot
            await asyncio.sleep(0.02)

    async def hire(self, company: Company, name: str, **more: Any) -> employees.EmployeeView:
        """Another employee."""
        return await employees.create(
            self.database,
            self.context.issuer,
            company.actor,
            employees.CreateEmployee(name=name, **more),
        )

    async def register(self, company: Company, person: employees.EmployeeView, index: int = 1) -> None:
        """A phone registers with one of the person's lines."""
        line = person.lines[index]
        now = time.time()
        self.board.line_registered(
            Line(line.login, company.id, person.id, line.id, {}), now, now + 3600, "Yealink T46U", "udp"
        )

    async def unregister(
        self, company: Company, person: employees.EmployeeView, index: int = 1
    ) -> None:
        """The phone leaves."""
        line = person.lines[index]
        self.board.line_unregistered(Line(line.login, company.id, person.id, line.id, {}), time.time())

    async def on_board(self, verb: str, *args: Any) -> None:
        """What the SIP process tells of a present call."""
        getattr(self.board, verb)(*args)

    async def person(self, company: Company, name: str) -> employees.EmployeeView:
        """The employee with this name."""
        everybody = await employees.employees(self.database, company.actor)
        return next(person for person in everybody if person.name == name)

    async def rename(self, company: Company, name: str) -> None:
        """Give the first employee another name."""
        card = await employees.get(self.database, company.actor, company.admin_id)
        command = employees.UpdateEmployee(card.id, card.version, name=name)
        await employees.update(self.database, company.actor, command)

    async def set_pending(self, company: Company, person: employees.EmployeeView) -> None:
        """Put the person's lines back into the state before their activation."""
        async with self.database.tenant(company.id) as session:
            await session.execute(
                "UPDATE terminals SET state = 'pending', password_sealed = NULL, ha1 = NULL"
                " WHERE employee_id = $1 AND kind <> 'external'",
                person.id,
            )

    async def give_password(self, email: str) -> None:
        """As if the invitation had been accepted with PASSWORD."""
        hashed = await hash_password(PASSWORD)
        async with self.database.directory() as session:
            tenant = await session.fetchval("SELECT tenant_id FROM users WHERE email = $1", email)
        async with self.database.tenant(tenant) as session:
            await session.execute(
                "UPDATE users SET password_hash = $1, status = 'active' WHERE email = $2", hashed, email
            )

    async def speaks(self, email: str, locale: str) -> None:
        """Whoever signs in with this e-mail has chosen a language."""
        async with self.database.directory() as session:
            tenant = await session.fetchval("SELECT tenant_id FROM users WHERE email = $1", email)
        async with self.database.tenant(tenant) as session:
            await session.execute("UPDATE users SET locale = $1 WHERE email = $2", locale, email)

    @staticmethod
    def moscow_day_began() -> float:
        """The last midnight in Moscow: calls of before are not shown, unless one asks for them."""
        local = datetime.now(ZoneInfo("Europe/Moscow"))
        return local.replace(hour=0, minute=0, second=0, microsecond=0).timestamp()

    def now_in_moscow_day(self) -> float:
        """An instant of the current day of Moscow, early enough for a minute to follow."""
        return max(self.moscow_day_began(), time.time() - 120)

    @staticmethod
    def now_in_everybodys_day() -> float:
        """An instant of the current day of every zone that is whole hours from ours."""
        now = time.time()
        return max(now - now % 3600, now - 120)

    def facts(self, company: Company, caller: str | None = "+79162041833", **more: Any) -> CallFacts:
        """An incoming call."""
        known: dict[str, Any] = {"direction": Direction.INCOMING, "called": NUMBER} | more
        return CallFacts(call_id=new_id(), tenant_id=company.id, caller=caller, **known)

    async def ended(
        self,
        company: Company,
        person: employees.EmployeeView | None = None,
        *,
        at: float | None = None,
        talk: float = 186,
        steps: Sequence[CallStep] = (),
        **more: Any,
    ) -> UUID:
        """A call that is over: answered by ``person`` on the SIP line, or by nobody; ``steps`` is its
        log if it is not the usual one."""
        facts = self.facts(company, **more)
        snapshot = await self._snapshot(company.id, person)
        began = at or max(self.moscow_day_began(), time.time() - talk - 40)
        rung, answered = began + 2, began + 11
        over = answered + talk if person else rung + 20
        answerer = person.lines[1] if person else None
        await self.store.save(
            Cdr(
                call_id=facts.call_id,
                tenant_id=company.id,
                direction=facts.direction,
                caller=facts.caller,
                called=facts.called,
                caller_name=facts.caller_name,
                outcome=Outcome.ANSWERED if person else Outcome.NO_ANSWER,
                sip_status=200 if person else 480,
                started_at=began,
                ringing_at=rung,
                answered_at=answered if person else None,
                ended_at=over,
                ended_by="caller",
                scenario_id=snapshot.scenarios[0].id,
                caller_employee_id=facts.employee_id,
                answered_employee_id=person.id if person else None,
                answered_terminal_id=answerer.id if answerer else None,
                steps=tuple(steps or _steps(facts, snapshot, person, began, over)),
                facts=facts,
                snapshot_hash=snapshot.hash,
            )
        )
        return facts.call_id


def _steps(
    facts: CallFacts,
    snapshot: Snapshot,
    person: employees.EmployeeView | None,
    began: float,
    over: float,
) -> Iterator[CallStep]:
    scenario = snapshot.scenarios[0]
    routed = {
        "scenario_id": str(scenario.id),
        "version": scenario.version,
        "branch_id": str(scenario.default.id),
    }
    yield CallStep(began, StepCode.ARRIVED, data={"number": facts.called, "caller": facts.caller})
    yield CallStep(began, StepCode.ROUTED, data=routed)
    if person is not None:
        mobile, line, web = person.lines
        here = {"terminal_id": line.id, "employee_id": person.id, "address": line.login}
        other = {"terminal_id": mobile.id, "employee_id": person.id, "address": mobile.login}
        third = {"terminal_id": web.id, "employee_id": person.id, "address": web.login}
        yield CallStep(began + 2, StepCode.RINGING, **here)
        yield CallStep(began + 2, StepCode.RINGING, **other)
        yield CallStep(began + 2, StepCode.NOT_RUNG, **third, data={"reason": "not_registered"})
        yield CallStep(began + 5, StepCode.LEG_ENDED, **other, data={"status": 486})
        yield CallStep(began + 11, StepCode.ANSWERED, **here)
    yield CallStep(over, StepCode.ENDED, data={"by": "caller"})


def _server(app: Any) -> tuple[uvicorn.Server, int]:
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    config = uvicorn.Config(
        app, fd=listener.detach(), log_level="warning", timeout_graceful_shutdown=1, lifespan="on"
    )
    return uvicorn.Server(config), port
