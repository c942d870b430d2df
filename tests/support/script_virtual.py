"""Plays stories in virtual time: a switchboard with a real core and plugins, and telephones of wishes.

Nothing sounds: what is heard is what the media server was asked to play, for as long as it lasts, and
with whom it was asked to join somebody.
"""

import asyncio
from functools import cache
from pathlib import Path
from unittest.mock import patch
from uuid import UUID, uuid5
from weakref import WeakSet

from core.call.call import Call
from core.call.switchboard import Switchboard
from core.contracts import (
    AvailabilityMode,
    Branch,
    Contact,
    ContactKind,
    Employee,
    Group,
    Line,
    Media,
    Number,
    Scenario,
    Snapshot,
    Terminal,
    TerminalKind,
)
from core.host import Host
from core.hours import Schedule
from core.ids import new_id
from core.settings import SipSettings
from core.testing import (
    MemoryBoard,
    MemoryCallStore,
    MemoryDirectory,
    MemorySounds,
)
from tests.support import virtual_time
from tests.support.garbage import uncollected
from tests.support.script import EMPLOYEES, FURTHER, MUSIC, SOUNDS
from tests.support.script_fakes import NUMBERS, TRUNK, Endpoint, HearingMedia, VirtualCaller
from tests.support.script_handling import Ids
from tests.support.script_play import Heard, Log, Record, called, check, play
from tests.unit.call.world import LoopClock

NUMBER, SCENARIO = "+74951234567", UUID(int=40)
TENANT, NEVER = UUID(int=1), UUID(int=50)


def run(story):
    """Play a story and make its checks; returns the result.

    Its calls are gone without the collector: what a part of them heard of another one makes circles of
    references, which a call that is over undoes.
    """
    calls = WeakSet()

    class Seen(Call):
        def __init__(self, *args, **more):
            super().__init__(*args, **more)
            calls.update((self, self._state))

    async def whole():
        return await play(VirtualStage(story), story)

    with patch("core.call.switchboard.Call", Seen), uncollected():
        result = virtual_time.run(whole())
        check(story, result)
        assert not calls, "a call that is over is a circle of references"
    return result


class Sounds(MemorySounds):
    """Those of all companies, with a music."""

    def hold_music(self):
        return Path(f"{MUSIC}.wav")


class VirtualStage:
    """A company in memory that handles calls as the story says."""

    seconds = 36_000
    patience = 2.0

    def __init__(self, story):
        self.story = story
        self.log = Log()
        self.heard = {}
        self._parts = []
        self._callees = {}
        self.callers = {}
        self._registered = set()
        self.ids = Ids(self._known())
        kinds = ("login", "number", "person", "group")
        self._names = {str(value): name for (kind, name), value in self.ids.items() if kind in kinds}
        self.media = HearingMedia(self)
        self.store = MemoryCallStore()
        directory = MemoryDirectory()
        snapshot = self._snapshot()
        directory.put(snapshot)
        directory.add_trunk(TRUNK)
        for name, card in self.story.handling.cards.items():
            if "mode" in card:
                directory.mode_of[self.ids["person", name]] = AvailabilityMode(card["mode"])
        for caller, fields in story.handling.contacts.items():
            directory.contacts[TENANT, NUMBERS[caller]] = self._contact(**fields)
        self.switchboard = Switchboard(
            settings=SipSettings(),
            directory=directory,
            media=self.media,
            store=self.store,
            board=MemoryBoard(),
            host=_host(),
            publish=lambda event: None,
            clock=LoopClock(),
            sounds=Sounds({name: Path(f"{name}.wav") for name in SOUNDS}, Path("ringback.wav")),
        )
        self.switchboard.endpoint = Endpoint(self)

    # --- what a part asks for ---

    def heard_of(self, name):
        return self.heard.setdefault(name, Heard(self.log, name))

    def phone(self, name):
        self.callers[name] = VirtualCaller(name, self)
        return self.callers[name]

    def talks(self, name):
        """Whether this one's telephone is answered, whoever called whom."""
        phones = (self._callees.get(name), self.callers.get(name))
        return any(phone is not None and phone.answered for phone in phones)

    def has_telephone(self, name):
        late = self.story.late - self._registered
        return name in self.story.parts and name not in late

    async def register(self, name):
        self._registered.add(name)
        now = LoopClock().now()
        self.switchboard.moment.line_registered(self.line(name), now, now + 600, "phone", "udp")

    async def connect(self, who, to):
        person, number = self.ids["person", who], self.number_of(to)
        assert self.switchboard.call_for(TENANT, new_id(), person, number)

    async def is_recorded(self, seconds):
        await asyncio.sleep(3 * seconds)  # enough, as seconds cost nothing here

    async def pause_recording(self, paused):
        while not any(
            self.switchboard.pause_recording(TENANT, call.facts.call_id, paused, "program")
            for call in self.switchboard.present()
        ):
            await asyncio.sleep(0.1)

    def name_of(self, address):
        """Whose a number, a line or an id is."""
        return self._names.get(address)

    def number_of(self, whom):
        if whom is None:
            return NUMBER
        return self.ids.get(("extension", whom)) or self.ids.get(("number", whom)) or whom

    def contact_of(self, to):
        return f"sip:{self.number_of(to)}@{SipSettings().domain}"

    def line(self, name):
        person = self.ids["person", owner_of(name)]
        return Line(self.ids["login", name], TENANT, person, self.ids["terminal", name], {})

    def ringing(self, name, phone, acts):
        self._callees[name] = phone
        self._parts.append(asyncio.create_task(called(self, name, phone, acts)))

    async def parts_done(self):
        while self.switchboard.calls:
            await asyncio.sleep(1)
        await asyncio.sleep(1)
        await asyncio.gather(*self._parts)

    async def records(self):
        found = sorted(self.store.cdrs.values(), key=lambda cdr: cdr.started_at)
        return [Record.of(cdr, self.name_of) for cdr in found]

    # --- the configuration ---

    def _known(self):
        handling, named = self.story.handling, self.story.employees
        known = {("media", name): _id("media", name) for name in SOUNDS}
        for at, name in enumerate(named):
            known |= {
                ("person", name): _id("person", name),
                ("terminal", name): _id("terminal", name),
                ("login", name): f"00500000{at:02}",
                ("extension", name): str(101 + at),
            }
        for at, name in enumerate(FURTHER):
            known["terminal", name], known["login", name] = _id("terminal", name), f"00500001{at:02}"
        for at, name in enumerate(handling.groups):
            known["group", name] = _id("group", name)
            known["extension", name] = str(201 + at)
        known |= {("number", name): number for name, number in NUMBERS.items()}
        known |= {("tag", name): _id("tag", name) for name in handling.tags}
        known |= {("menu", each.name): _id("menu", each.name) for each in handling.menus}
        known |= {("list", each.name): _id("list", each.name) for each in handling.lists}
        return known

    def _snapshot(self):
        handling, ids = self.story.handling, self.ids
        return Snapshot(
            tenant_id=TENANT,
            version=1,
            hash="h",
            name="ООО",
            plugins=frozenset(_host().manifests),
            employees=tuple(self._employee(name) for name in self.story.employees),
            terminals=tuple(
                self._terminal(name) for each in self.story.employees for name in self._phones(each)
            ),
            groups=tuple(self._group(name, **g) for name, g in handling.groups.items()),
            numbers=(
                Number(
                    UUID(int=30),
                    NUMBER,
                    scenario_id=SCENARIO,
                    trunk_id=TRUNK.id,
                    **handling.number,
                ),
            ),
            scenarios=(Scenario(SCENARIO, "Рассказ", 1, self._branch()),),
            schedules=(Schedule(NEVER, "Никогда", ((),) * 7),),
            media=tuple(Media(ids["media", name], name, name) for name in SOUNDS),
            menus=tuple(each.made(ids) for each in handling.menus),
            extension_lists=tuple(each.made(ids) for each in handling.lists),
            recording=handling.company == "usual",
            recording_pause=handling.company == "usual",
            off_hours_media=None if handling.company == "usual" else ids["media", "closed"],
        )

    def _branch(self):
        handling = self.story.handling
        return Branch(
            UUID(int=20),
            "top",
            handling.chain(self.ids),
            schedule_id=None if handling.off_hours is None else NEVER,
            off_hours=handling.closed_chain(self.ids),
        )

    def _phones(self, name):
        """An employee's telephones, as the story has them."""
        return [
            name,
            *(each for each in FURTHER if each in self.story.parts and owner_of(each) == name),
        ]

    def _terminal(self, name):
        owner, kind = FURTHER.get(name, (name, TerminalKind.SIP))
        fields = self.story.handling.cards.get(owner, {}).get("phones", {}).get(name, {})
        where = "number" if kind == TerminalKind.EXTERNAL else "login"
        person, address = self.ids["person", owner], self.ids[where, name]
        key = self.ids["terminal", name]
        return Terminal(key, person, TerminalKind(kind), address, **fields)

    def _employee(self, name):
        fields = {"dialled_from_menu": True, **self.story.handling.cards.get(name, {})}
        fields.pop("mode", None)  # it is no part of the configuration
        fields.pop("phones", None)
        ids = self.ids
        return Employee(
            ids["person", name],
            EMPLOYEES[name],
            ids["extension", name],
            terminals=tuple(ids["terminal", each] for each in self._phones(name)),
            **fields,
        )

    def _group(self, name, members, **fields):
        people = tuple(self.ids["person", each] for each in members)
        return Group(
            self.ids["group", name], name, self.ids["extension", name], members=people, **fields
        )

    def _contact(self, manager=None, tags=()):
        found = frozenset(self.ids["tag", name] for name in tags)
        return Contact(ContactKind.BUSINESS, found, manager and self.ids["person", manager])


def owner_of(name):
    """Whose telephone it is."""
    return FURTHER.get(name, (name, ""))[0]


@cache
def _host():
    return Host.load()


def _id(kind, name):
    return uuid5(TENANT, f"{kind} {name}")
