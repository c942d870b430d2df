"""The load of ``benchmarks.media``: callers in a menu and in a queue, and the employees who take them.

    python -m benchmarks.mediaload < plan.json

A process of its own. It says ``steady`` on a line once all callers are there, and when ``seconds`` have
passed lets the last of them end and prints one JSON object: what was heard, when, and what was not.
"""

from __future__ import annotations

import asyncio
import math
import random
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field

import msgspec
import uvloop

from benchmarks.audio import Leg, Pace, lost
from benchmarks.load import percentiles
from benchmarks.useragent import Dialog, UserAgent
from core.media.g711 import PCMA
from core.media.tones import purity

__all__ = ["Plan"]

_BETWEEN = 2.0  # seconds from key to key
_HEARD = 0.5  # share of a packet's energy that its tone has; the first one of a prompt may begin late
_LAST_WORDS = 15  # packets before BYE that need not arrive
_PATIENCE = 30
_CLIENTS = 500  # who call again and again: each is a contact of the company


class Plan(msgspec.Struct):
    """What happens. ``prompts`` are the keys of the menu with the tone that each plays, ``onward`` is
    the key that leads to the queue; ``talk`` and ``seconds`` are how long a conversation and all of it
    last. ``rate`` is how many callers come in a second: until there are ``callers`` of them, who come
    again and again; without a number they go on to come, each once. ``leave`` is the share that hangs
    up in the menu, and of the others the share that waits no longer than ``patience`` seconds."""

    server: tuple[str, int]
    carrier: tuple[str, int]
    office: tuple[str, int]
    number: str
    prompts: dict[str, int]
    onward: str
    callers: int
    presses: int
    rate: float
    talk: float
    seconds: float
    leave: float = 0
    patience: float = 3


@dataclass
class Found:
    """What happened while it was steady, in milliseconds and packets."""

    calls: int = 0
    answered: int = 0
    crossed: int = 0
    hung: int = 0
    refused: int = 0
    keys: list[float] = field(default_factory=list)
    unheard_keys: int = 0
    both_ways: list[float] = field(default_factory=list)
    one_way: int = 0
    offers: list[float] = field(default_factory=list)
    said: int = 0
    lost: int = 0
    played: int = 0
    lost_of_played: int = 0


class Load:
    """Callers who come again as soon as they left, and employees with one conversation at a time."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.found = Found()
        self.pace = Pace()
        self.callers: dict[int, Leg] = {}
        self.steady = self.over = False
        self.random = random.Random(7)
        self._numbers = 0
        self._carrier = UserAgent(plan.carrier, lambda _: None)
        self._office = UserAgent(plan.office, self._called)
        self._talks: set[asyncio.Task[None]] = set()
        self._free: dict[str, float] = {}  # by line, since when its employee talks with nobody

    async def run(self) -> dict[str, object]:
        """All of it."""
        plan = self.plan
        await self._carrier.open(plan.server)
        await self._office.open(plan.server)
        pace = asyncio.create_task(self.pace.run())
        people: set[asyncio.Task[None]] = set()
        if plan.callers:
            await self._come(people, plan.callers)
            await asyncio.sleep(plan.presses * _BETWEEN)
        self.steady = True
        self.pace.late.clear()
        begun, cpu = time.monotonic(), time.process_time()
        print("steady", flush=True)
        if plan.callers:
            await asyncio.sleep(plan.seconds)
        else:
            await self._come(people, int(plan.seconds * plan.rate))
        self.steady = not plan.callers
        self.over = True
        busy = (time.process_time() - cpu) / (time.monotonic() - begun)
        late = percentiles(self.pace.late, 2)
        await asyncio.gather(*people)
        await asyncio.gather(*self._talks)
        pace.cancel()
        self._carrier.close()
        self._office.close()
        sent_again = self._carrier.retransmissions + self._office.retransmissions
        told = {"load_core": round(busy, 3), "load_late_ms": late, "retransmissions": sent_again}
        return {**vars(self.found), **told}

    async def _come(self, people: set[asyncio.Task[None]], count: int) -> None:
        loop = asyncio.get_running_loop()
        begun = loop.time()
        for index in range(count):
            await asyncio.sleep(max(0.0, begun + index / self.plan.rate - loop.time()))
            person = loop.create_task(self._person())
            people.add(person)
            person.add_done_callback(people.discard)

    # --- callers ---------------------------------------------------------------------------------

    async def _person(self) -> None:
        again = True
        while again and not (self.over and self.plan.callers):
            again = bool(self.plan.callers)
            leg = self._leg(self.plan.carrier[0])
            self.callers[leg.number] = leg
            try:
                await self._call(leg)
            except TimeoutError:
                self.found.hung += 1
            finally:
                del self.callers[leg.number]
                self.pace.remove(leg)
                leg.close()

    async def _call(self, leg: Leg) -> None:
        plan, chance = self.plan, self.random.random()
        self.found.calls += 1
        dialog = self._carrier.invite(plan.number, f"+7916{leg.number % _CLIENTS:07}", leg.sdp)
        async with asyncio.timeout(_PATIENCE):
            await dialog.ready.wait()
        if dialog.status != 200:
            self.found.refused += 1
            await asyncio.sleep(1)
            return
        leg.connect(dialog.far)
        self.pace.add(leg)
        keys = list(plan.prompts)
        for count in range(plan.presses):
            await asyncio.sleep(self.random.uniform(0.8, 1.2) * _BETWEEN)
            if self.over and plan.callers:
                break
            await self._key(leg, keys[count % len(keys)])
        if chance < plan.leave:
            self._carrier.bye(dialog)
        else:
            leg.press(plan.onward)
        hurries = chance < plan.leave * (2 - plan.leave)
        await self._wait(dialog, leg, plan.patience if hurries else math.inf)
        self._count_played(leg)

    async def _key(self, leg: Leg, key: str) -> None:
        """Press it, and look a second later what was played when."""
        leg.press(key)
        await asyncio.sleep(0.12 + 1.0)
        if not self.steady:
            return
        tone = self.plan.prompts[key]
        for packet in leg.after_key:
            if packet.at > leg.ended_key and purity(PCMA.decode(packet.payload), tone) > _HEARD:
                self.found.keys.append((packet.at - leg.ended_key) * 1000)
                return
        self.found.unheard_keys += 1

    async def _wait(self, dialog: Dialog, leg: Leg, patience: float) -> None:
        """Until an employee has talked and left; who waits in vain leaves by himself."""
        begun, left = time.monotonic(), False
        while not dialog.over.is_set():
            hopeless = self.over and bool(self.plan.callers)
            if not left and not leg.voices and (hopeless or time.monotonic() > begun + patience):
                left = True
                self._carrier.bye(dialog)
            with suppress(TimeoutError):
                async with asyncio.timeout(0.5):
                    await dialog.over.wait()

    def _count_played(self, leg: Leg) -> None:
        if self.steady:
            self.found.played += sum(stream.came for stream in leg.played.values())
            self.found.lost_of_played += sum(map(lost, leg.played.values()))

    # --- employees -------------------------------------------------------------------------------

    def _called(self, dialog: Dialog) -> None:
        since = self._free.pop(_line(dialog), None)
        if since is not None and self.steady:
            self.found.offers.append((time.monotonic() - since) * 1000)
        task = asyncio.create_task(self._talk(dialog))
        self._talks.add(task)
        task.add_done_callback(self._talks.discard)

    async def _talk(self, dialog: Dialog) -> None:
        leg = self._leg(self.plan.office[0])
        try:
            await asyncio.sleep(0.2)
            if dialog.over.is_set():
                return
            leg.connect(dialog.far)
            self._office.answer(dialog, leg.sdp)
            self.pace.add(leg)
            with suppress(TimeoutError):
                async with asyncio.timeout(self.plan.talk):
                    await dialog.over.wait()
                    self.found.crossed += 1  # the caller left as the employee answered
                    return
            said, caller = leg.said, self._heard_by(leg)
            theirs = caller.said if caller else 0
            await asyncio.sleep(_LAST_WORDS * 0.02)
            self._count(leg, caller, dialog.answered_at, said, theirs)
            self._free[_line(dialog)] = time.monotonic()
            self._office.bye(dialog)
            async with asyncio.timeout(_PATIENCE):
                await dialog.over.wait()
        except TimeoutError:
            self.found.hung += 1
        finally:
            self.pace.remove(leg)
            leg.close()

    def _heard_by(self, leg: Leg) -> Leg | None:
        return next((self.callers[each] for each in leg.voices if each in self.callers), None)

    def _count(self, leg: Leg, caller: Leg | None, answered: float, said: int, theirs: int) -> None:
        if not self.steady:
            return
        found = self.found
        found.answered += 1
        there = caller.voices.get(leg.number) if caller else None
        here = leg.voices.get(caller.number) if caller else None
        if there is None or here is None:
            found.one_way += 1
            return
        found.both_ways.append((max(there.came_at, here.came_at) - answered) * 1000)
        for voice, last in ((there, said), (here, theirs)):
            found.said += last - voice.first + 1
            found.lost += lost(voice) + max(0, last - voice.last)

    def _leg(self, host: str) -> Leg:
        self._numbers += 1
        return Leg(host, self._numbers)


def _line(dialog: Dialog) -> str:
    assert dialog.request is not None
    return str(dialog.request.uri)


def main() -> None:
    """Play the plan of standard input."""
    plan = msgspec.json.decode(sys.stdin.buffer.read(), type=Plan)
    found = uvloop.run(Load(plan).run())
    print(msgspec.json.encode(found).decode(), flush=True)


if __name__ == "__main__":
    main()
