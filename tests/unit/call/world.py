"""A telephone world without sockets: a caller, phones that follow a script, media that takes notes."""

import asyncio
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

from msgspec.structs import replace

from core.call.admission import CallRefused
from core.call.call import Call
from core.call.record import CallRecord
from core.call.ways import Place
from core.contracts import (
    Addressee,
    AddresseeKind,
    CallFacts,
    Chain,
    Dial,
    DialPlan,
    Direction,
    ExecutorKind,
    Options,
    Par,
    Ring,
    Snapshot,
    Tenant,
)
from core.errors import MediaRefused, MediaUnavailable
from core.features import DEFAULTS
from core.ids import new_id
from core.library import BY_ID
from core.ports import Loudness
from core.scenarios import performer
from core.sdp import PLAIN
from core.sip.session import (
    Answered,
    Cancelled,
    Ended,
    Failed,
    Progress,
    ReofferAnswered,
    ReofferFailed,
    Session,
    SessionState,
)

TENANT = UUID(int=1)
OFFER = b"caller's offer"
RINGBACK, MUSIC = Path("ringback.wav"), Path("music.wav")


class LoopClock:
    def now(self):
        return 1_800_000_000 + asyncio.get_running_loop().time()

    def monotonic(self):
        return asyncio.get_running_loop().time()


class FakeSession(Session):
    """Notes its verbs in ``did``; ``say`` delivers an event."""

    __slots__ = ("__dict__", "did", "takes")  # a test may replace a verb
    secret = False

    def __init__(self, listener=None, sdp=b""):
        self.listener = listener  # no agent: nothing of the real session but its verbs
        self.state = SessionState.CONFIRMED
        self.by_info = False
        self.takes = [200]  # what re-INVITEs are answered with, the last one for ever; 0: nothing,
        # 491: another offer is under way
        self.remote_sdp = sdp
        self.did = []
        self.on_close = None

    def say(self, event):
        listener = self.listener
        if isinstance(event, Ended | Failed | Cancelled):
            self._close()
        if listener is not None:
            listener(event)

    def _close(self):
        self.state = SessionState.ENDED
        self.listener = None
        on_close, self.on_close = self.on_close, None
        if on_close is not None:
            on_close()

    def progress(self, status, sdp=b"", headers=()):
        self.did.append(("progress", status, sdp) if sdp else ("progress", status))

    def answer(self, sdp, headers=()):
        self.did.append(("answer", sdp))

    def reject(self, status, reason="", headers=()):
        self.did.append(("reject", status))
        self._close()

    def bye(self, headers=()):
        self.did.append(("bye", tuple(headers)))
        self.listener = None  # nothing follows
        self._close()

    def reoffer(self, sdp):
        self.did.append(("reoffer", sdp))
        status = self.takes.pop(0) if len(self.takes) > 1 else self.takes[0]
        if status == 491 or self.leaving:
            return False
        event = ReofferAnswered(b"yes to " + sdp) if status == 200 else ReofferFailed(status, "No")
        if status:
            asyncio.get_running_loop().call_later(0.1, self.say, event)
        return True

    def probe(self):
        self.did.append(("probe",))

    def digit(self, digit, milliseconds):
        self.did.append(("digit", digit))

    def accept(self, sdp):
        self.did.append(("accept", sdp))

    def refuse(self, status=488):
        self.did.append(("refuse", status))


class FakeMedia:
    """``broken`` names the verbs that fail, ``refused`` those that are, ``slow`` those that take a
    second."""

    def __init__(self):
        self.did = []
        self.broken = set()
        self.refused = set()
        self.slow = set()
        self.packets = {}
        self.seconds = 3.0  # that a clip lasts

    async def _do(self, verb, *args):
        self.did.append((verb, *args))
        if verb in self.slow:
            await asyncio.sleep(1)
        if verb in self.broken:
            raise MediaUnavailable()
        if verb in self.refused:
            raise MediaRefused()

    async def open(self, sdp):
        await self._do("open")

    async def alone(self):
        await self._do("alone")
        return b"stub"

    async def ring(self, leg, profile):
        await self._do("ring", leg)
        return b"offer " + leg.encode()

    async def connect(self, leg, answer=b""):
        await self._do("connect", leg)
        return b"joined " + answer.rpartition(b"=")[2]

    async def begin(self):
        await self._do("begin")

    async def found(self, leg, answer):
        await self._do("found", leg)

    async def park(self):
        await self._do("park")

    async def promote(self, leg):
        await self._do("promote", leg)

    async def admit(self, leg, offer):
        await self._do("admit", leg)
        return b"answer for " + leg.encode()

    async def adopt(self, leg, sent):
        await self._do("adopt", leg, sent)
        return b"new offer " + leg.encode()

    async def offer(self, profile=None):
        await self._do("offer")
        return b"our offer"

    async def answered(self, leg, answer):
        await self._do("answered", leg, answer)

    def told(self):
        self.did.append(("told",))

    async def reoffer(self, leg, offer):
        await self._do("reoffer", leg)
        return b"answer to " + offer

    def listen(self, on_key):
        self.on_key = on_key

    def by_info(self, leg):
        self.did.append(("by info", leg))

    async def press(self, leg, key, milliseconds):
        await self._do("press", leg, key)

    async def received(self):
        return self.packets

    recorded_as = "call-1"
    heard = Loudness(5.0, 0.0)

    async def record(self):
        await self._do("record")

    async def unrecord(self):
        await self._do("unrecord")

    async def loudness(self):
        return self.heard

    async def renew(self, *, answered):
        await self._do("renew", answered)
        return b"new offer"

    async def ring_again(self, leg):
        await self._do("ring again", leg)
        return b"new offer " + leg.encode()

    async def waits(self, leg, answer):
        await self._do("waits", leg)

    async def play(self, clip, *, again=False, to=None):
        await self._do("play", clip.name, *(["again"] if again else []), *([to] if to else []))
        return self.seconds

    async def hush(self, of=None):
        await self._do("hush", *([of] if of else []))

    def sent(self, leg):
        return b"sent before"

    async def drop(self, leg):
        await self._do("drop", leg)

    async def close(self):
        self.did.append(("close",))


@dataclass
class Phone:
    """What a phone does: (seconds after the INVITE, event) in order."""

    script: list = field(default_factory=list)
    session: FakeSession | None = None

    def ring(self, sdp, listener):
        self.session = FakeSession(listener, sdp)
        for seconds, event in self.script:
            asyncio.get_running_loop().call_later(seconds, self.session.say, event)
        return self.session


def rings(seconds=0.1):
    return (seconds, Progress(180, "Ringing"))


def said(name):
    """What a phone of this name says of its audio."""
    origin = b"v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\n"
    return origin + b"t=0 0\r\nm=audio 4000 RTP/AVP 8\r\ni=" + name


def answers(after=2.0, name=b"phone"):
    return (after, Answered(said(name)))


def refuses(status, after=1.0):
    return (after, Failed(status, "No"))


def hangs_up(after):
    return (after, Ended(True))


CANCELS = Cancelled("")


class World:
    """One call: ``phones`` by address, ``steps`` of its chain, ``plan`` made of a tree."""

    def __init__(self, direction=Direction.INCOMING):
        self.phones = {}
        self.steps = ()
        self.trees = {}
        self.skipped = ()
        self.media = FakeMedia()
        self.caller = FakeSession(sdp=OFFER)
        self.tenant = Tenant(TENANT, "ООО «Ромашка»")
        self.rung = []
        self.connected = []
        self.moves = 0
        self.direction = direction
        self.refusal = None
        self.number = "+79160000000"  # the caller's
        self.candidate = None  # for the manager
        self.elsewhere = None  # what rings for any contact of a 302; else the phone that it names
        self.limit = None
        self.profile = PLAIN
        self.options = Options()
        self.snapshot = Snapshot(TENANT, 1, "", "ООО «Ромашка»")
        self.extensions = ()
        self.no_room = ""  # for recordings, and why
        self.recorded_parts = []
        self.plugin = {}  # what runs, by the name of a step
        self.clips = {}  # of the company, by the id of their media
        self.trunk_id = None  # by which carrier an incoming call comes
        self.employee = False  # whether an employee calls
        self.talks = []  # who talks with whom after a transfer
        self.transfers = []
        self.calls = {}  # conversations elsewhere, by what Replaces says

    def dial(self, tree, seconds=60):
        """A step that rings the tree."""
        step = Dial((), ring_seconds=seconds)
        self.trees[id(step)] = tree
        self.steps += (step,)

    def both(self, *addresses):
        """All of them at once."""
        return Par(tuple(map(ring, addresses)))

    def phone(self, address, *script):
        phone = self.phones[address] = Phone(list(script))
        return phone

    # Surroundings
    def route(self, record):
        if self.refusal:
            raise self.refusal
        return Chain(self.steps, self.options)

    def dialable(self, numbers):
        return frozenset(each for each in self.extensions if numbers is None or each in numbers)

    def performs(self, step):
        return performer(step) in self.plugin

    async def step(self, call, step):
        return await self.plugin[performer(step)](call)

    async def clip(self, media):
        ready = BY_ID.get(media)
        return Path(f"{ready.name}.wav") if ready else self.clips.get(media)

    def ringback(self):
        return RINGBACK

    async def hold_music(self):
        return MUSIC

    def ring_of(self, terminal_id, employee_id, address):
        return Ring(address or "", 25, terminal_id, employee_id)

    def talking(self, record, rings):
        self.talks.append([each.address for each in rings])

    def for_caller(self):
        return nullcontext()

    def codes(self):
        return DEFAULTS, {*self.extensions, "12", "123"}

    def transfer(self, by, target):
        name = target if isinstance(target, str) else target.user
        if name not in self.phones:
            raise CallRefused(403, "no such telephone")
        step = Dial((Addressee(AddresseeKind.EXTENSION, name),))
        self.trees[id(step)] = ring(name)
        self.transfers.append(step)
        return step

    def dialog(self, replaces):
        return self.calls.get(replaces)

    def records(self, record, options, employees):
        return options.records

    def announcement(self, record, chain):
        return chain.options.warning

    async def recordable(self):
        return self.no_room

    def recorded(self, what):
        self.recorded_parts.append(what)

    def plan(self, step, record, only=None):
        record.forwarded(step)
        return DialPlan(self.trees[id(step)], self.skipped)

    def place(self, ring):
        phone = self.phones.get(ring.address)
        return [Place(phone.ring)] if phone else []

    def redirected(self, ring, contacts, record):
        known = [replace(ring, address=c) for c in contacts if c in self.phones]
        return self.elsewhere or (known[0] if known else None)

    def ringing(self, record, plan):
        self.rung.append(plan)

    def expect(self, terminals, came):
        return lambda: None

    def rang_out(self, record):
        self.rung.append(None)

    def answered(self, record, ring):
        self.connected.append(ring.address)

    def executor(self, wanted, record, step):
        """Who is named; else the first or the last of those who rang, else of the step."""
        if wanted.ref:
            return Addressee(AddresseeKind(wanted.kind), wanted.ref)
        names = [each.address for each in record.rung] or [each.ref for each in step.addressees]
        at = -1 if wanted.kind is ExecutorKind.LAST else 0
        return Addressee(AddresseeKind.EMPLOYEE, names[at]) if names else None

    def missed_manager(self, record, step):
        return self.candidate

    def moved(self):
        self.moves += 1

    async def run(self, *caller_script):
        facts = CallFacts(
            call_id=new_id(),
            tenant_id=TENANT,
            direction=self.direction,
            caller=self.number,
            called="+74950000000",
            trunk_id=self.trunk_id,
            employee_id=UUID(int=7) if self.employee else None,
        )
        record = CallRecord(facts, LoopClock(), "hash")
        self.call = Call(
            self.caller,
            record,
            media=self.media,
            surroundings=self,
            limit=self.limit,
            profile=self.profile,
        )
        loop = asyncio.get_running_loop()
        for seconds, event in caller_script:
            act = event if callable(event) else lambda event=event: self.caller.say(event)
            loop.call_later(seconds, act)
        return await self.call.run()


def ring(address, seconds=25):
    return Ring(address, seconds, terminal_id=UUID(int=hash(address) & 0xFFFF), employee_id=UUID(int=7))
