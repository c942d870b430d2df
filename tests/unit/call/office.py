"""A company with a switchboard and no sockets: a carrier, people, and phones that follow a script."""

import asyncio
from types import SimpleNamespace
from uuid import UUID

from msgspec.structs import replace

import sunsim
from core.call.switchboard import Switchboard
from core.contracts import (
    Addressee,
    AddresseeKind,
    Branch,
    Chain,
    Dial,
    Employee,
    Line,
    Manifest,
    Number,
    Scenario,
    Snapshot,
    Terminal,
    TerminalKind,
    Trunk,
)
from core.host import Host
from core.settings import SipSettings
from core.sip import _wire as wire
from core.sip.flow import Target
from core.sip.identity import FromLine, FromTrunk
from core.sip.tap import Tap
from core.testing import MemoryBoard, MemoryCallStore, MemoryDirectory, MemoryMedia
from tests.support.virtual_time import run
from tests.unit.call.world import FakeSession, LoopClock, Phone

TENANT, ANNA, BORIS, TRUNK = (UUID(int=number) for number in range(1, 5))
NUMBER = "+74951234567"
LOGIN = {ANNA: "0050000001", BORIS: "0050000002"}
CARRIER = Trunk(TRUNK, "carrier", "192.0.2.1", networks=("192.0.2.0/24",))


def invite(to, caller="+79161112233", name="", extra=()):
    headers = [
        ("Via", "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1"),
        ("From", f"{name} <sip:{caller}@carrier.test>;tag=1"),
        ("To", f"<sip:{to}@pbx>"),
        ("Call-ID", "c"),
        ("CSeq", "1 INVITE"),
        ("Max-Forwards", "20"),
        *extra,
    ]
    uri = f"sip:{to}@pbx" if to else "sip:pbx"
    return wire.parse(wire.build_request("INVITE", uri, headers, b"v=0\r\n"))


class Caller(FakeSession):
    __slots__ = ("invite",)

    def __init__(self, request):
        super().__init__(sdp=request.body)
        self.invite = request

    @property
    def request(self):
        return self.invite

    @property
    def max_forwards(self):
        return 19


class FakeEndpoint:
    """Phones by login or by URI; ``invited`` keeps what each INVITE said."""

    sessions = 0
    tap = Tap(lambda: 0.0, lambda login: None, 0)

    def __init__(self):
        self.phones = {}
        self.invited = []

    def contacts(self, login):
        phone = self.phones.get(login)
        return [SimpleNamespace(target=lambda: Target(f"sip:{login}@phone"))] if phone else []

    def invite(self, target, *, sdp, listener, **said):
        self.invited.append((target, said))
        login = target.uri.partition(":")[2].partition("@")[0]
        session = self.phones[login].ring(sdp, listener)
        session.on_close = said.get("on_close")
        return session


class Office:
    """A company with Anna and Boris, a carrier, and a switchboard."""

    def __init__(self, *plugins, steps=None, sounds=None, **settings):
        dial = Dial((Addressee(AddresseeKind.EMPLOYEE, str(ANNA)),))
        branch = Branch(UUID(int=20), "top", Chain(steps or (dial,)))
        people = ((ANNA, "Анна", "101"), (BORIS, "Борис", "102"))
        self.snapshot = Snapshot(
            tenant_id=TENANT,
            version=1,
            hash="h",
            name="ООО",
            plugins=frozenset(plugin.manifest.name for plugin in plugins),
            employees=tuple(
                Employee(key, name, extension, terminals=(UUID(int=key.int + 100),))
                for key, name, extension in people
            ),
            terminals=tuple(
                Terminal(UUID(int=key.int + 100), key, TerminalKind.SIP, LOGIN[key])
                for key, *_ in people
            ),
            numbers=(Number(UUID(int=30), NUMBER, scenario_id=UUID(int=40), trunk_id=TRUNK),),
            scenarios=(Scenario(UUID(int=40), "По умолчанию", 1, branch),),
        )
        self.directory = MemoryDirectory()
        self.directory.put(self.snapshot)
        self.directory.add_trunk(CARRIER)
        self.media, self.store, self.board = MemoryMedia(), MemoryCallStore(), MemoryBoard()
        self.events = []
        self.endpoint = FakeEndpoint()
        self.switchboard = Switchboard(
            settings=SipSettings(**settings),
            directory=self.directory,
            media=self.media,
            store=self.store,
            board=self.board,
            host=Host({plugin.manifest.name: plugin for plugin in plugins}),
            publish=self.events.append,
            clock=LoopClock(),
            sounds=sounds,
        )
        self.switchboard.endpoint = self.endpoint

    def phone(self, who, *script):
        self.endpoint.phones[LOGIN.get(who, who)] = phone = Phone(list(script))
        return phone

    def change(self, who, **changes):
        """Change somebody's card."""
        employees = tuple(
            replace(each, **changes) if each.id == who else each for each in self.snapshot.employees
        )
        self.snapshot = replace(self.snapshot, employees=employees)
        self.directory.put(self.snapshot)

    def switch(self, who, mode):
        """Somebody is in another availability mode from now on."""
        self.directory.mode_of[who] = mode
        self.directory.put(self.snapshot)  # whoever waits hears of it

    def external(self, who, number):
        """Give somebody an external number beside the line."""
        key = UUID(int=who.int + 200)
        terminal = Terminal(key, who, TerminalKind.EXTERNAL, number)
        employees = tuple(
            replace(each, terminals=(*each.terminals, key)) if each.id == who else each
            for each in self.snapshot.employees
        )
        terminals = (*self.snapshot.terminals, terminal)
        self.snapshot = replace(self.snapshot, employees=employees, terminals=terminals)
        self.directory.put(self.snapshot)

    def from_carrier(self, to=NUMBER, **fields):
        return self._begin(invite(to, **fields), FromTrunk(CARRIER))

    def from_line(self, who, to):
        line = Line(LOGIN[who], TENANT, who, UUID(int=who.int + 100), {})
        return self._begin(invite(to, caller=LOGIN[who]), FromLine(line))

    def _begin(self, request, origin):
        session = Caller(request)
        self.switchboard.on_invite(session, origin)
        return session

    async def over(self):
        """Wait until every call is over."""
        while self.switchboard.calls:
            await asyncio.sleep(1)
        await asyncio.sleep(1)
        return list(self.store.cdrs.values())


def play(office, scene):
    """Run a scene in virtual time; returns the records of its calls."""

    async def whole():
        await scene()
        return await office.over()

    return run(whole())


def plugin(**hooks):
    manifest = Manifest("tester", "1", "Tester", "Tests.")
    return SimpleNamespace(manifest=manifest, **{k: sunsim.hookimpl(v) for k, v in hooks.items()})
