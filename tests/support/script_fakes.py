"""Telephones of stories in virtual time, what their media would sound like, where they are reached."""

import asyncio
from types import SimpleNamespace
from uuid import UUID

from core.contracts import Trunk
from core.ports import Loudness
from core.sip.flow import Target
from core.sip.identity import FromLine, FromTrunk
from core.sip.session import Answered, Cancelled, Digit, Ended, Failed, Progress, Referred, Reoffer
from core.sip.tap import Tap
from core.sip.uri import SipUri
from core.testing import MemoryMedia, MemoryMediaSession
from tests.support.script import CALLERS, EMPLOYEES, OUTSIDE, SOUNDS
from tests.unit.call.office import Caller, invite
from tests.unit.call.world import FakeSession, LoopClock

__all__ = ["NUMBERS", "TRUNK", "Endpoint", "HearingMedia", "VirtualCaller"]

TRUNK = Trunk(UUID(int=4), "carrier", "192.0.2.1", networks=("192.0.2.0/24",))
NUMBERS = {name: f"+7916000{at:04}" for at, name in enumerate((*CALLERS, *OUTSIDE), 1)}

# --- telephones -----------------------------------------------------------------------------------


def said(name):
    return f"v=0\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8 101\r\ni={name}".encode()


def name_in(body):
    return body.rpartition(b"i=")[2].decode().strip()


class Referral:
    """A REFER; ``said`` is what its sender hears."""

    def __init__(self, contact):
        self.target = SipUri.parse(contact)
        self.replaces = None
        self.said = []

    def accept(self):
        self.said.append(202)

    def decline(self, status=603):
        self.said.append(status)

    def report(self, status, reason=""):
        self.said.append(status)


class Telephone:
    """What both kinds share; ``session`` is what the switchboard holds of it."""

    def __init__(self, name, stage):
        self.name = name
        self.stage = stage
        self.heard = stage.heard_of(name)
        self.over = asyncio.get_running_loop().create_future()
        self.answered = False
        self.called = False
        self.session = None
        self.silent_since = None

    def end(self, status):
        if not self.over.done():
            self.over.set_result(status)

    async def offer(self, direction):
        self.session.say(Reoffer(said(self.name).replace(b"i=", f"a={direction}\r\ni=".encode())))

    def fall_silent(self):
        self.silent_since = asyncio.get_running_loop().time()

    async def refer(self, contact, replaces=None):
        self.session.say(Referred(Referral(contact)))

    async def hang_up(self):
        if self.over.done():
            return
        if self.answered:
            self.end(200)
            self.session.say(Ended(True))
        else:
            self.end(487)
            self.session.say(Cancelled(""))


class CallersSession(Caller):
    """Tells the telephone what the switchboard does with it."""

    __slots__ = ("phone",)

    def answer(self, sdp, headers=()):
        super().answer(sdp, headers)
        self.phone.answered = True
        self.phone.stage.log.add(f"{self.phone.name} is answered")

    def reject(self, status, reason="", headers=()):
        super().reject(status, reason, headers)
        self.phone.end(status)

    def bye(self, headers=()):
        super().bye(headers)
        self.phone.end(200)


class VirtualCaller(Telephone):
    """Somebody who calls."""

    async def call(self, number):
        self.called = True
        stage = self.stage
        if self.name in EMPLOYEES:
            request = invite(number, caller=stage.ids["login", self.name])
            origin = FromLine(stage.line(self.name))
        else:
            request = invite(number, caller=NUMBERS[self.name])
            origin = FromTrunk(TRUNK)
        self.session = CallersSession(request)
        self.session.phone = self
        self.session.remote_sdp = said(self.name)
        self.session.by_info = stage.story.lacks.get(self.name) == "events"
        stage.switchboard.on_invite(self.session, origin)

    async def press(self, key, by):
        if by == "info":
            self.session.say(Digit(key, 100))
        else:
            self.stage.media.of[self.name].on_key(None, key, 100)
        await asyncio.sleep(0.1)


class CalleesSession(FakeSession):
    __slots__ = ("phone",)

    def bye(self, headers=()):
        super().bye(headers)
        self.phone.end(200 if self.phone.answered else 487)


class VirtualCallee(Telephone):
    """Somebody who is called."""

    async def ring(self):
        self.session.say(Progress(180, "Ringing"))

    async def answer(self):
        self.answered = True
        self.session.say(Answered(said(self.name)))

    async def refuse(self, status, contact=""):
        self.end(status)
        headers = {"Contact": (f"<{contact}>",)} if contact else {}
        self.session.say(Failed(status, "No", headers))

    async def sound_early(self, name):
        self.session.say(Progress(183, "Session Progress", said(name)))

    async def press(self, key, by):
        if by == "info":
            self.session.say(Digit(key, 100))
        else:
            media, leg = self.stage.media.leg_of(self.name)
            media.on_key(leg, key, 100)
        await asyncio.sleep(0.1)


# --- what surrounds them ----------------------------------------------------------------------------


class HearingSession(MemoryMediaSession):
    """Lets people hear what would sound."""

    def __init__(self, server):
        super().__init__(server)
        self.stage = server.stage
        self.caller = None
        self._names = {}  # of legs
        self._sounding = {}  # by who hears it
        self._with = None  # the leg that the caller is joined with

    async def open(self, caller_sdp):
        self.caller = name_in(caller_sdp)
        self.stage.media.of[self.caller] = self
        self._phone = self.stage.callers[self.caller]
        return await super().open(caller_sdp)

    async def connect(self, leg, answer=b""):
        self._still(self.caller)
        self._with = leg
        name = self._names[leg] = name_in(answer) if answer else self._names[leg]
        self.stage.heard_of(self.caller).add(name)
        callee = self.stage.callee(name)
        if callee is not None and callee.answered:
            callee.heard.add(self.caller)
        return await super().connect(leg, answer)

    async def play(self, clip, *, again=False, to=None):
        await super().play(clip, again=again, to=to)
        listener = self._listener(to)
        self._still(listener)
        sound = SOUNDS.get(clip.stem, ((clip.stem, 1.0),))
        self._sounding[listener] = asyncio.create_task(self._sound(sound, listener))
        return sum(seconds for _, seconds in sound)

    async def hush(self, of=None):
        listener = self._listener(of)
        sounded = self._still(listener)
        await super().hush(of)
        if self._with is not None and sounded:  # the other one is heard again
            other = self._listener(self._with) if of is None else self.caller
            self.stage.heard_of(listener).add(other)

    async def park(self):
        self._with = None
        await super().park()

    async def drop(self, leg):
        if leg == self._with:
            self._with = None
        await super().drop(leg)

    async def close(self):
        for listener in list(self._sounding):
            self._still(listener)
        await super().close()

    async def record(self):
        self._since = asyncio.get_running_loop().time()

    async def loudness(self):
        """The caller speaks until he falls silent."""
        now = asyncio.get_running_loop().time()
        last = now if self._phone.silent_since is None else self._phone.silent_since
        said = last - self._since
        return Loudness(said, LoopClock().now() - now + last) if said > 0 else Loudness()

    def _listener(self, leg):
        return self.caller if leg is None else self._names.get(leg)

    def _still(self, listener):
        sounding = self._sounding.pop(listener, None)
        if sounding is not None:
            sounding.cancel()
        return sounding is not None

    async def _sound(self, sound, listener):
        for name, seconds in sound:
            if name is not None:
                self.stage.heard_of(listener).add(name)
            await asyncio.sleep(seconds)


class HearingMedia(MemoryMedia):
    """``of`` is the latest session of each caller."""

    def __init__(self, stage):
        super().__init__()
        self.stage = stage
        self.of = {}

    def leg_of(self, name):
        """The session in which this one is called, and the name of the leg there."""
        return next(
            (session, leg)
            for session in self.of.values()
            for leg, known in session._names.items()
            if known == name
        )

    def session(self, call_id):
        self.sessions[call_id] = HearingSession(self)
        return self.sessions[call_id]


class Endpoint:
    """The telephones that can be reached; an INVITE has its person play."""

    sessions = 0
    tap = Tap(lambda: 0.0, lambda login: None, 0)

    def __init__(self, stage):
        self._stage = stage

    def contacts(self, login):
        name = self._stage.name_of(login)
        if name not in self._stage.story.parts:
            return []
        return [SimpleNamespace(target=lambda: Target(f"sip:{login}@phone"))]

    def invite(self, target, *, sdp, listener, **said):
        address = target.uri.partition(":")[2].partition("@")[0]
        name = self._stage.name_of(address)
        session = CalleesSession(listener, sdp)
        acts = self._stage.story.parts.get(name)
        if acts is None:  # nobody there
            asyncio.get_running_loop().call_soon(session.say, Failed(404, "Not Found"))
            session.phone = Telephone(name, self._stage)
            return session
        session.phone = phone = VirtualCallee(name, self._stage)
        phone.session = session
        self._stage.ringing(name, phone, acts)
        return session
