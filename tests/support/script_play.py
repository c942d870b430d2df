"""Plays a story: everybody does their part at an engine's telephones, then the checks are made.

A telephone of an engine has ``heard`` (a ``Heard``), ``over`` (a future: how the call ended), and
coroutines for what can be done with one: ``call``, ``ring``, ``answer``, ``refuse``, ``sound_early`` …
"""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field, replace

from core.contracts import StepCode
from tests.support.script import CALLERS, LOOPING, OUTSIDE, Act

__all__ = ["Heard", "Log", "Part", "Result", "StoryFailed", "check", "play"]


class StoryFailed(AssertionError):
    """Somebody waited for something that did not happen."""


class News:
    """Wakes all who wait for whatever comes next."""

    def __init__(self):
        self._event = asyncio.Event()

    def tell(self):
        self._event.set()
        self._event = asyncio.Event()

    async def wait(self):
        await self._event.wait()


class Log:
    """What happened so far, as facts that read «anna rings»."""

    def __init__(self):
        self.facts = []
        self._news = News()

    def add(self, fact):
        self.facts.append(fact)
        self._news.tell()

    async def once(self, fact, times=1):
        """Wait until it is so, or has been, so many times."""
        while self.facts.count(fact) < times:
            await self._news.wait()


class Heard:
    """What one person heard, in order; what goes on and on counts once."""

    def __init__(self, log, person):
        self.names = []
        self._log = log
        self._person = person
        self._news = News()

    def add(self, name):
        if name in LOOPING and self.names[-1:] == [name]:
            return
        self.names.append(name)
        self._log.add(f"{self._person} hears {name}")
        self._news.tell()

    async def next(self, name, start):
        """Wait until it is heard, among what came from ``start`` on; where to look on from."""
        while name not in self.names[start:]:
            await self._news.wait()
        return self.names.index(name, start) + 1


class Part:
    """One person and the telephone in one call. ``stage`` makes telephones and knows numbers."""

    def __init__(self, name, phone, stage):
        self.name = name
        self.phone = phone
        self.stage = stage
        self._at = 0

    async def play(self, acts):
        """Do what the part says. Who is called may lose the call to somebody else meanwhile."""
        self.doing = None
        work = asyncio.create_task(self._acts(acts))
        await asyncio.wait({work, self.phone.over}, return_when=asyncio.FIRST_COMPLETED)
        if not work.done():
            # What is over is over; but the last thing that was heard may count only now.
            await asyncio.wait({work}, timeout=self.stage.patience)
        if not work.done():
            work.cancel()
            with suppress(asyncio.CancelledError):
                await work
            if self.phone.answered or self.name in CALLERS:
                ended = self.phone.over.result()
                raise StoryFailed(f"it was over ({ended}) for {self.name}, who {self.doing}")
            return
        await work

    async def _acts(self, acts):
        for act in acts:
            self.doing = act
            await getattr(self, act.verb)(*act.args)
        self.doing = Act("stays")
        if self.phone.answered or self.phone.called:
            await self.phone.over

    # --- verbs -----------------------------------------------------------------------------------

    async def hears(self, *names):
        for name in names:
            self._at = await self.phone.heard.next(name, self._at)

    async def talks(self, name):
        await self.hears(name)
        await self.stage.log.once(f"{name} hears {self.name}")

    async def presses(self, keys, by):
        for key in keys:
            await self.phone.press(key, by)
        self.stage.log.add(f"{self.name} pressed {keys}")

    async def dials_extension(self, name, code):
        await self.presses(code + self.stage.ids["extension", name], "events")

    async def says(self, name):
        self.phone.speak(name)

    async def waits(self, seconds):
        await asyncio.sleep(seconds)

    async def is_recorded(self, seconds):
        await self.stage.is_recorded(seconds)

    async def once(self, fact, times):
        await self.stage.log.once(fact, times)

    async def connects(self, who, to):
        await self.stage.connect(who, to)
        await self.stage.log.once(f"{who} rings")

    async def pauses(self, paused):
        await self.stage.pause_recording(paused)
        self.stage.log.add(f"the recording {'pauses' if paused else 'goes on'}")

    async def registers(self):
        await self.stage.register(self.name)

    async def calls(self, whom):
        code, _, name = (whom or "").rpartition(" ")
        await self.phone.call(code + self.stage.number_of(name or None))

    async def hangs_up(self):
        self.stage.log.add(f"{self.name} hangs up")
        await self.phone.hang_up()

    async def is_let_go(self, status):
        ended = await self.phone.over
        if status not in (None, ended):
            raise StoryFailed(f"{self.name} was told {ended}, not {status}")

    async def answers(self, after):
        await asyncio.sleep(after)
        await self.phone.answer()
        self.stage.log.add(f"{self.name} answers")

    async def declines(self, status, after):
        await asyncio.sleep(after)
        await self.phone.refuse(status)

    async def redirects(self, to, after):
        await asyncio.sleep(after)
        await self.phone.refuse(302, self.stage.contact_of(to))

    async def keeps_silent(self):
        await self.phone.over

    async def rings_on(self):
        await self.phone.over

    async def sounds_early(self, name):
        await self.phone.sound_early(name)

    async def falls_silent(self):
        self.phone.fall_silent()

    async def holds(self):
        await self.phone.offer("sendonly")

    async def resumes(self):
        await self.phone.offer("sendrecv")

    async def transfers(self, to):
        await self.phone.refer(self.stage.contact_of(to))

    async def consults(self, name):
        await self.holds()
        self.second = self.stage.phone(self.name)
        await self.second.call(self.stage.number_of(name))
        await self.talks(name)

    async def brings_together(self):
        await self.phone.refer(self.second.address, replaces=self.second)


@dataclass
class Result:
    """What came of a story: ``calls`` are the records of its calls, oldest first."""

    heard: dict
    facts: list
    ended: dict
    calls: list = field(default_factory=list)

    @property
    def rang(self):
        return [fact.partition(" ")[0] for fact in self.facts if fact.endswith(" rings")]


async def called(stage, name, phone, acts):
    """A telephone rings: its person does the part."""
    if not any(act.verb in ("keeps_silent", "sounds_early") for act in acts):
        await phone.ring()
    stage.log.add(f"{name} rings")
    await Part(name, phone, stage).play(acts)


async def beside(stage, name, acts):
    """What somebody does who is in no call."""
    part = Part(name, None, stage)
    for act in acts:
        await getattr(part, act.verb)(*act.args)


async def play(stage, story):
    """Do all parts at the same time; ``stage.opened`` telephones of who is called. Returns a Result."""
    roles = {name: acts for name, acts in story.parts.items() if dials(name, acts)}
    phones = {name: stage.phone(name) for name in roles}
    tasks = []
    for name, acts in roles.items():
        begins = acts if any(act.verb == "calls" for act in acts) else (Act("calls", (None,)), *acts)
        tasks.append(asyncio.create_task(Part(name, phones[name], stage).play(begins)))
    tasks += [asyncio.create_task(beside(stage, *part)) for part in story.beside.items()]
    try:
        async with asyncio.timeout(stage.seconds):
            await asyncio.gather(*tasks)
            await stage.parts_done()
    except (TimeoutError, StoryFailed) as error:
        problem = str(error) or f"nothing more happened in {stage.seconds} s"
        raise StoryFailed("\n".join([problem, *stage.log.facts])) from None
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return Result(
        heard={name: list(heard.names) for name, heard in stage.heard.items()},
        facts=list(stage.log.facts),
        ended={name: phone.over.result() for name, phone in phones.items() if phone.over.done()},
        calls=await stage.records(),
    )


def dials(name, acts):
    """Whether this one begins a call."""
    return name in CALLERS or any(act.verb == "calls" for act in acts)


def is_outside(name):
    return name in CALLERS or name in OUTSIDE


def check(story, result):
    """Make the checks of a story; what went on is told with the one that fails."""
    for each in story.then:
        problem = each(result)
        if problem:
            told = "\n".join(["", *result.facts, "", *map(str, result.calls)])
            raise StoryFailed(f"{problem}{told}")


@dataclass(frozen=True)
class Record:
    """A call's record as the checks see it; ``answered_by`` is a name. ``recordings`` are their
    kinds, and who is heard in each channel if that is known."""

    outcome: str
    ended_by: str
    status: int
    answered_by: str | None
    steps: tuple
    name_of: object = None
    recordings: tuple = ()

    @classmethod
    def of(cls, cdr, name_of):
        """Of a Cdr; ``name_of`` tells whose an address is."""
        made = cls.made(cdr.outcome, cdr.ended_by, cdr.sip_status, cdr.steps, name_of)
        kinds = tuple((str(each.kind), None) for each in cdr.recordings)
        return replace(made, recordings=kinds)

    @classmethod
    def made(cls, outcome, ended_by, status, steps, name_of):
        answers = [step.address for step in steps if step.code is StepCode.ANSWERED]
        answered = name_of(answers[-1]) if answers else None
        return cls(outcome, ended_by, status, answered, tuple(steps), name_of)

    @property
    def codes(self):
        return [step.code for step in self.steps]

    @property
    def tasks(self):
        asked = [step.data for step in self.steps if step.code is StepCode.TASK_ASKED]
        return [(data["task"], self.name_of(data.get("ref"))) for data in asked]

    @property
    def keys(self):
        return [step.data["key"] for step in self.steps if step.code is StepCode.PRESSED]

    def __str__(self):
        told = [f"{self.outcome}, ended by {self.ended_by} ({self.status})"]
        return "\n  ".join(
            [*told, *(f"{step.code} {step.address or ''} {step.data}" for step in self.steps)]
        )
