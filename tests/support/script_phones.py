"""Real telephones of stories: SIP by ``script_sip``, RTP by the product's peer, an ear for tones."""

import asyncio
from array import array

from core.media.g711 import RATE
from core.media.rtp import RtpPeer
from core.media.tones import tone
from core.sdp import TELEPHONE_KEYS
from tests.support.script import TONES
from tests.support.script_sip import Post, SipCall
from tests.support.sound import dtmf

__all__ = ["Exchange", "RealCallee", "RealCaller"]


_PAUSE = 3 * RATE // 10


class Audio(RtpPeer):
    """An RTP peer that tells what it hears of the other side; others may still send to whom had this
    port before."""

    ear = None
    _next = None  # SSRC and timestamp of what comes if nothing is missing

    def datagram_received(self, data, addr):
        if addr[:2] == self.remote:
            super().datagram_received(data, addr)

    def _place(self, ssrc, stamp, samples):
        if self._next is not None and (
            self._next[0] != ssrc or (stamp - self._next[1]) % (1 << 32) > _PAUSE
        ):
            self.ear.hear(array("h", bytes(2 * _PAUSE)))  # where nothing is sent is silence, too
        self._next = ssrc, (stamp + len(samples)) % (1 << 32)
        self.ear.hear(samples)


class Telephone:
    """One person in one call."""

    def __init__(self, name, stage):
        self.name = name
        self.stage = stage
        self.heard = stage.heard_of(name)
        self.over = asyncio.get_running_loop().create_future()
        self.answered = False
        self.called = False
        self.sip = None
        self.audio = None
        self._version = 1
        self._speaks = self._mute = False

    async def open(self):
        events = 0 if self.stage.story.lacks.get(self.name) == "events" else 101
        self.audio = await Audio.open(events=events)
        self.audio.ear = self.stage.ear(self.heard.add)

    def end(self, status):
        if not self.over.done():
            self.over.set_result(status)
        self.close()

    def close(self):
        if self.audio is not None:
            self.audio.close()

    def say_no_more(self):
        """Who goes on sending gets into the next call at that port of the media server."""
        if self.audio is not None:
            self.audio.silence()

    def hear_end(self, status):
        self.say_no_more()
        self.stage.loop.call_later(self.stage.patience, self.close)  # what was on its way is heard
        if self.sip.reason:
            self.stage.log.add(f"{self.name} is told: {self.sip.reason}")
        if not self.over.done():
            self.over.set_result(status)

    def speak(self, name=None):
        if not self._mute:
            self.audio.play(tone(TONES[name or self.name]))

    def fall_silent(self):
        self._mute = True
        self.audio.play([0] * 160)

    def body(self, direction="sendrecv"):
        """What our audio is, newer than the body before."""
        text = self.audio.sdp.decode().replace("sendrecv", direction)
        text = text.replace(" 1 IN IP4", f" {self._version} IN IP4", 1)
        self._version += 1
        return text.encode()

    def reoffered(self, body):
        if body:
            self.audio.connect(body)
        return self.body()

    async def offer(self, direction):
        answer = await self.sip.request("INVITE", self.sip.own, self.body(direction))
        if answer.status == 200:
            self.audio.connect(answer.body)

    async def press(self, key, by):
        if by == "info":
            body = f"Signal={key}\r\nDuration=120\r\n".encode()
            await self.sip.request("INFO", [("Content-Type", "application/dtmf-relay")], body)
        elif by == "tones":
            self.audio.play(dtmf(key), repeat=False)
            await asyncio.sleep(0.5)
            self.speak()
        else:
            assert key in TELEPHONE_KEYS
            await self.audio.press(key)
        await asyncio.sleep(0.1)

    @property
    def address(self):
        """The other side, as a contact."""
        return self.sip.target

    async def refer(self, contact, replaces=None):
        if replaces is not None:
            ids = replaces.sip.call_id, replaces.sip.remote.partition(";tag=")[2], replaces.sip.tag
            contact += "?Replaces={}%3Bto-tag%3D{}%3Bfrom-tag%3D{}".format(*ids)
        answer = await self.sip.request("REFER", [("Refer-To", f"<{contact}>"), *self.sip.own])
        self.stage.log.add(f"{self.name} is told {answer.status} of the transfer")

    async def hang_up(self):
        self.say_no_more()
        if self.over.done():
            return
        self.over.set_result(200)
        await self.sip.request("BYE")
        self.close()


class RealCaller(Telephone):
    """Somebody who calls."""

    async def call(self, number):
        self.called = True
        await self.open()
        self.sip = SipCall(self.stage.post_of(self.name))
        self.sip.on_end = self.hear_end
        self.sip.on_offer = self.reoffered
        self.sip.on_progress = self._progress
        self._calling = asyncio.create_task(self._call(number))
        self.stage.keep(self._calling)
        await asyncio.sleep(0)  # the INVITE is on its way

    async def _call(self, number):
        uri, from_, account = self.stage.dialled(self.name, number)
        answer = await self.sip.begin(uri, from_, self.body(), account=account)
        if answer.status >= 300:
            self.end(answer.status)
            return
        self.audio.connect(answer.body)
        self.answered = True
        self.stage.log.add(f"{self.name} is answered")
        self.speak()

    def _progress(self, message):
        if message.body:
            self.audio.connect(message.body)

    async def hang_up(self):
        if self.over.done():
            return
        if self.answered:
            await super().hang_up()
            return
        await self.sip.cancel()
        await self._calling
        if self.answered:  # it was just being answered
            await super().hang_up()


class RealCallee(Telephone):
    """Somebody who is called."""

    async def ring(self):
        self.sip.answer(180)

    async def answer(self):
        if self.over.done():
            return
        self.answered = True
        if not self._speaks:
            self._begin(self.name)
        self.speak()
        self.sip.answer(200, self.body())

    async def refuse(self, status, contact=""):
        self.sip.answer(status, headers=[("Contact", f"<{contact}>")] if contact else ())
        self.end(status)

    async def sound_early(self, name):
        self._begin(name)
        self.sip.answer(183, self.body())
        self._version -= 1  # the answer repeats it (RFC 6337 §3.1.1)

    def _begin(self, name):
        self._speaks = True
        self.audio.connect(self.sip.invite.body)
        self.speak(name)


class Exchange:
    """The sockets of one company's people and of its carrier; whose an address is."""

    def __init__(self, company):
        self.company = company
        self.owners = {}  # address → (stage, name)

    async def open(self):
        company = self.company
        server = company.instance.sip
        self.lines = await Post.open("127.0.0.1", server, on_call=self._called)
        self.carrier = await Post.open(
            company.carrier_host, server, company.carrier_port, on_call=self._called
        )
        return self

    def close(self):
        self.lines.close()
        self.carrier.close()

    def _called(self, call, invite):
        user = invite.uri.partition(":")[2].partition("@")[0]
        owner = self.owners.get(user)
        if owner is None:
            call.answer(404)
            return
        stage, name = owner
        if stage.is_mute(name):
            call.fall_silent()
            stage.log.add(f"{name} rings")
            return
        call.answer(100)  # else the INVITE comes again, and again
        stage.keep(asyncio.create_task(stage.called(name, call)))
