"""What is measured: the SIP role of a SunSim with companies whose phones are registered, and sippy."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Protocol

import core.settings
from benchmarks.cpu import children, cpu_seconds, pinned, resident_kib
from benchmarks.load import Carrier, RoundFailed, Traffic, until_bound
from benchmarks.phones import Account, register
from core.contracts import TerminalKind
from core.media.ports import free_range
from core.settings import Settings
from tenants import crosstenant
from tenants.db import Database
from tenants.embedded import EmbeddedPostgres
from tenants.migrate import migrate
from tenants.secrets import Vault
from tenants.services import activation, lines, numbers, trunks
from tenants.services.actor import operator
from tenants.services.lines import LineIssuer
from tests.support.free_ports import free_port

__all__ = ["Round", "Server", "Sippy", "SunSim", "sippy", "sunsim"]

OURS = (
    "SIP role: trunk recognition, tenant directory, scenario and dial plan, plugin hooks, registrar, "
    "two SIP dialogs, live board, record with steps and outbox event in PostgreSQL, metrics, log lines"
)
THEIRS = "two SIP dialogs; no routing, registrar, media control, record or log (SIPLOG_BEND=none)"
PASSWORD = "correct horse 42"
CHANNELS = 100  # calls at once of one terminal, the most that there can be
RTP_PORTS = 3000  # eight for each call at once
GAUGES = ("sunsim_calls", "sunsim_sip_sessions", "sunsim_sip_transactions")
FORGET = 45  # seconds until the last transaction is forgotten: 64 * T1 and a reserve (RFC 3261 §17)
START = 60


class Round:
    """Traffic and CPU seconds of one round, milliseconds from each INVITE in to its INVITE out, and how
    often the server said that it has too much to do."""

    def __init__(
        self, traffic: Traffic, cpu: dict[str, float], transit: list[float], refused: int = 0
    ) -> None:
        self.traffic = traffic
        self.cpu = cpu
        self.transit = transit
        self.refused = refused


class Server(Protocol):
    """What is measured. The figure named ``main`` is that of its signalling process."""

    name: str
    includes: str
    address: tuple[str, int]
    carrier: Carrier

    def cpu(self) -> dict[str, float]:
        """CPU seconds so far by process."""
        ...

    def memory(self) -> int:
        """KiB of RAM of the main process."""
        ...

    def refused(self) -> int:
        """How often it said so far that it has too much to do."""
        ...

    def settle(self) -> None:
        """Wait until what the calls left to do is done."""
        ...


class SunSim:
    """The SIP role, whose carrier calls and whose registered phones answer."""

    includes = OURS

    def __init__(self, process: Role, settings: Settings, carrier: Carrier, *, media: bool) -> None:
        self.name = f"sunsim_{'with' if media else 'without'}_media"
        self.media = media
        self.carrier = carrier
        self.settings = settings
        host, _, port = process.said["sip"].rpartition(":")
        self.address = host, int(port)
        self._pid: int = process.said["pid"]
        self._probes: str = process.said["http"]
        self._rtpengine = children(self._pid)
        (path,) = settings.data.dir.glob("**/postmaster.pid")
        self._database = int(path.read_text().split()[0])

    def cpu(self) -> dict[str, float]:
        """CPU seconds so far by process; the database's with all its backends."""
        backends = children(self._database)
        database = cpu_seconds([self._database], reaped=True) + cpu_seconds(backends)
        return {
            "main": cpu_seconds([self._pid]),
            "rtpengine": cpu_seconds(self._rtpengine),
            "postgresql": database,
        }

    def memory(self) -> int:
        """KiB of RAM of the SIP process."""
        return resident_kib(self._pid)

    def metrics(self) -> dict[str, float]:
        """Its metrics as name{labels} → value."""
        with urllib.request.urlopen(f"http://{self._probes}/metrics", timeout=10) as answer:
            text = answer.read().decode()
        rows = (line.rpartition(" ") for line in text.splitlines() if not line.startswith("#"))
        return {name: float(value) for name, _, value in rows}

    def refused(self) -> int:
        """How often INVITEs got 503, repeated ones among them."""
        return int(self.metrics().get('sunsim_sip_shed_total{reason="overload"}', 0))

    def settle(self) -> None:
        """Wait for the last calls' records."""
        self._wait(GAUGES[:2], 10)
        time.sleep(0.5)

    def left(self) -> dict[str, float]:
        """The gauges once everything should have been forgotten."""
        return self._wait(GAUGES, FORGET)

    async def records(self) -> int:
        """How many calls stand in the history."""
        database = await Database.open(self.settings.data)
        try:
            async with crosstenant.operator_session(database) as session:
                return await session.fetchval("SELECT count(*) FROM calls WHERE outcome = 'answered'")
        finally:
            await database.close()

    def _wait(self, gauges: tuple[str, ...], seconds: float) -> dict[str, float]:
        deadline = time.monotonic() + seconds
        while True:
            metrics = self.metrics()
            values = {name.removeprefix("sunsim_"): metrics[name] for name in gauges}
            if not any(values.values()) or time.monotonic() > deadline:
                return values
            time.sleep(0.25)


class Role:
    """The process of the SIP role, on a core of its own; ``said`` is where it listens."""

    def __init__(self, settings: Settings, environ: dict[str, str], *options: str) -> None:
        self.log = settings.data.dir / "sip.log"
        reading, writing = os.pipe()
        command = [sys.executable, "-m", "benchmarks.siprole", "--ready-fd", str(writing), *options]
        with self.log.open("ab") as log, os.fdopen(reading) as ready:
            self.process = subprocess.Popen(
                [*command, "--data-dir", str(settings.data.dir)],
                env={**os.environ, "SUNSIM_LOG_JSON": "true", **environ},
                stdout=log,
                stderr=log,
                pass_fds=[writing],
            )
            os.close(writing)
            line = ready.readline()
        if not line:
            raise RoundFailed(f"the SIP role did not start:\n{self.log.read_text()}")
        self.said = json.loads(line)
        pinned(self.process.pid)

    def stop(self) -> None:
        """End it, by force if it must be."""
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@contextmanager
def sunsim(carrier: Carrier, *, media: bool) -> Iterator[SunSim]:
    """A SIP role with a database of its own, and companies with phones; gone afterwards."""
    with ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="bench-calls-"))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        settings = core.settings.load({}, data={"dir": folder})
        postgres = stack.enter_context(EmbeddedPostgres(folder))
        asyncio.run(migrate(postgres.dsn))
        accounts = asyncio.run(_companies(settings, carrier))
        environ = {"SUNSIM_SIP_RATE_PER_TENANT": "1000"}  # ten companies share what is asked
        if media:
            ports = free_range(RTP_PORTS)
            ports.release()
            environ["SUNSIM_MEDIA_PORT_MIN"] = str(ports.first)
            environ["SUNSIM_MEDIA_PORT_MAX"] = str(ports.last)
        role = Role(settings, environ, *([] if media else ["--without-media"]))
        stack.callback(role.stop)
        server = SunSim(role, settings, carrier, media=media)
        register(server.address, settings.sip.domain, accounts, (carrier.host, carrier.callee_port))
        yield server


async def _companies(settings: Settings, carrier: Carrier) -> list[Account]:
    """A trunk from the carrier's address and one company for each number, with one line that rings."""
    everywhere = operator("benchmark")
    issuer = LineIssuer(Vault.open(settings.data), settings.sip.domain)
    database = await Database.open(settings.data)
    accounts = []
    try:
        await trunks.add(
            database, everywhere, trunks.AddTrunk("carrier", carrier.host, carrier.caller_port)
        )
        for index, number in enumerate(carrier.numbers):
            await numbers.add(database, everywhere, numbers.AddNumber(number, trunk="carrier"))
            company = activation.ActivateContract(
                company=f"Company {index}",
                name="Administrator",
                email=f"admin{index}@example.org",
                phone=f"+7916000{index:04}",
                numbers=(number,),
                password=PASSWORD,
                channels=10_000,
            )
            made = await activation.activate(database, issuer, everywhere, company)
            async with database.tenant(made.tenant.id) as session:
                await session.execute("UPDATE terminals SET channels = $1", CHANNELS)
                await session.execute("UPDATE terminals SET active = false WHERE kind = 'external'")
            here = operator("benchmark", made.tenant.id)
            revealed = await lines.reveal_all(database, issuer, here)
            sip = next(line for line in revealed if line.kind == TerminalKind.SIP)
            accounts.append(Account(sip.login, sip.password))
    finally:
        await database.close()
    return accounts


class Sippy:
    """sippy's example of a B2BUA, which sends every call on to the callee."""

    name = "sippy"
    includes = THEIRS

    def __init__(
        self, process: subprocess.Popen[bytes], address: tuple[str, int], carrier: Carrier
    ) -> None:
        self.process = process
        self.carrier = carrier
        self.address = address

    def cpu(self) -> dict[str, float]:
        """CPU seconds so far."""
        return {"main": cpu_seconds([self.process.pid])}

    def memory(self) -> int:
        """KiB of RAM."""
        return resident_kib(self.process.pid)

    def refused(self) -> int:
        """It takes everything."""
        return 0

    def settle(self) -> None:
        """It stores nothing, so there is nothing to wait for but the last message."""
        time.sleep(0.5)


@contextmanager
def sippy(carrier: Carrier) -> Iterator[Sippy]:
    """A running ``b2bua_simple``; gone afterwards."""
    address = "127.0.0.1", free_port("127.0.0.1")
    command = [str(Path(sys.executable).with_name("b2bua_simple")), "-f", "-l", address[0]]
    command += ["-p", str(address[1]), "-n", f"{carrier.host}:{carrier.callee_port}", "-L", os.devnull]
    process = subprocess.Popen(
        command,
        env={**os.environ, "SIPLOG_BEND": "none"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        until_bound(process, address[1])
        pinned(process.pid)
        yield Sippy(process, address, carrier)
    finally:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
