"""Plays stories by real telephones at a running instance, many at the same time.

``troupe`` prepares the companies of all stories, waits until the SIP process knows them, and begins to
play. Stories share a company; each has a number, a scenario, people and extensions of its own.
"""

import asyncio
import itertools
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from msgspec import json, to_builtins

from core.ids import new_id
from core.library import Prompt
from tenants.services import calls, employees, groups, lines, menus, numbers, scenarios, schedules, tags
from tenants.services.contacts import CreateContact
from tenants.services.contacts import create as save_contact
from tenants.services.media import CreateMedia, FilePart, Library, Pause
from tenants.services.scenario_blocks import BranchDraft
from tenants.storage import RECORDINGS, Storage
from tenants.tables import ExtensionList, Recording
from tests.support.ear import Ear
from tests.support.heard import Hearing, library
from tests.support.instance import company_in
from tests.support.pcaps import decoded
from tests.support.script import CALLERS, EMPLOYEES, OUTSIDE, SOUNDS, TONES
from tests.support.script_handling import Ids
from tests.support.script_phones import Exchange, RealCallee, RealCaller
from tests.support.script_play import Heard, Log, Record, called, check, play
from tests.support.sound import mp3

__all__ = ["troupe"]

AT_ONCE = 16
_PEOPLE = ("person", "group")
_stories = itertools.count(1)


@asynccontextmanager
async def troupe(instance, stories):
    """Play them; maps the id of each story to the task whose result is its ``Result``."""
    async with AsyncExitStack() as stack:
        stages = {}
        for kind in {story.handling.company for story in stories}:
            company = await stack.enter_async_context(company_in(instance))
            mine = [story for story in stories if story.handling.company == kind]
            if kind == "usual":
                await company.sql("UPDATE contracts SET recording = true")
            cast = await _Cast(company).prepare(mine)
            stack.callback(cast.exchange.close)
            stages |= cast.stages
        at_once = asyncio.Semaphore(AT_ONCE)

        async def performed(story):
            async with at_once:
                result = await stages[story.id].play()
            check(story, result)
            return result

        tasks = {story.id: asyncio.create_task(performed(story)) for story in stories}
        try:
            yield tasks
        finally:
            for task in tasks.values():
                task.cancel()
            await asyncio.gather(*tasks.values(), return_exceptions=True)


class _Cast:
    """One company with all that its stories need."""

    def __init__(self, company):
        self.company = company
        self.db, self.here = company.db, company.here
        self.stages = {}

    async def prepare(self, stories):
        media = await self._media()
        command = schedules.CreateSchedule("Никогда")
        self.never = await schedules.create(self.db, self.here, command)
        self.exchange = await Exchange(self.company).open()
        for story in stories:
            stage = RealStage(story, self.company, self.exchange)
            stage.ids |= {("media", name): key for name, key in media.items()}
            self.stages[story.id] = stage
            for name in story.employees:
                await self._hire(stage, name)
        revealed = await lines.reveal_all(self.db, self.company.issuer, self.here)
        sip = {line.employee_id: line for line in revealed if line.kind == "sip"}
        for stage in self.stages.values():
            for name in stage.story.employees:
                line = sip[stage.ids["person", name]]
                stage.lines[name] = line
                stage.own(line.login, name)
            await self._configure(stage)
        views = {view.e164: view for view in await numbers.numbers(self.db, self.here)}
        for stage in self.stages.values():
            view = views[stage.number]
            command = numbers.UpdateNumber(view.id, view.version, scenario_id=stage.scenario)
            await numbers.update(self.db, self.here, command)
        await self.company.settled()
        return self

    async def _media(self):
        folder = self.company.instance.settings.data.dir.resolve() / "sound"
        library = Library(self.db, Storage(folder), 500)
        made = {}
        for name, parts in SOUNDS.items():
            chain = []
            for pitch, seconds in parts:
                if pitch is None:
                    chain.append(Pause(int(seconds * 1000)))
                else:
                    file = await library.upload(self.here, f"{pitch}.mp3", _content(pitch, seconds))
                    chain.append(FilePart(file.id))
            made[name] = (await library.create(self.here, CreateMedia(name, tuple(chain)))).id
        return made

    async def _hire(self, stage, name):
        command = employees.CreateEmployee(
            EMPLOYEES[name], extension=stage.ids["extension", name], dialled_from_menu=True
        )
        view = await employees.create(self.db, self.company.issuer, self.here, command)
        card = stage.story.handling.cards.get(name)
        if card:
            command = employees.UpdateEmployee(view.id, view.version, **card)
            await employees.update(self.db, self.here, command)
        stage.ids["person", name] = view.id

    async def _configure(self, stage):
        handling, ids = stage.story.handling, stage.ids
        for name, group in handling.groups.items():
            people = tuple(ids["person", each] for each in group["members"])
            fields = {**group, "members": people, "extension": ids["extension", name]}
            command = groups.CreateGroup(f"{name} {stage.at}", **fields)
            ids["group", name] = (await groups.create(self.db, self.here, command)).id
        for each in handling.lists:
            ids["list", each.name] = new_id()
            await self._list(each.made(ids), stage.at)
        for each in handling.menus:
            ids["menu", each.name] = None
            made = each.made(ids)
            fields = {name: getattr(made, name) for name in menus.CreateMenu.__struct_fields__}
            fields["name"] = f"{made.name} {stage.at}"
            created = await menus.create(self.db, self.here, menus.CreateMenu(**fields))
            ids["menu", each.name] = created.id
        for name in handling.tags:
            made = await tags.create(self.db, self.here, tags.CreateTag(f"{name} {stage.at}"))
            ids["tag", name] = made.id
        for caller, fields in handling.contacts.items():
            manager = fields.get("manager")
            command = CreateContact(
                caller,
                numbers=(ids["number", caller],),
                manager_id=manager and ids["person", manager],
                tags=tuple(ids["tag", name] for name in fields.get("tags", ())),
            )
            await save_contact(self.db, self.here, command)
        branch = BranchDraft(
            chain=handling.chain(ids),
            schedule_id=None if handling.off_hours is None else self.never.id,
            off_hours=handling.closed_chain(ids),
        )
        command = scenarios.CreateScenario(f"Рассказ {stage.at}", default=branch)
        stage.scenario = (await scenarios.create(self.db, self.here, command)).id
        stage.number = await self.company.another_number()

    async def _list(self, made, at):
        body = to_builtins(made, str_keys=True)
        async with self.db.tenant(self.company.id):
            await ExtensionList.insert(
                ExtensionList(
                    id=body.pop("id"),
                    tenant_id=self.company.id,
                    name=f"{body.pop('name')} {at}",
                    body=json.encode(body).decode(),
                )
            )


async def _content(name, seconds):
    yield mp3(TONES[name], seconds)


class RealStage:
    """Where one story is played."""

    seconds = 100
    patience = 2.0

    def __init__(self, story, company, exchange):
        self.story = story
        self.company = company
        self.exchange = exchange
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
        for each, name in enumerate((*CALLERS, *OUTSIDE)):
            self.ids["number", name] = f"+7918{at:05}{each:02}"
            self.own(self.ids["number", name], name)
        self._phones = []
        self._tasks = set()
        self._parts = []
        self._mute = []

    def own(self, address, name):
        self.exchange.owners[address] = (self, name)

    @property
    def loop(self):
        return asyncio.get_running_loop()

    async def play(self):
        for name, acts in self.story.parts.items():
            if name in self.lines and acts is not None:
                line = self.lines[name]
                await self.exchange.lines.register(line.login, line.password, self.company.domain)
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
        wanted = callers + own.count("calls") + own.count("consults")
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
