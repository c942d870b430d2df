"""One story on real telephones: who has which address, what everybody heard, what came of it."""

import asyncio
import itertools
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from core.library import Prompt
from core.media.process import CAPTURES
from tenants.services import calls
from tenants.storage import RECORDINGS, Storage
from tenants.tables import Recording
from tests.support.ear import Ear
from tests.support.heard import Hearing, library
from tests.support.pcaps import decoded
from tests.support.script import CALLERS, EMPLOYEES, FURTHER, OUTSIDE, TONES
from tests.support.script_handling import Ids
from tests.support.script_phones import RealCallee, RealCaller
from tests.support.script_play import Heard, Log, Record, called, play

__all__ = ["RealStage"]

_BYTES = 10_000  # of a second of one side, as packets
_PEOPLE = ("person", "group")
_stories = itertools.count(1)


class RealStage:
    """Where one story is played."""

    seconds = 100
    patience = 4.0

    def __init__(self, story, company, exchange, program):
        self.story = story
        self.company = company
        self.exchange = exchange
        self.program = program
        self.log = Log()
        self.heard = {}
        self.lines = {}
        self.at = at = next(_stories)
        self.ids = Ids()
        self.scenario = self.number = None
        for each, name in enumerate(EMPLOYEES):
            self.ids["extension", name] = f"{1000 + 10 * at + each}"
        for each, name in enumerate(story.handling.groups, len(EMPLOYEES)):
            self.ids["extension", name] = f"{1000 + 10 * at + each}"
        for each, name in enumerate((*CALLERS, *OUTSIDE, *FURTHER)):
            self.ids["number", name] = f"+7918{at:05}{each:02}"
            self.own(self.ids["number", name], name)
        self._phones = []
        self._tasks = set()
        self._parts = []
        self._mute = []

    def has(self, name, line):
        """This telephone is at the line."""
        self.lines[name] = line
        self.own(line.login, name)

    def own(self, address, name):
        self.exchange.owners[address] = (self, name)

    @property
    def loop(self):
        return asyncio.get_running_loop()

    async def play(self):
        for name in self.story.parts:
            if name in self.lines and name not in self.story.late:
                await self.register(name)
        self.known = await library("ru", *map(Prompt, self.story.prompts))
        try:
            return await play(self, self.story)
        finally:
            for phone in self._phones:
                phone.close()
            for task in (*self._tasks, *self._parts):
                task.cancel()
            await asyncio.gather(*self._tasks, *self._parts, return_exceptions=True)

    # --- what a part asks for ---

    def ear(self, tell):
        """Who listens for the library has another ear, which takes more time."""
        if not self.known:
            return Ear(TONES, tell)
        return Hearing(self.known, tell, tones=TONES)

    def heard_of(self, name):
        return self.heard.setdefault(name, Heard(self.log, name))

    def keep(self, task):
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def register(self, name):
        line = self.lines[name]
        await self.exchange.lines.register(line.login, line.password, self.company.domain)

    async def connect(self, who, to):
        await self.program.connect(self.ids["person", who], self.number_of(to))

    async def pause_recording(self, paused):
        await self.program.pause_recording(paused, self._present)

    async def is_recorded(self, seconds):
        """The media server's files of our calls grow by what both sides say in that time."""
        folder = self.company.instance.settings.data.dir.resolve() / "media" / CAPTURES / "pcaps"

        async def written():
            ids = await self._present()
            return sum(file.stat().st_size for each in ids for file in folder.glob(f"*{each}-*.pcap"))

        before = await written()
        while await written() < before + 2 * seconds * _BYTES:
            await asyncio.sleep(0.3)

    async def _present(self):
        """The ids of our calls that go on."""
        ours = {self.number, *self.ids.values()}
        found = await calls.present(self.company.db, self.company.here)
        return [call.call_id for call in found if {call.called, call.caller} & ours]

    def phone(self, name):
        phone = RealCaller(name, self)
        self._phones.append(phone)
        return phone

    def post_of(self, name):
        return self.exchange.lines if name in EMPLOYEES else self.exchange.carrier

    def dialled(self, name, number):
        """Request URI, From, and the account, if any."""
        host, port = self.company.instance.sip
        if name in EMPLOYEES:
            line, domain = self.lines[name], self.company.domain
            return f"sip:{number}@{domain}", f"<sip:{line.login}@{domain}>", (line.login, line.password)
        own = self.ids["number", name]
        return f"sip:{number}@{host}:{port}", f"<sip:{own}@carrier.test>", None

    def number_of(self, whom):
        if whom is None:
            return self.number
        return self.ids.get(("extension", whom)) or self.ids.get(("number", whom)) or whom

    def contact_of(self, to):
        return f"sip:{self.number_of(to)}@{self.company.domain}"

    def is_mute(self, name):
        return any(act.verb == "keeps_silent" for act in self.story.parts.get(name, ()))

    async def called(self, name, call):
        acts = self.story.parts.get(name)
        if acts is None:
            call.answer(404)
            return
        phone = RealCallee(name, self)
        phone.sip = call
        call.on_end = phone.hear_end
        call.on_offer = phone.reoffered
        self._phones.append(phone)
        await phone.open()
        part = asyncio.create_task(called(self, name, phone, acts))
        self._parts.append(part)

    async def parts_done(self):
        while pending := [part for part in self._parts if not part.done()]:
            await asyncio.wait(pending)
        for part in self._parts:
            part.result()

    # --- what came of it ---

    async def records(self):
        parts = self.story.parts.items()
        acts = [act for _, part in parts for act in part]
        own = [act.verb for act in acts if not (act.verb == "calls" and _picks_up(act))]
        callers = sum(1 for name, acts in parts if name in CALLERS and not _calls(acts))
        asked = [act.verb for acts in self.story.beside.values() for act in acts]
        wanted = callers + own.count("calls") + own.count("consults") + asked.count("connects")
        rows = await self._rows()
        while len(rows) < wanted:
            await asyncio.sleep(0.3)
            rows = await self._rows()
        cards = [
            await calls.card(self.company.db, self.company.here, row.id)
            for row in sorted(rows, key=lambda row: row.started_at)
        ]
        return [
            replace(
                Record.made(
                    card.call.outcome, card.ended_by, card.sip_status, card.steps, self._name_of
                ),
                recordings=await self._recordings(card) if self.story.recorded else (),
            )
            for card in cards
        ]

    async def _recordings(self, card):
        """Kinds of the call's recordings, and who is heard in each channel."""
        async with asyncio.timeout(self.seconds):
            while any(row["state"] == "waiting" for row in await self._recording_rows(card)):
                await asyncio.sleep(0.3)
        found = []
        storage = Storage(self.company.instance.settings.data.dir.resolve() / RECORDINGS)
        for row in await self._recording_rows(card):
            if row["state"] == "ready":
                sound = storage.path(self.company.id, f"{row['id']}.{row['form']}")
                sides = 2 if row["kind"] == "conversation" else 1
                channels = await asyncio.to_thread(decoded, sound, sides)
                found.append((row["kind"], [heard_in(each) for each in channels]))
        return tuple(found)

    async def _recording_rows(self, card):
        async with self.company.db.tenant(self.company.id):
            rows = await Recording.select().where(Recording.call_id == card.call.id)
        return sorted(rows, key=lambda row: row["id"])

    async def _rows(self):
        now = datetime.now(UTC)
        query = calls.CallQuery(now - timedelta(hours=1), now + timedelta(hours=1), limit=200)
        page = await calls.history(self.company.db, self.company.here, query)
        ours = {self.number, *self.ids.values()}
        return [row for row in page.calls if row.called in ours or row.caller in ours]

    def _name_of(self, address):
        owner = self.exchange.owners.get(address)
        if owner:
            return owner[1]
        people = {str(self.ids[kind, name]): name for kind, name in self.ids if kind in _PEOPLE}
        return people.get(address)


def heard_in(samples):
    """Whose voices are in a recording."""
    names = []
    Ear(TONES, lambda name: None if name in names else names.append(name)).hear(samples)
    return tuple(names)


def _picks_up(act):
    """Whether it joins a call in place of making one."""
    return (act.args[0] or "").startswith("*")


def _calls(acts):
    return any(act.verb == "calls" for act in acts)
