"""CPU time per 1000 calls: a whole SunSim beside sippy's ``b2bua_simple``, in turn, in one run.

    python -m benchmarks.calls [--rate 100] [--seconds 20] [--rounds 2]

Prints one JSON object. Both servers get the same calls from the same SIPp, without RTP; only CPU time
of their processes is compared, so a busy machine disturbs little. Exits with 1 if a call failed, has
no record, or left something behind.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Protocol

from benchmarks.cpu import children, cpu_seconds, resident_kib
from benchmarks.load import Carrier, RoundFailed, Traffic, percentiles, until_bound
from core.media.ports import free_range
from tenants import crosstenant
from tenants.db import Database
from tenants.secrets import Vault
from tenants.services import activation, numbers, trunks
from tenants.services.actor import operator
from tenants.services.lines import LineIssuer
from tests.support.instance import PASSWORD, Instance
from tests.support.sipp import free_port

OURS = (
    "whole product path: trunk recognition, tenant directory, scenario and dial plan, plugin hooks, "
    "two SIP dialogs, rtpengine control messages for each leg, live board, CDR with steps and outbox "
    "event in PostgreSQL, log lines at info"
)
THEIRS = "two SIP dialogs; no routing, media control, record or log (SIPLOG_BEND=none)"
_WARM_UP = 2  # seconds of calls before anything is measured
_HOST = "127.9.0.1"  # of the carrier
_NUMBERS = tuple(f"+7495000{index:04}" for index in range(10))
_CHANNELS = 100  # calls at once of one terminal, the most that there can be
_RTP_PORTS = 3000  # eight for each call at once
_GAUGES = ("sunsim_calls", "sunsim_sip_sessions", "sunsim_sip_transactions")
_FORGET = 45  # seconds until the last transaction is forgotten: 64 * T1 and a reserve (RFC 3261 §17)


class Server(Protocol):
    """What is measured. The figure named ``main`` is that of its signalling process."""

    name: str
    includes: str
    address: tuple[str, int]
    carrier: Carrier
    rounds: list[Round]

    def cpu(self) -> dict[str, float]:
        """CPU seconds so far by process."""
        ...

    def memory(self) -> int:
        """KiB of RAM of the main process."""
        ...

    def settle(self) -> None:
        """Wait until what the calls left to do is done."""
        ...


class Round:
    """Traffic and CPU seconds of one round."""

    def __init__(self, traffic: Traffic, cpu: dict[str, float]) -> None:
        self.traffic = traffic
        self.cpu = cpu


class SunSim:
    """An instance of ours whose companies ring their administrators through the trunk."""

    name = "sunsim"
    includes = OURS

    def __init__(self, instance: Instance, carrier: Carrier, database: int) -> None:
        self.instance = instance
        self.carrier = carrier
        self.rounds: list[Round] = []
        self.address = instance.sip
        roles = {role: said["pid"] for role, said in instance.endpoints["roles"].items()}
        self._pids = {"main": roles["sip"], "web": roles["web"], "worker": roles["worker"]}
        self._rtpengine = children(roles["sip"])
        self._database = database

    def cpu(self) -> dict[str, float]:
        """CPU seconds so far by process; the database's with all its backends."""
        backends = children(self._database)
        database = cpu_seconds([self._database], reaped=True) + cpu_seconds(backends)
        return {
            **{name: cpu_seconds([pid]) for name, pid in self._pids.items()},
            "rtpengine": cpu_seconds(self._rtpengine),
            "postgresql": database,
        }

    def memory(self) -> int:
        """KiB of RAM of the SIP process."""
        return resident_kib(self._pids["main"])

    def settle(self) -> None:
        """Wait for the last calls' records."""
        self._wait(_GAUGES[:2], 10)
        time.sleep(0.5)

    def left(self) -> dict[str, float]:
        """The gauges once everything should have been forgotten."""
        return self._wait(_GAUGES, _FORGET)

    async def records(self) -> int:
        """How many calls stand in the history."""
        database = await Database.open(self.instance.settings.data)
        try:
            async with crosstenant.operator_session(database) as session:
                return await session.fetchval("SELECT count(*) FROM calls WHERE outcome = 'answered'")
        finally:
            await database.close()

    def _wait(self, gauges: tuple[str, ...], seconds: float) -> dict[str, float]:
        deadline = time.monotonic() + seconds
        while True:
            metrics = self.instance.metrics("sip")
            values = {name.removeprefix("sunsim_"): metrics[name] for name in gauges}
            if not any(values.values()) or time.monotonic() > deadline:
                return values
            time.sleep(0.25)


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
        self.rounds: list[Round] = []

    def cpu(self) -> dict[str, float]:
        """CPU seconds so far."""
        return {"main": cpu_seconds([self.process.pid])}

    def memory(self) -> int:
        """KiB of RAM."""
        return resident_kib(self.process.pid)

    def settle(self) -> None:
        """It stores nothing, so there is nothing to wait for but the last message."""
        time.sleep(0.5)


@contextmanager
def sunsim(carrier: Carrier) -> Iterator[SunSim]:
    """A running instance in a folder of its own; gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="bench-calls-"))
    ports = free_range(_RTP_PORTS)
    ports.release()
    environ = {"SUNSIM_MEDIA_PORT_MIN": str(ports.first), "SUNSIM_MEDIA_PORT_MAX": str(ports.last)}
    instance = Instance(folder, environ=environ)
    try:
        instance.start()
        asyncio.run(_companies(instance, carrier))
        yield SunSim(instance, carrier, _postmaster(folder))
    finally:
        try:
            instance.stop()
        except subprocess.TimeoutExpired:
            instance.process.kill()
            instance.process.wait()
        shutil.rmtree(folder, ignore_errors=True)


async def _companies(instance: Instance, carrier: Carrier) -> None:
    """A trunk at the carrier's address and one company for each number."""
    data = instance.settings.data
    everywhere = operator("benchmark")
    issuer = LineIssuer(Vault.open(data), instance.settings.sip.domain)
    database = await Database.open(data)
    try:
        await trunks.add(
            database, everywhere, trunks.AddTrunk("carrier", carrier.host, carrier.callee_port)
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
            )
            made = await activation.activate(database, issuer, everywhere, company)
            async with database.tenant(made.tenant.id) as session:
                await session.execute("UPDATE terminals SET channels = $1", _CHANNELS)
    finally:
        await database.close()
    await asyncio.sleep(1)  # until the directory of the SIP process knows them


def _postmaster(folder: Path) -> int:
    (path,) = folder.glob("**/postmaster.pid")
    return int(path.read_text().split()[0])


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
        yield Sippy(process, address, carrier)
    finally:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def play(server: Server, rate: float, calls: int) -> Round:
    """One round of calls and the CPU that it took."""
    before = server.cpu()
    traffic = server.carrier.run(server.address, rate, calls)
    server.settle()
    after = server.cpu()
    return Round(traffic, {name: after[name] - before[name] for name in after})


def report(server: Server, memory_before: int) -> dict[str, Any]:
    """Sums over the rounds of one server."""
    traffic = [each.traffic for each in server.rounds]
    calls = sum(each.calls for each in traffic)
    cpu = {
        name: round(sum(each.cpu[name] for each in server.rounds) / calls * 1000, 3)
        for name in server.rounds[0].cpu
    }
    return {
        "cpu_seconds_per_1000_calls": cpu.pop("main"),
        "cpu_seconds_per_1000_calls_by_round": [
            round(each.cpu["main"] / each.traffic.calls * 1000, 3) for each in server.rounds
        ],
        "other_processes": cpu,
        "setup_ms": percentiles([setup for each in traffic for setup in each.setups]),
        "calls": calls,
        "failed": sum(each.failed for each in traffic),
        "rate": [each.rate for each in traffic],
        "retransmissions": sum(each.retransmissions for each in traffic),
        "memory_kib": {"before": memory_before, "after": server.memory()},
        "includes": server.includes,
    }


def measure(rate: float, seconds: float, rounds: int) -> dict[str, Any]:
    """The whole comparison as it is printed."""
    with ExitStack() as stack:
        # A carrier for each: what one server sends late must not reach the other's callee.
        ours = stack.enter_context(sunsim(Carrier(_NUMBERS, _HOST)))
        theirs = stack.enter_context(sippy(Carrier(_NUMBERS, _HOST)))
        servers: tuple[Server, ...] = (ours, theirs)
        warm_up = max(1, int(rate * _WARM_UP))
        warmed = {each.name: play(each, rate, warm_up) for each in servers}
        memory = {each.name: each.memory() for each in servers}
        for turn in range(1, rounds + 1):
            for server in servers:
                server.rounds.append(play(server, rate, int(rate * seconds)))
                _say(turn, server)
        results = {each.name: report(each, memory[each.name]) for each in servers}
        made = warm_up + results[ours.name]["calls"]
        missing = made - warmed[ours.name].traffic.failed - asyncio.run(ours.records())
        results[ours.name] |= {"records_missing": missing, "left": ours.left()}
    ratio = _ratio(*(results[each.name]["cpu_seconds_per_1000_calls"] for each in servers))
    return {"rate": rate, "seconds": seconds, "rounds": rounds, "ratio": ratio, **results}


def failed(result: dict[str, Any]) -> bool:
    """Whether a call failed or something of ours was lost or left."""
    ours = result[SunSim.name]
    calls = ours["failed"] + result[Sippy.name]["failed"]
    return bool(calls or ours["records_missing"] or any(ours["left"].values()))


def _ratio(ours: float, theirs: float) -> float | None:
    return round(ours / theirs, 3) if theirs else None


def _say(turn: int, server: Server) -> None:
    last = server.rounds[-1]
    figure = last.cpu["main"] / last.traffic.calls * 1000
    text = f"round {turn}: {server.name} {figure:.3f} s per 1000 calls, {last.traffic.failed} failed"
    print(text, file=sys.stderr, flush=True)


def main() -> int:
    """Measure, print, and say by the exit status whether all went well."""
    parser = argparse.ArgumentParser(prog="benchmarks.calls", description="CPU time per 1000 calls")
    parser.add_argument("--rate", type=float, default=100, help="calls a second")
    parser.add_argument("--seconds", type=float, default=20, help="of calls in a round")
    parser.add_argument("--rounds", type=int, default=2, help="for each server")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that what was started is ended
    try:
        result = measure(options.rate, options.seconds, options.rounds)
    except RoundFailed as error:
        print(f"benchmarks.calls: {error}", file=sys.stderr)
        return 1
    print(json.dumps(result, ensure_ascii=False, indent=2))
    return 1 if failed(result) else 0


if __name__ == "__main__":
    sys.exit(main())
