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
from tests.support.script import CALLERS, EMPLOYEES, FURTHER, OUTSIDE, SOUNDS
from tests.support.script_sip import said as in_words
from tests.unit.call.office import Caller, invite
from tests.unit.call.world import FakeSession, LoopClock

__all__ = ["NUMBERS", "TRUNK", "Endpoint", "HearingMedia", "VirtualCaller"]

TRUNK = Trunk(UUID(int=4), "carrier", "192.0.2.1", networks=("192.0.2.0/24",))
NUMBERS = {name: f"+7916000{at:04}" for at, name in enumerate((*CALLERS, *OUTSIDE, *FURTHER), 1)}

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

    def speak(self, name):
        self.stage.media.spoken(self.name, name)

    async def press(self, key, by):
        if by == "info":
            self.session.say(Digit(key, 100))
        else:
            self.stage.media.pressed(self.name, key)
        await asyncio.sleep(0.1)

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


class CalleesSession(FakeSession):
    __slots__ = ("phone",)

    def bye(self, headers=()):
        super().bye(headers)
        phone, told = self.phone, in_words("".join(text for name, text in headers if name == "Reason"))
        if told and not phone.answered:
            phone.stage.log.add(f"{phone.name} is told: {told}")
        phone.end(200 if phone.answered else 487)


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


# --- what surrounds them ----------------------------------------------------------------------------


class HearingSession(MemoryMediaSession):
    """Lets people hear what would sound: who is in the ``middle``, and whom that one is joined with."""

    def __init__(self, server):
        super().__init__(server)
        self.stage = server.stage
        self.middle = None
        self.names = {}  # of legs
        self._sounding = {}  # by who hears it
        self._with = None  # the leg that the one in the middle is joined with
        self._closed = False

    async def open(self, caller_sdp):
        self.middle = self.names["caller"] = name_in(caller_sdp)
        await super().open(caller_sdp)

    async def found(self, leg, answer):
        self.middle = self.names[leg] = name_in(answer)
        await super().found(leg, answer)

    async def connect(self, leg, answer=b""):
        self._still(self.middle)
        self._with = leg
        name = self.names[leg] = name_in(answer) if answer else self.names[leg]
        self.stage.heard_of(self.middle).add(name)
        if self.stage.talks(name):
            self.stage.heard_of(name).add(self.middle)
        return await super().connect(leg, answer)

    async def promote(self, leg):
        self.middle, self._with = self.names[leg], None
        await super().promote(leg)

    def leg_of(self, name):
        """What one is called here, if he is here; ``other`` is whom he talks with."""
        found = next((leg for leg, known in self.names.items() if known == name), None)
        return None if self._closed else found

    def other(self, name):
        joined = self.names.get(self._with)
        return joined if name == self.middle else self.middle if name == joined else None

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
        if sounded and (other := self.other(listener)):  # who is heard again
            self.stage.heard_of(listener).add(other)

    async def park(self):
        self._with = None
        await super().park()

    async def drop(self, leg):
        if leg == self._with:
            self._with = None
        await super().drop(leg)

    async def close(self):
        self._closed = True
        for listener in list(self._sounding):
            self._still(listener)
        await super().close()

    async def record(self):
        self._since = asyncio.get_running_loop().time()

    async def loudness(self):
        """The caller speaks until he falls silent."""
        now = asyncio.get_running_loop().time()
        silent = self.stage.callers[self.middle].silent_since
        last = now if silent is None else silent
        said = last - self._since
        return Loudness(said, LoopClock().now() - now + last) if said > 0 else Loudness()

    def _listener(self, leg):
        return self.middle if leg is None else self.names.get(leg)

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
    """Whoever speaks or presses a key does it in the last session that he came to."""

    def __init__(self, stage):
        super().__init__()
        self.stage = stage

    def pressed(self, name, key):
        session = self._session_of(name)
        session.on_key(None if session.middle == name else session.leg_of(name), key, 100)

    def spoken(self, name, what):
        other = self._session_of(name).other(name)
        if other is not None:
            self.stage.heard_of(other).add(what)

    def _session_of(self, name):
        return next(each for each in reversed(self.sessions.values()) if each.leg_of(name))

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
        if not self._stage.has_telephone(name):
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
