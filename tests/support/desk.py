"""Telephones on desks: real SIP and RTP, one person each, who may have several calls at once."""

import asyncio
from contextlib import asynccontextmanager

from core.library import Prompt
from core.media.rtp import RtpPeer
from core.media.tones import heard_seconds, tone
from tests.support.heard import heard, library
from tests.support.media import until_hears
from tests.support.script_sip import Post, SipCall

__all__ = ["Desk", "client", "desk"]


class Talk:
    """One call at a desk: its SIP and its audio, which says the desk's tone."""

    def __init__(self, desk, sip):
        self.desk = desk
        self.sip = sip
        self.audio = None
        self.status = None  # of a call of ours, once it is final
        self.over = asyncio.Event()
        self.reported = []  # what NOTIFY said of a transfer of ours
        self.reoffers = 0
        self.early = asyncio.Event()  # a call of ours rings
        self._theirs = ""  # and this is To by then
        self._version = 1
        sip.on_end = lambda status: self.over.set()
        sip.on_offer = self._reoffered
        sip.on_progress = self._rung
        sip.on_request = self._asked

    async def open(self):
        self.audio = await RtpPeer.open()
        self.audio.play(tone(self.desk.pitch))
        return self

    def body(self, direction="sendrecv"):
        text = self.audio.sdp.decode().replace("sendrecv", direction)
        text = text.replace(" 1 IN IP4", f" {self._version} IN IP4", 1)
        self._version += 1
        return text.encode()

    async def hears(self, pitch, seconds=0.4):
        async with asyncio.timeout(60):
            await until_hears(self.audio, pitch, seconds)

    async def heard(self, pitch, seconds=0.3):
        """Wait until a tone that comes and goes was heard for so long from now on."""
        self.audio.forget()
        async with asyncio.timeout(60):
            while heard_seconds(self.audio.heard, pitch) < seconds:
                await asyncio.sleep(0.05)

    async def hears_music(self):
        """Wait until the library's hold music is heard."""
        known = await library("ru", Prompt.HOLD_MUSIC)
        self.audio.forget()
        async with asyncio.timeout(30):
            while str(Prompt.HOLD_MUSIC) not in heard(self.audio.heard, known):
                await asyncio.sleep(0.2)

    async def silent(self):
        """Wait until nothing arrives any more."""
        async with asyncio.timeout(60):
            while True:
                self.audio.forget()
                await asyncio.sleep(0.3)
                if self.audio.packets == 0:
                    return

    async def offer(self, direction):
        """Hold, or resume."""
        answer = await self.sip.request("INVITE", self.own, self.body(direction))
        assert answer.status == 200
        self.audio.connect(answer.body)

    @property
    def own(self):
        return [("Contact", f"<sip:{self.sip.tag}@{self.sip.post.here}>")]

    async def refer(self, to):
        answer = await self.sip.request("REFER", [("Refer-To", f"<{to}>"), *self.own])
        return answer.status

    async def reports(self, status):
        async with asyncio.timeout(60):
            while not any(f" {status} " in line for line in self.reported):
                await asyncio.sleep(0.02)

    async def ended(self):
        async with asyncio.timeout(60):
            await self.over.wait()

    async def hang_up(self):
        if not self.over.is_set():
            self.over.set()
            await self.sip.request("BYE")

    @property
    def replaces(self):
        """How others name this dialog (RFC 3891)."""
        known = self.sip.remote if ";tag=" in self.sip.remote else self._theirs
        theirs = known.partition(";tag=")[2]
        return f"{self.sip.call_id};to-tag={theirs};from-tag={self.sip.tag}"

    @property
    def replacing(self):
        """What an INVITE says that wants this one's place."""
        return "Replaces", self.replaces

    def close(self):
        if self.audio is not None:
            self.audio.close()

    def _rung(self, answer):
        if ";tag=" in answer.header("To"):
            self._theirs = answer.header("To")
            self.early.set()

    def described(self, body):
        """The answer to an offer that came in a 200."""
        self.audio.connect(body)
        return self.body()

    def _reoffered(self, body):
        self.reoffers += 1
        if body:
            self.audio.connect(body)
        return self.body()

    def _asked(self, request):
        if request.method == "NOTIFY":
            self.reported.append(request.body.decode().strip() + " ")


class Desk:
    """Calls, and is called: calls wait in ``ringing``."""

    def __init__(self, pitch):
        self.pitch = pitch
        self.ringing = asyncio.Queue()
        self.talks = []

    def rung(self, sip, request):
        sip.answer(180)
        self.ringing.put_nowait(self._talk(sip))

    def _talk(self, sip):
        talk = Talk(self, sip)
        self.talks.append(talk)
        return talk

    async def rings(self):
        """The next call that comes here, and has not gone again."""
        async with asyncio.timeout(60):
            while (talk := await self.ringing.get()).over.is_set():
                pass
            return talk

    async def answer(self):
        talk = await (await self.rings()).open()
        talk.audio.connect(talk.sip.invite.body)
        talk.sip.answer(200, talk.body())
        return talk

    async def call(self, number, headers=(), *, offers=True):
        """Dial; the call once it is answered, or refused. Without an offer we answer in the ACK."""
        talk = await self._talk(SipCall(self.post)).open()
        talk.sip.on_described = talk.described
        body = talk.body() if offers else b""
        answer = await talk.sip.begin(
            f"sip:{number}@{self.domain}", self.me, body, headers, account=self.account
        )
        talk.status = answer.status
        if answer.status == 200 and offers:
            talk.audio.connect(answer.body)
        return talk


@asynccontextmanager
async def desk(company, line, pitch):
    """A telephone registered with a line."""
    made = Desk(pitch)
    made.post = await Post.open("127.0.0.1", company.instance.sip, on_call=made.rung)
    made.domain, made.me = company.domain, f"<sip:{line.login}@{company.domain}>"
    made.account = line.login, line.password
    try:
        await made.post.register(line.login, line.password, company.domain)
        yield made
    finally:
        _close(made)


@asynccontextmanager
async def client(company, pitch, number="+79160000001"):
    """Somebody outside, behind the carrier of the company."""
    made = Desk(pitch)
    made.post = await Post.open(
        company.carrier_host, company.instance.sip, company.carrier_port, on_call=made.rung
    )
    made.domain, made.me, made.account = "carrier.test", f"<sip:{number}@carrier.test>", None
    try:
        yield made
    finally:
        _close(made)


def _close(made):
    for talk in made.talks:
        talk.close()
    made.post.close()
