"""CPU time of the SIP process for 1000 digest registrations (401 and 200), in a whole SunSim.

    python -m benchmarks.register [--rate 1000] [--seconds 20] [--lines 2000]

Prints one JSON object. Every registration is challenged anew. Exits with 1 if one failed, or if a line
is missing afterwards in the registrar, on the board or among what a restart would find.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.cpu import children, cpu_seconds, pinned, resident_kib
from benchmarks.figures import begin, show
from benchmarks.load import percentiles
from benchmarks.town import Phone, Town
from core.ids import new_id
from core.sip.digest import ALGORITHMS, ha1
from tenants import crosstenant
from tenants.db import Database
from tenants.secrets import Vault, seal_ha1
from tenants.services import activation
from tenants.services.actor import operator
from tenants.services.lines import LineIssuer
from tenants.tables import Employee, Terminal
from tests.support.instance import PASSWORD, Instance

_COMPANIES = 20


@contextmanager
def sunsim() -> Iterator[Instance]:
    """A running instance in a folder of its own; gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="bench-register-"))
    instance = Instance(folder)
    try:
        instance.start()
        yield instance
    finally:
        try:
            instance.stop()
        except subprocess.TimeoutExpired:
            instance.process.kill()
            instance.process.wait()
        shutil.rmtree(folder, ignore_errors=True)


async def lines(instance: Instance, count: int) -> list[Phone]:
    """Companies with so many lines in all, and a phone for each line."""
    data, domain = instance.settings.data, instance.settings.sip.domain
    vault = Vault.open(data)
    issuer = LineIssuer(vault, domain)
    database = await Database.open(data)
    phones: list[Phone] = []
    try:
        for index in range(_COMPANIES):
            company = activation.ActivateContract(
                company=f"Company {index}",
                name="Administrator",
                email=f"admin{index}@example.org",
                phone=f"+7916000{index:04}",
                password=PASSWORD,
            )
            made = await activation.activate(database, issuer, operator("benchmark"), company)
            logins = [f"0059{index:02}{each:04}" for each in range(count // _COMPANIES)]
            async with database.tenant(made.tenant.id):
                await _add(vault, domain, logins)
            phones += [Phone(login, domain, PASSWORD) for login in logins]
    finally:
        await database.close()
    return phones


async def _add(vault: Vault, domain: str, logins: list[str]) -> None:
    """Employees, each with a line."""
    employees = [Employee(id=new_id(), name=login, extension=login[-6:]) for login in logins]
    await Employee.insert(*employees)
    await Terminal.insert(
        *(
            Terminal(
                employee_id=employee.id,
                kind="sip",
                address=employee.name,
                ha1=msgspec.json.encode(
                    seal_ha1(vault, employee.name, digests(employee.name, domain))
                ).decode(),
            )
            for employee in employees
        )
    )


def digests(login: str, domain: str) -> dict[str, str]:
    """What is kept of the phones' password."""
    return {name: ha1(login, domain, PASSWORD, name) for name in ALGORITHMS}


async def everywhere(instance: Instance, count: int, seconds: float = 30) -> dict[str, int]:
    """Lines that have a phone: for the registrar, on the board, for a restart. Waits for ``count``."""
    database = await Database.open(instance.settings.data)
    deadline = time.monotonic() + seconds
    try:
        while True:
            async with crosstenant.operator_session(database) as session:
                found = {
                    "registrar": int(instance.metrics()["sunsim_sip_lines"]),
                    "board": await session.fetchval("SELECT count(*) FROM live_lines"),
                    "kept": await session.fetchval("SELECT count(*) FROM line_bindings"),
                }
            if set(found.values()) == {count} or time.monotonic() > deadline:
                return found
            await asyncio.sleep(0.25)
    finally:
        await database.close()


class Processes:
    """CPU seconds of the processes of an instance."""

    def __init__(self, instance: Instance) -> None:
        self.roles = {role: said["pid"] for role, said in instance.endpoints["roles"].items()}
        (path,) = instance.folder.glob("**/postmaster.pid")
        self._postmaster = int(path.read_text().split()[0])

    def cpu(self) -> dict[str, float]:
        """So far, by process; the database's with all its backends."""
        backends = children(self._postmaster)
        database = cpu_seconds([self._postmaster], reaped=True) + cpu_seconds(backends)
        return {
            **{role: cpu_seconds([pid]) for role, pid in self.roles.items()},
            "postgresql": database,
        }

    def memory(self) -> int:
        """KiB of RAM of the SIP process."""
        return resident_kib(self.roles["sip"])


async def measure(instance: Instance, rate: float, seconds: float, count: int) -> dict[str, Any]:
    """The figures as they are printed."""
    processes, wanted = Processes(instance), int(rate * seconds)
    pinned(processes.roles["sip"])
    town = Town(await lines(instance, count))
    database = await Database.open(instance.settings.data)
    try:
        await instance.settled(database)
    finally:
        await database.close()
    await town.open(instance.sip)
    try:
        await town.register(rate, 2 * count)
        memory, before, begun = processes.memory(), processes.cpu(), time.monotonic()
        result = await town.register(rate, wanted)
        took, after = time.monotonic() - begun, processes.cpu()
    finally:
        town.close()
    per_1000 = {name: round((after[name] - before[name]) / wanted * 1000, 4) for name in after}
    return {
        "rate": rate,
        "seconds": seconds,
        "lines": count,
        "companies": _COMPANIES,
        "registrations": wanted,
        "reached_rate": round(wanted / took, 1),
        "cpu_seconds_per_1000_registrations": per_1000.pop("sip"),
        "other_processes": per_1000,
        "failed": {str(status): number for status, number in result.failed.items()},
        "retransmissions": result.retransmissions,
        "answer_ms": percentiles([each * 1000 for each in result.took]),
        "present": await everywhere(instance, count),
        "memory_kib": {"before": memory, "after": processes.memory()},
        "includes": "401 and 200 by UDP, tenant directory, digest MD5 with SHA-256 offered, replay"
        " window, live board and bindings written to PostgreSQL, metrics",
    }


def failed(result: dict[str, Any]) -> bool:
    """Whether a registration failed or was lost on the way to the database."""
    return bool(result["failed"]) or set(result["present"].values()) != {result["lines"]}


def main() -> int:
    """Measure, print, and say by the exit status whether all went well."""
    begin("benchmarks.register")
    parser = argparse.ArgumentParser(prog="benchmarks.register", description="CPU per registration")
    parser.add_argument("--rate", type=float, default=1000, help="registrations a second")
    parser.add_argument("--seconds", type=float, default=20, help="of registrations")
    parser.add_argument("--lines", type=int, default=2000, help="of all companies together")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that what was started is ended
    with sunsim() as instance:
        result = asyncio.run(measure(instance, options.rate, options.seconds, options.lines))
    show(result)
    return 1 if failed(result) else 0


if __name__ == "__main__":
    sys.exit(main())
