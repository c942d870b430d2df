"""What a hundred calls in menus and queue cost, with music and recording, and how soon one hears.

    python -m benchmarks.media [--callers 100] [--seconds 60]

Prints one JSON object. A whole SunSim; callers are in a menu, in the queue behind it or with an
employee, and come again when they left. Exits with 1 if a call was refused, audio was lost or a
conversation not recorded; figures beside their goals are for people to judge.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import msgspec

from benchmarks.cpu import children, cpu_seconds, pinned, resident_kib
from benchmarks.figures import begin, show
from benchmarks.load import RoundFailed, percentiles
from benchmarks.mediaload import Plan
from benchmarks.phones import Account, register
from core.contracts import Chain, PluginStep
from core.scenarios import (
    Addressee,
    AddresseeKind,
    Dial,
    DialMode,
    HangUp,
    KeyAction,
    MenuKey,
    Options,
    Queue,
)
from tenants.services import menus, scenarios
from tenants.services.media import CreateMedia, FilePart, Library
from tenants.services.scenario_blocks import BranchDraft
from tenants.storage import Storage
from tests.support.free_ports import free_port
from tests.support.instance import Company, Instance, company_in, own_instance
from tests.support.sound import mp3

EMPLOYEES, PRESSES, TALK = 12, 6, 6.0
_RATE = 8  # calls that begin in a second until all callers are there
PROMPTS = {"1": 620, "2": 940}
ONWARD = "3"
_MUSIC, _INSTRUCTION = 350, 440  # Hz; no prompt has them
_PORTS = 1000
OFFICE = "127.9.3.1"


class Processes:
    """The SIP process, on a core of its own, and rtpengine."""

    def __init__(self, instance: Instance) -> None:
        self.instance = instance
        self.sip: int = instance.endpoints["roles"]["sip"]["pid"]
        (self.rtpengine,) = children(self.sip)
        pinned(self.sip)

    def cpu(self) -> dict[str, float]:
        """CPU seconds so far."""
        return {"sip": cpu_seconds([self.sip]), "rtpengine": cpu_seconds([self.rtpengine])}

    def calls(self) -> float:
        """Calls that go on now."""
        return self.instance.metrics()["sunsim_calls"]

    def memory(self) -> dict[str, int]:
        """KiB of RAM."""
        return {"sip": resident_kib(self.sip), "rtpengine": resident_kib(self.rtpengine)}


async def furnish(company: Company) -> list[Account]:
    """A menu, a queue behind it, and the employees of the queue; returns their telephones' accounts."""
    await company.sql("UPDATE contracts SET recording = true")
    people = [await company.hire(f"Employee {index}", str(200 + index)) for index in range(EMPLOYEES)]
    sound = {pitch: await _media(company, pitch) for pitch in (*PROMPTS.values(), _MUSIC, _INSTRUCTION)}
    keys = [MenuKey(key, KeyAction.PLAY, target=sound[pitch]) for key, pitch in PROMPTS.items()]
    menu = menus.CreateMenu(
        "Menu",
        (*keys, MenuKey(ONWARD, KeyAction.SKIP), MenuKey("*", KeyAction.REPEAT)),
        instruction=sound[_INSTRUCTION],
        enabled=True,
    )
    made = await menus.create(company.db, company.here, menu)
    everybody = tuple(Addressee(AddresseeKind.EMPLOYEE, str(person.id)) for person in people)
    steps = (
        PluginStep("ivr.menu", {"menu_id": str(made.id), "otherwise": "next"}),
        Dial(everybody, DialMode.LEAST_BUSY, queue=Queue(600, sound[_MUSIC])),
        HangUp(),
    )
    (only,) = await scenarios.scenarios(company.db, company.here)
    draft = BranchDraft(chain=Chain(steps, Options(records=True)))
    command = scenarios.UpdateScenario(only.id, only.version, default=draft)
    await scenarios.update(company.db, company.here, command)
    await company.settled()
    return [Account(person.sip.login, person.sip.password) for person in people]


async def _media(company: Company, pitch: int) -> UUID:
    """A tone of some seconds, longer than anybody listens to it at once."""
    folder = company.instance.settings.data.dir.resolve() / "sound"
    library = Library(company.db, Storage(folder), 500)

    async def content() -> Any:
        yield mp3(pitch, 10.0)

    file = await library.upload(company.here, f"{pitch}.mp3", content())
    return (await library.create(company.here, CreateMedia(str(pitch), (FilePart(file.id),)))).id


@contextmanager
def load(plan: Plan) -> Iterator[subprocess.Popen[bytes]]:
    """The running load."""
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.mediaload"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert process.stdin is not None
        process.stdin.write(msgspec.json.encode(plan))
        process.stdin.close()
        yield process
    finally:
        process.kill()
        process.wait()


def observe(processes: Processes, plan: Plan) -> dict[str, Any]:
    """Play the plan; CPU is that of the time in which all callers are there."""
    with load(plan) as playing:
        assert playing.stdout is not None
        if playing.stdout.readline().strip() != b"steady":
            raise RoundFailed("the load did not come up")
        before, begun, calls = processes.cpu(), time.monotonic(), []
        while time.monotonic() < begun + plan.seconds - 1:
            time.sleep(1)
            calls.append(processes.calls())
        after, took = processes.cpu(), time.monotonic() - begun
        line = playing.stdout.readline()
    if not line:
        raise RoundFailed("the load did not end well")
    found: dict[str, Any] = msgspec.json.decode(line)
    mean = sum(calls) / len(calls)
    cores = {name: (after[name] - before[name]) / took for name in after}
    return {
        "calls_at_once": round(mean, 1),
        "percent_of_a_core_per_call": {n: round(100 * c / mean, 3) for n, c in cores.items()},
        "key_to_prompt_ms": percentiles(found.pop("keys")),
        "answer_to_audio_ms": percentiles(found.pop("both_ways")),
        "free_to_next_call_ms": percentiles(found.pop("offers")),
        **found,
    }


async def measure(instance: Instance, callers: int, seconds: float) -> dict[str, Any]:
    """The figures as they are printed."""
    processes = Processes(instance)
    async with company_in(instance) as company:
        accounts = await furnish(company)
        office = OFFICE, free_port(OFFICE)
        register(instance.sip, company.domain, accounts, office)
        plan = Plan(
            server=instance.sip,
            carrier=(company.carrier_host, company.carrier_port),
            office=office,
            number=company.number,
            prompts=PROMPTS,
            onward=ONWARD,
            callers=callers,
            presses=PRESSES,
            rate=_RATE,
            talk=TALK,
            seconds=seconds,
        )
        result = await asyncio.to_thread(observe, processes, plan)
        result |= await _kept(company)
    return {**result, "memory_kib": processes.memory()}


async def _kept(company: Company) -> dict[str, int]:
    """Conversations in the history, and those of them without a recording."""
    await asyncio.sleep(2)  # records are written in batches
    async with company.db.tenant(company.id) as session:
        kept = await session.fetchval("SELECT count(*) FROM calls WHERE outcome = 'answered'")
        recorded = await session.fetchval("SELECT count(*) FROM recordings")
    return {"conversations": kept, "not_recorded": kept - recorded}


def failed(result: dict[str, Any]) -> bool:
    """Whether a call or audio was lost."""
    names = ("refused", "hung", "one_way", "lost", "lost_of_played", "unheard_keys", "not_recorded")
    return any(result[name] for name in names) or not result["answered"]


def main() -> int:
    """Measure, print, and say by the exit status whether all went well."""
    begin("benchmarks.media")
    parser = argparse.ArgumentParser(prog="benchmarks.media", description="calls in menus and queue")
    parser.add_argument("--callers", type=int, default=100, help="at once")
    parser.add_argument("--seconds", type=float, default=60, help="in which all are there")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that what was started is ended
    try:
        with own_instance("bench-media", rtp_ports=_PORTS) as instance:
            result = asyncio.run(measure(instance, options.callers, options.seconds))
    except RoundFailed as error:
        print(f"benchmarks.media: {error}", file=sys.stderr)
        return 1
    show(result)
    return 1 if failed(result) else 0


if __name__ == "__main__":
    sys.exit(main())
