"""Plays stories by real telephones at a running instance, many at the same time.

``troupe`` prepares the companies of all stories, waits until the SIP process knows them, and begins to
play. Stories share a company; each has a number, a scenario, people and extensions of its own.
"""

import asyncio
import os
from contextlib import AsyncExitStack, asynccontextmanager, nullcontext

from msgspec import json, to_builtins

from core.ids import new_id
from tenants.services import (
    company_settings,
    employees,
    groups,
    lines,
    menus,
    numbers,
    scenarios,
    schedules,
    tags,
)
from tenants.services.contacts import CreateContact
from tenants.services.contacts import create as save_contact
from tenants.services.media import CreateMedia, FilePart, Library, Pause
from tenants.services.scenario_blocks import BranchDraft
from tenants.services.terminals import ChangeTerminal
from tenants.storage import Storage
from tenants.tables import ExtensionList
from tests.support.instance import company_in
from tests.support.processes import descendants, preferred
from tests.support.script import EMPLOYEES, FURTHER, SOUNDS, TONES
from tests.support.script_phones import Exchange
from tests.support.script_play import check
from tests.support.script_program import Program
from tests.support.script_stage import RealStage
from tests.support.sound import mp3

__all__ = ["troupe"]

AT_ONCE = 12
LISTENING = 3
"""Of those so many that have to tell clips of the library apart: all ears are in this process, and
one that is late says too late what is heard by others."""


@asynccontextmanager
async def troupe(instance, stories):
    """Play them; maps the id of each story to the task whose result is its ``Result``."""
    async with AsyncExitStack() as stack:
        ours = os.getpid(), instance.process.pid, *descendants(instance.process.pid)
        stack.enter_context(preferred(*ours))
        stages = {}
        for kind in {story.handling.company for story in stories}:
            company = await stack.enter_async_context(company_in(instance))
            mine = [story for story in stories if story.handling.company == kind]
            if kind == "usual":
                await company.sql("UPDATE contracts SET recording = true, recording_pause = true")
            cast = await _Cast(company).prepare(mine)
            stack.callback(cast.exchange.close)
            stack.push_async_callback(cast.program.close)
            stages |= cast.stages
        at_once, listening = asyncio.Semaphore(AT_ONCE), asyncio.Semaphore(LISTENING)

        async def performed(story):
            async with listening if story.prompts else nullcontext(), at_once:
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
        if stories[0].handling.company == "other":
            await self._say_off_hours(media["closed"])
        command = schedules.CreateSchedule("Никогда")
        self.never = await schedules.create(self.db, self.here, command)
        self.exchange = await Exchange(self.company).open()
        self.program = await Program(self.company).open()
        for story in stories:
            stage = RealStage(story, self.company, self.exchange, self.program)
            stage.ids |= {("media", name): key for name, key in media.items()}
            self.stages[story.id] = stage
            for name in story.employees:
                await self._hire(stage, name)
        revealed = await lines.reveal_all(self.db, self.company.issuer, self.here)
        known = {(line.employee_id, line.kind): line for line in revealed}
        for stage in self.stages.values():
            for name in stage.story.employees:
                stage.has(name, known[stage.ids["person", name], "sip"])
            for name in FURTHER.keys() & stage.story.parts:
                owner, kind = FURTHER[name]
                if kind != "external":
                    stage.has(name, known[stage.ids["person", owner], kind])
            await self._configure(stage)
        views = {view.e164: view for view in await numbers.numbers(self.db, self.here)}
        for stage in self.stages.values():
            view = views[stage.number]
            fields = {"scenario_id": stage.scenario, **stage.story.handling.number}
            command = numbers.UpdateNumber(view.id, view.version, **fields)
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

    async def _say_off_hours(self, media):
        now = await company_settings.get(self.db, self.here)
        command = company_settings.UpdateSettings(now.version, off_hours_media=media)
        await company_settings.update(self.db, self.here, command)

    async def _hire(self, stage, name):
        command = employees.CreateEmployee(
            EMPLOYEES[name], extension=stage.ids["extension", name], dialled_from_menu=True
        )
        view = await employees.create(self.db, self.company.issuer, self.here, command)
        card = {**stage.story.handling.cards.get(name, {})}
        phones = card.pop("phones", {})
        if phones:
            kinds = {FURTHER.get(each, (name, "sip"))[1]: each for each in phones}
            card["terminals"] = {kind: ChangeTerminal(**phones[kinds[kind]]) for kind in kinds}
            if "external" in kinds:
                card["external_number"] = stage.ids["number", kinds["external"]]
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
