"""The API of a whole web application on a real database, with two companies that have lived a bit."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import httpx
from litestar import Litestar, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Struct
from msgspec.json import encode

from core.contracts import (
    CallFacts,
    CallStep,
    Cdr,
    Direction,
    Manifest,
    Outcome,
    StepCode,
    Tenant,
)
from core.contributions import Routes
from core.hookspecs import hookimpl
from core.host import Host
from core.ids import new_id
from core.scenarios import KeyAction, MenuKey
from core.settings import DataSettings, Settings, SipSettings
from plugins import crm
from plugins.crm.tables import Deal, Task
from tenants import snapshot as snapshots
from tenants.callstore import DatabaseCallStore
from tenants.db import Database
from tenants.listener import Listener
from tenants.secrets import Vault
from tenants.services import (
    calendars,
    contacts,
    decisions,
    extension_lists,
    groups,
    menus,
    schedules,
    tags,
    tokens,
)
from tenants.services.actor import operator
from tenants.services.calendars import CreateCalendar
from tenants.services.contacts import CreateContact
from tenants.services.extension_lists import CreateExtensionList
from tenants.services.groups import CreateGroup
from tenants.services.lines import LineIssuer
from tenants.services.media import FilePart
from tenants.services.menus import CreateMenu
from tenants.services.schedules import CreateSchedule
from tenants.services.tags import CreateTag
from tenants.services.tokens import CreateToken
from tenants.storage import RECORDINGS, Storage
from tenants.tables import Media, Recording, UploadedFile
from tests.support.company import DOMAIN, Company, activate, directory_of
from web.api import api
from web.api.access import Gate
from web.context import WebContext
from web.host import build

__all__ = ["PLUGIN", "Party", "World", "opened"]

CLIENT = "+79162041833"
PLUGIN = "payments"
"""The name under which the tests' own plugin stands in contracts: one that is installed."""


class Visit(Struct):
    """What the plugin takes and gives."""

    company: str
    note: str = ""


@get("/visits", sync_to_thread=False)
def visits(tenant: NamedDependency[Tenant]) -> list[Visit]:
    """List the visits."""
    return [Visit(tenant.name)]


@post("/visits", sync_to_thread=False)
def visit(tenant: NamedDependency[Tenant], data: JSONBody[Visit]) -> Visit:
    """Note a visit."""
    return Visit(tenant.name, data.note)


@get("/visits/{visit_id:uuid}", opt={"scope": "calls:read"}, sync_to_thread=False)
def one_visit(tenant: NamedDependency[Tenant], visit_id: FromPath[UUID]) -> Visit:
    """Get a visit."""
    return Visit(tenant.name, str(visit_id))


@hookimpl
def _register_routes() -> Routes:
    return Routes(api=(visits, visit, one_visit))


_PLUGIN = SimpleNamespace(
    manifest=Manifest(PLUGIN, "1.0", "Visits", "Notes visits."), register_routes=_register_routes
)


def _midnight() -> float:
    """When the company's day began: what is asked for without a period are today's calls."""
    now = datetime.now(ZoneInfo("Europe/Moscow"))
    return now.replace(hour=0, minute=0, second=0, microsecond=0).timestamp()


class Party(Struct):
    """One company: its token with all scopes, and the ids that operations speak of."""

    company: Company
    token: str
    ids: dict[str, str]

    @property
    def marks(self) -> set[str]:
        """What must never be seen by another company: everything that only this one has."""
        activated = self.company.activated
        logins = {line.login for line in activated.employee.lines}
        own = {activated.tenant.name, activated.email, activated.employee.name}
        ids = {value for name, value in self.ids.items() if name != "plugin"}
        return ids | logins | own | {number.e164 for number in activated.numbers}


class World:
    """``client`` speaks to the application; ``ours`` and ``theirs`` are two companies."""

    def __init__(self, database: Database, app: Litestar, context: WebContext) -> None:
        self.database = database
        self.app = app
        self.context = context
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        self.client = httpx.AsyncClient(transport=transport, base_url="http://sunsim.test")
        self.ours: Party
        self.theirs: Party
        self.operator_token = ""
        self.store = DatabaseCallStore(database, Path(context.settings.data.dir))

    async def call(self, method: str, path: str, token: str = "", **more: Any) -> httpx.Response:
        """One request below ``/api/v1``, in English."""
        headers = {"Accept-Language": "en"} | more.pop("headers", {})
        if token:
            headers["Authorization"] = f"Bearer {token}"
        return await self.client.request(method, f"/api/v1{path}", headers=headers, **more)

    async def document(self) -> dict[str, Any]:
        """The OpenAPI document as anybody gets it."""
        return (await self.call("GET", "/openapi.json")).json()

    async def token(self, party: Party, *scopes: str) -> str:
        """A token of the company that reaches this far."""
        made = await tokens.create(self.database, party.company.admin, CreateToken("test", scopes))
        return made.token

    async def ended(self, company: Company, began: float | None = None) -> UUID:
        """A call of the company that is over, answered by its administrator."""
        employee, e164 = company.activated.employee, company.activated.numbers[0].e164
        line, began = employee.lines[1], began or max(_midnight(), time.time() - 60)
        call_id = new_id()
        snapshot = await decisions.present_snapshot(company.db, company.id)
        await snapshots.store(company.db, snapshot)
        facts = CallFacts(call_id, company.id, Direction.INCOMING, "+79162041833", e164)
        here = {"terminal_id": line.id, "employee_id": employee.id, "address": line.login}
        await self.store.save(
            Cdr(
                call_id=call_id,
                tenant_id=company.id,
                direction=Direction.INCOMING,
                caller=facts.caller,
                called=facts.called,
                outcome=Outcome.ANSWERED,
                sip_status=200,
                started_at=began,
                answered_at=began + 9,
                ended_at=began + 40,
                ended_by="caller",
                answered_employee_id=employee.id,
                answered_terminal_id=line.id,
                steps=(
                    CallStep(began, StepCode.ARRIVED, data={"number": e164, "caller": facts.caller}),
                    CallStep(began + 2, StepCode.RINGING, **here),
                    CallStep(began + 9, StepCode.ANSWERED, **here),
                    CallStep(began + 40, StepCode.ENDED, data={"by": "caller"}),
                ),
                facts=facts,
                snapshot_hash=snapshot.hash,
            )
        )
        return call_id

    async def recording(self, company: Company, call_id: UUID, content: bytes = b"ID3" * 100) -> UUID:
        """A recording of a call, whose sound was made."""
        storage = Storage(self.context.settings.data.dir.resolve() / RECORDINGS)
        row = Recording(
            tenant_id=company.id,
            call_id=call_id,
            kind="conversation",
            source=f"0-{call_id}",
            started_at=datetime.now(UTC),
            state="ready",
            form="mp3",
            bytes=len(content),
            milliseconds=1500,
            peaks="[[1, 2], [3, 4]]",
        )
        async with storage.incoming(company.id) as folder:
            (folder / "sound").write_bytes(content)
            await storage.put(company.id, f"{row.id}.mp3", folder / "sound")
        async with self.database.tenant(company.id):
            await Recording.insert(row)
        return row.id

    async def sound(self, company: Company) -> dict[str, UUID]:
        """An uploaded file of the company and a media of it."""
        file_id, media_id, digest = new_id(), new_id(), company.id.hex * 2
        storage = Storage(self.context.settings.data.dir.resolve() / "sound")
        async with storage.incoming(company.id) as folder:
            (folder / "sound").write_bytes(b"RIFF" + company.id.bytes)
            await storage.put(company.id, f"{digest}.wav", folder / "sound")
        chain = encode((FilePart(file_id),)).decode()
        async with self.database.tenant(company.id):
            await UploadedFile.insert(UploadedFile(id=file_id, name=f"{file_id}.mp3", hash=digest))
            await Media.insert(Media(id=media_id, name=f"{media_id}", chain=chain, hash=digest))
        keys = (MenuKey("*", KeyAction.REPEAT),)
        menu = await menus.create(self.database, company.admin, CreateMenu(f"{media_id}", keys))
        names = ("media_id", "instruction", "wrong", "announcement", "off_hours_media")
        played = dict.fromkeys(names, media_id)
        listed = CreateExtensionList(f"{media_id}", media_id)
        made = await extension_lists.create(self.database, company.admin, listed)
        return {"file_id": file_id, "menu_id": menu.id, "list_id": made.id, **played}

    async def party(self, company: Company) -> Party:
        """The company with a token, a call and everything that has an id."""
        made = await tokens.create(self.database, company.admin, CreateToken("all"))
        activated = company.activated
        call_id = await self.ended(company)
        ids = {
            "tenant_id": company.id,
            "employee_id": activated.employee.id,
            "line_id": activated.employee.lines[1].id,
            "number_id": activated.numbers[0].id,
            "call_id": call_id,
            "recording_id": await self.recording(company, call_id),
            "token_id": made.id,
            **await self.sound(company),
            "visit_id": new_id(),
            "caller_id": activated.numbers[0].id,
            "scenario_id": activated.numbers[0].scenario_id,
            "plugin": PLUGIN,
            **await _own_things(company),
        }
        return Party(company, made.token, {name: str(value) for name, value in ids.items()})


async def _own_things(company: Company) -> dict[str, UUID]:
    """Configuration of the company's own that nothing uses."""
    schedule = await schedules.create(company.db, company.admin, CreateSchedule("Офис"))
    calendar = await calendars.create(company.db, company.admin, CreateCalendar("Наш"))
    group = await groups.create(company.db, company.admin, CreateGroup("Продажи"))
    tag = await tags.create(company.db, company.admin, CreateTag("Важный"))
    contact = await contacts.create(company.db, company.admin, CreateContact("Иван"))
    return {
        "schedule_id": schedule.id,
        "calendar_id": calendar.id,
        "group_id": group.id,
        "tag_id": tag.id,
        "contact_id": contact.id,
        "manager_id": company.activated.employee.id,
        "responsible_id": company.activated.employee.id,
        **await _errands(company, contact.id),
    }


async def _errands(company: Company, contact_id: UUID) -> dict[str, UUID]:
    """A task and a deal of the plugin ``crm``."""
    async with company.db.tenant(company.id):
        task = Task(kind="other", title=f"Task of {contact_id}", contact_id=contact_id, number=CLIENT)
        await Task.insert(task)
        deal = Deal(title=f"Deal with {contact_id}", contact_id=contact_id, only_of=contact_id)
        await Deal.insert(deal)
    return {"task_id": task.id, "deal_id": deal.id}


@asynccontextmanager
async def opened(
    database: Database, data: DataSettings, gate: Gate | None = None
) -> AsyncIterator[World]:
    """The application with its two companies, «Ромашка» (ours) and «Василёк» (theirs)."""
    settings = Settings(data=data, sip=SipSettings(domain=DOMAIN))
    vault = Vault.open(data)
    issuer = LineIssuer(vault, DOMAIN)
    context = WebContext(settings, Host({PLUGIN: _PLUGIN, "crm": crm}), vault)
    app = build(context, routes=api(context, gate), logging_config=None)
    world = World(database, app, context)
    world.store.start()
    ours = await activate(
        database,
        issuer,
        "olga@romashka.example",
        numbers=("+74951110001", "+74951110002"),
        plugins=frozenset({PLUGIN, "crm"}),
    )
    theirs = await activate(
        database,
        issuer,
        "boris@vasilek.example",
        company="Василёк",
        name="Борис Полевой",
        phone="+79037654321",
        numbers=("+74952220003", "+74952220004"),
        plugins=frozenset({"crm"}),
    )
    async with directory_of(database, vault) as directory:
        context.attach(database, directory, Listener(database.listen_connection))
        try:
            world.ours = await world.party(ours)
            world.theirs = await world.party(theirs)
            made = await tokens.create_for_operator(database, operator(), CreateToken("op"))
            world.operator_token = made.token
            yield world
        finally:
            await world.client.aclose()
            await world.store.close()


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Every operation of a document: method, path below ``/api/v1``, description."""
    for path, item in document["paths"].items():
        for method, operation in item.items():
            yield method.upper(), path.removeprefix("/api/v1"), operation
