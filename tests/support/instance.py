"""A whole SunSim as its user starts it: ``sunsim run`` in a folder of its own, on free ports.

``instance`` runs for the session. ``company`` is a fresh company in it with a number, a carrier of its
own at addresses of its own, and the SIP accounts of its people.
"""

import asyncio
import atexit
import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import weakref
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import httpx
import pytest

import core.settings
from core.contracts import TerminalKind
from core.ids import new_id
from tenants.db import Database
from tenants.embedded import EmbeddedPostgres
from tenants.listener import CONFIG
from tenants.live import live_lines
from tenants.migrate import migrate
from tenants.secrets import Vault
from tenants.services import activation, calls, employees, lines, numbers, trunks
from tenants.services.actor import operator
from tenants.services.lines import LINE_KINDS, LineIssuer
from tests.support.free_ports import free_port
from tests.support.media import media_settings
from tests.support.processes import descendants, gone
from tests.support.sipp import Script

LIBRARY = Path(tempfile.gettempdir()) / f"sunsim-library-{os.getuid()}"
"""The clips of the ready-made library are made once, for all instances of all tests."""
PASSWORD = "correct horse 42"
_numbers = itertools.count(int(time.time()) % 1_000_000 * 7)
_hosts = itertools.count(2)


class Instance:
    """One running SunSim."""

    def __init__(self, folder, *options, environ=None, log="info", rtp_ports=400):
        self.folder = folder
        self.options = options
        lent = ExitStack()
        weakref.finalize(self, lent.close)
        ports = media_settings(rtp_ports, lent)
        self.environ = {
            **{
                name: value for name, value in os.environ.items() if not name.startswith("SUNSIM_PROOF")
            },
            "SUNSIM_MEDIA_PORT_MIN": str(ports.port_min),
            "SUNSIM_MEDIA_PORT_MAX": str(ports.port_max),
            "SUNSIM_LOG_LEVEL": log,
            "SUNSIM_DATA_LIBRARY": str(LIBRARY),
            # The machine of the tests is busy with something else; that is no overload of ours.
            "SUNSIM_SIP_OVERLOAD_MILLISECONDS": "20000",
            "SUNSIM_LOG_JSON": "true",
            "SUNSIM_SIP_DRAIN_SECONDS": "0",
            **(environ or {}),
        }
        self.process = None
        self.endpoints = {}

    def start(self, seconds=100):
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "cli", "run", "--data-dir", str(self.folder)]
                + ["--http", "127.0.0.1:0", "--sip", "127.0.0.1:0", *self.options],
                env=self.environ,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        deadline = time.monotonic() + seconds
        path = self.folder / "endpoints.json"
        while self.endpoints.get("pid") != self.process.pid:  # else of one that was killed
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"SunSim did not start:\n{self.log()}")
            time.sleep(0.05)
            if path.exists():
                self.endpoints = json.loads(path.read_text())

    def stop(self, number=signal.SIGTERM, seconds=60):
        """End it and wait for the end of its children too; returns the exit status."""
        children = descendants(self.process.pid)
        if self.process.poll() is None:
            self.process.send_signal(number)
        status = self.process.wait(seconds)
        assert gone(children), f"processes are left:\n{self.log()}"
        return status

    def log(self):
        return (self.folder / "log").read_text(errors="replace")

    @property
    def http(self):
        return self.endpoints["http"]

    @property
    def sip(self):
        host, _, port = self.endpoints["sip"].rpartition(":")
        return host, int(port)

    def sip_by(self, transport):
        """Where SIP listens by this transport."""
        host, _, port = self.endpoints["roles"]["sip"][f"sip_{transport}"][0].rpartition(":")
        return host, int(port)

    @property
    def settings(self):
        return core.settings.load({}, data={"dir": self.folder})

    def cli(self, *args, status=0):
        """Run ``sunsim …`` on this instance's folder; returns what it prints."""
        done = subprocess.run(
            [sys.executable, "-m", "cli", "--data-dir", str(self.folder), *args],
            env=self.environ,
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
        assert done.returncode == status, f"{done.returncode}: {done.stdout}{done.stderr}"
        return done.stdout if status == 0 else done.stderr

    async def settled(self, db, seconds=30):
        """Wait until the SIP process knows every change that was made so far.

        It compares itself with the database when told of a change of nobody in particular. The first
        comparison that is seen may have begun before that; the second one cannot have.
        """
        async with asyncio.timeout(seconds):
            for _ in range(2):
                before = self._comparisons()
                async with db.directory() as session:
                    await session.execute("SELECT pg_notify($1, '{}')", CONFIG)
                while self._comparisons() == before:
                    await asyncio.sleep(0.01)

    def _comparisons(self):
        return self.metrics()["sunsim_directory_comparisons_total"]

    def metrics(self, role="sip"):
        """The role's metrics as name{labels} → value."""
        text = httpx.get(f"http://{self.endpoints['roles'][role]['http']}/metrics", timeout=30).text
        rows = (line.rpartition(" ") for line in text.splitlines() if not line.startswith("#"))
        return {name: float(value) for name, _, value in rows}


@dataclass
class Person:
    """An employee and the accounts of the three lines."""

    id: object
    name: str
    extension: str
    lines: dict = field(default_factory=dict)

    @property
    def sip(self):
        return self.lines[TerminalKind.SIP]


class Company:
    """A company in an instance. ``number`` is its first number; ``carrier`` where its trunk is."""

    def __init__(self, instance, db):
        self.instance = instance
        self.db = db
        self.vault = Vault.open(instance.settings.data)
        self.issuer = LineIssuer(self.vault, instance.settings.sip.domain)
        self.domain = instance.settings.sip.domain
        host = next(_hosts)
        self.carrier_host = f"127.7.{host // 250}.{host % 250 + 1}"
        self.carrier_port = free_port(self.carrier_host)
        self.numbers = []

    async def activate(self, count=1, external="+79160000009"):
        self.carrier = name = f"carrier-{new_id()}"
        everywhere = operator("test")
        trunk = trunks.AddTrunk(
            name, self.carrier_host, self.carrier_port, (f"{self.carrier_host}/32",)
        )
        await trunks.add(self.db, everywhere, trunk)
        self.numbers = [f"+7495{next(_numbers) % 10_000_000:07}" for _ in range(count)]
        for number in self.numbers:
            await numbers.add(self.db, everywhere, numbers.AddNumber(number, trunk=name))
        self.email = f"admin-{new_id().hex[-12:]}@example.org"
        made = await activation.activate(
            self.db,
            self.issuer,
            everywhere,
            activation.ActivateContract(
                company="ООО «Тест»",
                name="Анна Смирнова",
                email=self.email,
                phone=external,
                numbers=tuple(self.numbers),
                extension="101",
                password=PASSWORD,
                channels=10_000,  # what limits them is shown elsewhere
            ),
        )
        self.id = made.tenant.id
        self.here = operator("test", self.id)
        self.admin = await self._person(made.employee)
        return self

    async def another_number(self):
        """A second number of the company, by the same carrier."""
        number = f"+7495{next(_numbers) % 10_000_000:07}"
        add = numbers.AddNumber(number, trunk=self.carrier)
        await numbers.add(self.db, operator("test"), add)
        await numbers.assign(self.db, operator("test"), numbers.AssignNumber(number, self.id))
        self.numbers.append(number)
        return number

    async def choose_caller_id(self, person, number):
        """What an administrator does on the card «Телефоны»."""
        choices = await employees.caller_id_choices(self.db, self.here)
        chosen = next(choice.id for choice in choices if choice.e164 == number)
        await self.change(person, caller_id=chosen)

    async def change(self, person, **fields):
        """Change somebody's card as an administrator does."""
        view = await employees.get(self.db, self.here, person.id)
        command = employees.UpdateEmployee(view.id, view.version, **fields)
        await employees.update(self.db, self.here, command)
        await self.settled()

    async def hire(self, name, extension, **fields):
        command = employees.CreateEmployee(
            name, f"{new_id().hex[-12:]}@example.org", extension, **fields
        )
        person = await self._person(await employees.create(self.db, self.issuer, self.here, command))
        await self.settled()
        return person

    async def _person(self, view):
        """Once all lines have their passwords: the worker may be giving them at this moment."""
        mine = {}
        async with asyncio.timeout(30):
            while len(mine) < len(LINE_KINDS):
                revealed = await lines.reveal_all(self.db, self.issuer, self.here)
                mine = {line.kind: line for line in revealed if line.employee_id == view.id}
        return Person(view.id, view.name, view.extension, mine)

    async def sql(self, statement, *args):
        """A statement on this company's rows, then wait until the SIP process knows it."""
        async with self.db.tenant(self.id) as session:
            rows = await session.fetch(statement, *args)
        await self.settled()
        return rows

    async def settled(self, seconds=30):
        """Wait until the SIP process knows every change that was made so far."""
        await self.instance.settled(self.db, seconds)

    async def online(self, count, seconds=60):
        """Wait until so many of its lines have a phone; those of other companies do not matter."""
        async with asyncio.timeout(seconds):
            while len(await live_lines(self.db, self.id)) != count:
                await asyncio.sleep(0.05)

    @property
    def number(self):
        return self.numbers[0]

    async def call(self, seconds=30):
        """The card of the newest call in the history; waits for it."""
        rows = await self.recorded(1, seconds)
        return await calls.card(self.db, self.here, rows[0].id)

    async def recorded(self, count, seconds=60):
        """The history as soon as it has so many calls."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            rows = await self.history()
            if len(rows) >= count:
                return rows
            await asyncio.sleep(0.05)
        raise AssertionError(f"no {count} calls in the history")

    async def history(self):
        now = datetime.now(UTC)
        query = calls.CallQuery(now - timedelta(hours=1), now + timedelta(hours=1))
        return (await calls.history(self.db, self.here, query)).calls

    # --- peers -------------------------------------------------------------------------------------

    def caller(self, user="+79160000001", **fields):
        """Somebody outside who calls through the carrier."""
        return Script(user, "carrier.test", **fields)

    async def dial_in(self, script, **options):
        """Run a caller's script from the carrier's address."""
        return await script.run(self.instance.sip, local=self.carrier_host, **options)

    @asynccontextmanager
    async def outside(self, script, **options):
        """Somebody outside whom the carrier reaches."""
        running = script.running(self.instance.sip, self.carrier_host, self.carrier_port, **options)
        async with running as sipp:
            yield sipp

    @asynccontextmanager
    async def phone(self, line, script, server=None, **options):
        """A SIPp phone registered with a line, following the script when it is called.

        ``server`` is what it takes for us, if that is somebody in between.
        """
        port = free_port("127.0.0.1")
        await self.register(line, port=port, server=server, expires=600)
        where = server or self.instance.sip
        async with script.running(where, "127.0.0.1", port, **options) as sipp:
            yield sipp

    async def register(
        self, line, password=None, port=0, expect=200, expires=60, by="udp", server=None
    ):
        script = Script(domain=self.domain).register(line.login, expires=expires).expect(401)
        script.register(line.login, password or line.password, expires=expires).expect(expect)
        where = server or self.instance.sip
        return await script.run(where, port=port or free_port("127.0.0.1"), by=by)

    def dialler(self, line, number, **fields):
        """A phone that dials: the script up to its authenticated INVITE."""
        script = Script(line.login, self.domain, **fields)
        script.invite(number, host=self.domain).expect(401).ack_refusal()
        return script.authorize(number, line.login, line.password)


@cache
def _grown():
    """A data folder after a first start, made once. What is copied of it survives its processes, but
    not a crash of the machine: nothing here waits for a disk."""
    folder = Path(tempfile.mkdtemp(prefix="sunsim-grown-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    with EmbeddedPostgres(folder, durable=False) as server, ThreadPoolExecutor(1) as beside:
        beside.submit(asyncio.run, migrate(server.dsn)).result()
    with (folder / "postgres" / "data" / "postgresql.conf").open("a") as settings:
        settings.write("\nfsync = off\nfull_page_writes = off\n")
    return folder


def grown_folder(name):
    """A folder whose database needs no making, for one instance."""
    folder = Path(tempfile.mkdtemp(prefix=f"sunsim-{name}-"))  # the database's user must reach it
    command = ["cp", "-a", "--reflink=auto", _grown() / "postgres", folder]
    subprocess.run(command, check=True)
    return folder


@contextmanager
def own_instance(name, *options, end=signal.SIGTERM, **how):
    """A running SunSim for the block alone, which may do harm to it; ``end`` is how it is ended."""
    folder = grown_folder(name)
    running = Instance(folder, *options, **how)
    try:
        running.start()
        yield running
    finally:
        if running.process is not None:
            running.stop(end)
        shutil.rmtree(folder, ignore_errors=True)


@asynccontextmanager
async def company_in(instance):
    """A fresh company in this instance, once that knows it."""
    made = Company(instance, await Database.open(instance.settings.data))
    try:
        await made.activate()
        await made.settled()
        yield made
    finally:
        await made.db.close()


@pytest.fixture(scope="session")
def instance():
    """A running SunSim for all tests of the session."""
    free = "127.0.0.1:0"
    environ = {
        **{f"SUNSIM_SIP_LISTEN_{name}": free for name in ("TLS", "WS", "WSS")},
        "SUNSIM_SIP_MIN_SE": "4",  # so that the silence of a peer need not last minutes
    }
    with own_instance("e2e", environ=environ) as running:
        yield running


@pytest.fixture
async def company(instance):
    """A fresh company in the instance."""
    async with company_in(instance) as made:
        yield made
