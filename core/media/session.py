"""The audio of one call: one rtpengine call-id whose legs are joined, parted and joined again.

How it works, in the words of rtpengine: the caller is the tag ``A``. While nobody has answered it is
joined to ``ivr``, a stub that sends nothing, so that prompts can be played to it. A callee ``X`` is
offered from a stub of its own, ``ring-X``: its early media and its answer touch nobody else. When X
answers, A is offered to X anew; thanks to ``port-latching`` neither side's port changes, so neither
needs a re-INVITE. Tags are ours, not SIP's. Each party has a
profile (plain RTP, SDES, WebRTC): a caller's stands in its offer, a callee's is what it is offered
until its answer tells.

Two traps, both measured. Without ``zero-address`` rtpengine leaves the stub's 0.0.0.0 in what it gives
to the other side, which a phone takes for being put on hold. And whoever was told an SDP must be told
the same codec in the next one, hence ``told``.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from core import sdp
from core.errors import MediaRefused, MediaUnavailable
from core.media.bencode import Value
from core.media.exchange import AT_ONCE, Exchange, Place
from core.media.meter import Meter
from core.media.node import packets
from core.media.party import CALLER, Party
from core.ports import Loudness, OnKey
from core.sdp import PLAIN, Profile

__all__ = ["RtpengineSession"]

# What a callee may speak that the caller does not; a codec that is offered anyway is not doubled.
_TRANSCODE: Mapping[str, tuple[str, ...]] = {"transcode": ("PCMA", "PCMU", "opus", "G722")}


# What a caller who made no offer is offered: what every telephone speaks.
_EVERYBODYS = (
    b"v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\n"
    b"m=audio 9 RTP/AVP 8 0 101\r\na=rtpmap:8 PCMA/8000\r\n"
    b"a=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\n"
    b"a=fmtp:101 0-16\r\na=sendrecv\r\n"
)
_DEAF = ("sendonly", "inactive")
_FOR_EVER = 1_000_000
_LISTENING: Mapping[str, Value] = {"flags": ("detect-DTMF",), "delay-buffer": 0}


class RtpengineSession:
    """Implements ``core.ports.MovableMediaSession``; ``engine`` gives a place when the call opens."""

    def __init__(self, call_id: str, engine: Callable[[], Place], captures: Path | None = None) -> None:
        """``captures`` is the folder where its recordings are written, if we see it."""
        self._captures = captures
        self._meter: Meter | None = None  # of the present recording
        self._exchange = Exchange(call_id, engine)
        self._middle = Party(CALLER)  # whom the others are joined with: the caller, as a rule
        self._parties = self._exchange.parties
        self._parties[CALLER] = self._middle
        self._connected: Party | None = None  # with whoever is in the middle
        self._joined: set[str] = set()  # those whose ringing stub is gone
        self._delayed = False  # the caller made no offer and has not answered ours yet
        self._silenced: set[str] = set()  # not heard by the other one, who hears a clip
        self._blocked: set[str] = set()  # not heard for whatever reason
        self._on_key: OnKey = lambda party, key, milliseconds: None

    async def open(self, caller_sdp: bytes) -> bytes:
        """Join the caller to the stub; the answer is ready to be sent as early media."""
        caller = self._middle
        caller.offered = caller_sdp
        caller.describe(caller_sdp)
        caller.body = sdp.cheapest_first(caller.with_events(sdp.audio_only(caller_sdp)))
        self._exchange.begin()
        return await self._to_stub(caller)

    async def begin(self) -> None:
        """Callees may ring for a caller who is one of them."""
        self._middle.body = _EVERYBODYS
        self._middle.asked = True
        self._exchange.begin()

    async def found(self, leg: str, answer: bytes) -> None:
        """Put the callee who answered into the middle, where nobody was."""
        party = self._party(leg)
        party.describe(answer)
        party.body = party.with_events(sdp.cheapest_first(answer))
        await self._exchange.answer(party.ring, party.tag, party.body)
        party.keep_codecs(sdp.codecs(party.body)[:1])
        party.note_hold(party.body)
        await self._to_stub(party)
        await self._exchange.delete(party.ring)
        self._joined.add(party.tag)
        self._middle = party

    async def offer(self, profile: Profile = PLAIN) -> bytes:
        """An offer for a caller who made none; ``answered`` follows, and only then ``connect``."""
        caller = self._middle
        caller.profile = profile
        caller.body = _EVERYBODYS
        self._exchange.begin()
        self._delayed = caller.asked = True
        caller.sent = await self._exchange.offer(caller.stub, caller.tag, _EVERYBODYS)
        return caller.sent

    async def answered(self, leg: str | None, answer: bytes) -> None:
        """A party answered an offer of ours, the first one or what a later one repeated."""
        if leg is not None or not self._delayed:
            await self._renegotiate(self._party(leg), answer)
            return
        caller = self._middle
        caller.describe(answer)
        caller.body = sdp.audio_only(answer)
        await self._exchange.answer(caller.stub, caller.tag, caller.body)
        await self._listen(caller)
        caller.note_hold(caller.body)
        caller.keep_codecs(sdp.codecs(caller.body)[:1])
        self._delayed = False

    def told(self) -> None:
        """The caller was sent the SDP returned last: from now on it keeps to that codec."""
        caller = self._middle
        if not caller.asked:
            caller.keep_codecs(sdp.codecs(caller.told))

    async def ring(self, leg: str, profile: Profile = PLAIN) -> bytes:
        """The offer for the callee ``leg``, from a stub that speaks what the caller speaks."""
        party = self._parties[leg] = Party(Party.tag_of(leg), profile)
        party.asked = True
        party.sent = await self._ring(party)
        return party.sent

    async def adopt(self, leg: str, sent: bytes) -> bytes:
        """The offer for a party of another session, which was ``sent`` this body last."""
        party = self._parties[leg] = Party(leg, sdp.profile(sent))
        party.asked = True
        return party.again(await self._ring(party), sent)

    async def connect(self, leg: str, answer: bytes = b"") -> bytes:
        """Join the caller with a callee, be it for early media or the answer that follows it.

        Returns the answer for the caller. The stub that rang it goes; other callees stay until they
        are dropped. An answer that brings nothing new after early media costs nothing.
        """
        if self._delayed:
            raise MediaRefused()
        party, caller = self._party(leg), self._middle
        answer = party.with_events(sdp.cheapest_first(answer)) if answer else party.body
        if party is self._connected and answer == party.body:
            return caller.sent
        if answer is not party.body:
            party.describe(answer)
        if party.tag not in self._joined:
            await self._exchange.answer(party.ring, party.tag, answer)
        reply = await self._join(party, answer)
        if party.tag not in self._joined:
            await self._exchange.delete(party.ring)
            self._joined.add(party.tag)
        self._connected, party.body = party, answer
        return caller.sent if caller.asked else caller.answer(reply)

    async def admit(self, leg: str, offer: bytes) -> bytes:
        """Join a newcomer that made an offer with whoever is in the middle; the answer for it."""
        if self._delayed:
            raise MediaRefused()
        self.told()
        party, caller = Party(leg), self._middle
        party.offered = offer
        party.describe(offer)
        party.body = sdp.cheapest_first(party.with_events(sdp.audio_only(offer)))
        self._parties[leg] = party
        await self._exchange.offer(party.tag, caller.tag, party.body, _TRANSCODE)
        answer = party.answer(await self._exchange.answer(party.tag, caller.tag, caller.body))
        party.keep_codecs(sdp.codecs(answer))
        if caller.holding:
            await self._mute(party, caller.body)
        self._joined.add(party.tag)
        self._connected = party
        return answer

    async def park(self) -> None:
        """Part the two that are connected: each hears what is played to it, and nobody."""
        parted, self._connected = self._connected, None
        if parted is not None:
            parted.keep_codecs(sdp.codecs(parted.body)[:1])
            await self._to_stub(parted)
            await self._to_stub(self._middle)
            await self._unblock(parted, self._middle)

    async def promote(self, leg: str) -> None:
        """Put this one, who was joined before, into the middle; who was there is parked."""
        await self.park()
        self._joined.add(self._middle.tag)
        self._middle = self._party(leg)

    async def reoffer(self, leg: str | None, offer: bytes) -> bytes:
        """A party sent a new offer; the other side need not hear of it.

        Hold and resume are directions, a change of network another address. The codec stays. A
        caller may do so before anybody answered, too, and whoever is parked.
        """
        party = self._party(leg)
        before = party.sent
        if self._other(party) is None and (party is self._middle or party.tag in self._joined):
            party.body, party.offered = party.kept(offer), offer
            party.note_hold(offer)
            answer = sdp.answer_direction(await self._to_stub(party), offer)
        else:
            answer = await self._renegotiate(party, offer)
        answer = sdp.successor(sdp.with_rejected(answer, offer), before)
        party.sent = answer
        return answer

    def listen(self, on_key: OnKey) -> None:
        """Tell of keys from now on."""
        self._on_key = on_key

    def heard_key(self, tag: str, key: str, milliseconds: int) -> None:
        """The server heard a key in the audio of one with this tag; a stub presses none."""
        party = next((each for each in self._parties.values() if each.tag == tag), None)
        if party is not None:
            self._on_key(None if party is self._middle else party.name, key, milliseconds)

    def by_info(self, leg: str | None) -> None:
        """This party knows no telephone-events: rtpengine and the other side believe that it does."""
        self._party(leg).by_info()

    async def press(self, leg: str | None, key: str, milliseconds: int) -> None:
        """Put a key into what the other side hears. The first one joins both anew for that."""
        if self._connected is None:
            return
        if not self._exchange.injects:
            self._exchange.injects = True
            try:
                await self._join(self._connected, self._connected.body)
            except BaseException:  # the next key tries again
                self._exchange.injects = False
                raise
        tag = self._party(leg).tag
        await self._exchange.request(
            "play DTMF", {"from-tag": tag, "code": key, "duration": milliseconds}
        )

    async def play(self, clip: Path, *, again: bool = False, to: str | None = None) -> float:
        """Let a party hear a file, which the media server opens by itself; nobody else meanwhile."""
        party = self._party(to)
        other = self._other(party)
        if other is not None and other.tag not in self._silenced:
            self._silenced.add(other.tag)
            await self._block(other, wanted=True)
        arguments: dict[str, Value] = {"from-tag": party.tag, "file": str(clip)}
        if again:
            arguments["repeat-times"] = _FOR_EVER
        reply = await self._exchange.request("play media", arguments)
        milliseconds = reply.get("duration")
        return milliseconds / 1000 if isinstance(milliseconds, int) else 0.0

    async def hush(self, of: str | None = None) -> None:
        """Stop at once what is played."""
        party = self._party(of)
        await self._exchange.request("stop media", {"from-tag": party.tag})
        other = self._other(party)
        if other is not None and other.tag in self._silenced:
            self._silenced.remove(other.tag)
            await self._block(other, wanted=party.holding)

    async def received(self) -> dict[str | None, int]:
        """Packets from each party that ought to send now."""
        if self._connected is None:
            return {}
        counted = packets(await self._exchange.request("query", {}))
        return {
            None if party is self._middle else party.name: counted.get(party.tag, 0)
            for party in (self._middle, self._connected)
            if sdp.direction(party.body) == "sendrecv"
        }

    @property
    def call_id(self) -> str:
        """What rtpengine calls it."""
        return self._exchange.call_id

    @property
    def recorded_as(self) -> str:
        """Rtpengine's files begin with its name of the call."""
        return self.call_id

    async def record(self) -> None:
        """Write down packets from now on, in a file of their own."""
        if self._captures is not None:
            self._meter = Meter(self._captures, self.call_id, self._middle.sent, time.time())
        await self._exchange.request("start recording", {})

    async def unrecord(self) -> None:
        """Write down no more."""
        await self._exchange.request("stop recording", {})

    async def loudness(self) -> Loudness:
        """As far as the files tell, which we may not see."""
        return await asyncio.to_thread(self._meter.read) if self._meter else Meter.unknown()

    async def renew(self, *, answered: bool) -> bytes:
        """The server forgot the call: begin anew elsewhere, with nobody but who is in the middle.

        A caller who was ``answered`` needs a re-INVITE with the offer that is returned; then follow
        ``answered``, and for the connected callee ``ring_again`` and ``connect``.
        """
        caller = self._middle
        if not self._exchange.open or caller.body is _EVERYBODYS:
            raise MediaUnavailable()  # nobody knows yet what the caller speaks
        self._exchange.begin()
        self._joined.clear()
        self._silenced.clear()
        self._blocked.clear()
        self._connected = None
        if not answered:
            await self._to_stub(caller)
            return b""
        body = await self._exchange.offer(caller.stub, caller.tag, sdp.hold(caller.body))
        self._delayed = caller.asked = True
        return caller.again(body, caller.sent)

    async def ring_again(self, leg: str) -> bytes:
        """The offer for a callee whose first one went with the server, for a re-INVITE."""
        party = self._party(leg)
        party.asked = True
        return party.again(await self._ring(party), party.sent)

    def sent(self, leg: str | None) -> bytes:
        """Our last body to a party: what a re-INVITE without one is offered."""
        party = self._middle if leg is None else self._parties.get(Party.tag_of(leg))
        return party.sent if party is not None else b""

    async def drop(self, leg: str) -> None:
        """Free a callee's ports. If it was the connected one, the caller returns to the stub."""
        if not self._exchange.open:
            return
        party = self._party(leg)
        if party.tag not in self._joined:
            await self._exchange.request(
                "delete", {"from-tag": party.ring, "to-tag": party.tag, **AT_ONCE}
            )
            return
        self._joined.remove(party.tag)
        await self._exchange.request(
            "delete", {"from-tag": self._middle.tag, "to-tag": party.tag, **AT_ONCE}
        )
        self._silenced.discard(party.tag)
        self._blocked.discard(party.tag)
        if party is self._connected:
            self._connected = None
            await self._to_stub(self._middle)
            await self._unblock(self._middle)

    async def close(self) -> None:
        """Free everything. What happens to the server is no concern of an ended call."""
        if self._meter is not None:
            self._meter.close()
        await self._exchange.close()

    # --- parties ---------------------------------------------------------------------------------

    def _party(self, leg: str | None) -> Party:
        if leg is None:
            return self._middle
        tag = Party.tag_of(leg)
        if tag not in self._parties:
            raise MediaRefused()
        return self._parties[tag]

    def _other(self, party: Party) -> Party | None:
        """Who is joined with this one."""
        if party is self._middle:
            return self._connected
        return self._middle if party is self._connected else None

    async def _ring(self, party: Party) -> bytes:
        """The stub that speaks what the one in the middle speaks offers a party to be rung."""
        return await self._exchange.offer(
            party.ring, party.tag, sdp.hold(self._middle.body), _TRANSCODE
        )

    async def _join(self, party: Party, answer: bytes) -> bytes:
        """Offer the caller to a callee that says this; what rtpengine answers the caller. Who is put on
        hold is not heard.
        """
        caller = self._middle
        await self._exchange.offer(caller.tag, party.tag, caller.body, _TRANSCODE)
        fitting = sdp.answer_direction(answer, caller.body) if caller.holding else answer
        reply = await self._exchange.answer(caller.tag, party.tag, fitting)
        if caller.holding:
            await self._mute(party, caller.body)
        if party.holding:
            party.note_hold(answer)
            await self._mute(caller, answer)
        return reply

    async def _renegotiate(self, party: Party, body: bytes) -> bytes:
        """Join the two anew with what one of them says now; returns what rtpengine answers it."""
        other = self._other(party)
        if other is None:
            raise MediaRefused()
        own = party.kept(body)
        await self._exchange.offer(party.tag, other.tag, own, _TRANSCODE)
        answer = await self._exchange.answer(
            party.tag, other.tag, sdp.answer_direction(other.body, body)
        )
        party.note_hold(body)
        await self._mute(other, body)
        party.body = own
        return answer

    async def _mute(self, other: Party, body: bytes) -> None:
        # rtpengine passes audio on whatever the directions say (measured), so it is told to stop.
        await self._block(other, wanted=sdp.direction(body) in _DEAF or other.tag in self._silenced)

    async def _block(self, party: Party, *, wanted: bool) -> None:
        (self._blocked.add if wanted else self._blocked.discard)(party.tag)
        await self._exchange.request(
            "block media" if wanted else "unblock media", {"from-tag": party.tag}
        )

    async def _unblock(self, *parties: Party) -> None:
        """These part: who hears them next is another one."""
        for party in parties:
            self._silenced.discard(party.tag)
            if party.tag in self._blocked:
                await self._block(party, wanted=False)

    async def _to_stub(self, party: Party) -> bytes:
        offered = await self._exchange.offer(party.tag, party.stub, party.body)
        stub = sdp.hold(sdp.restrict_codecs(offered, {sdp.preferred(offered)}))
        reply = await self._exchange.answer(party.tag, party.stub, stub)
        await self._listen(party)
        return reply if party.asked else party.answer(reply)

    async def _listen(self, party: Party) -> None:
        """Keys of one who knows no events may be tones in the voice, which is decoded for that."""
        if party.tonal:
            await self._exchange.request("unblock DTMF", {"from-tag": party.tag, **_LISTENING})
