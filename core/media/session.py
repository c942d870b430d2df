"""The audio of one call: one rtpengine call-id whose legs are joined, parted and joined again.

How it works, in the words of rtpengine: the caller is the tag ``A``. A callee ``X`` is offered from a
stub of its own, ``ring-X``: its early media touches nobody else. When X answers, A is offered to X, and
the stub goes; thanks to ``port-latching`` neither side's port changes, so neither needs a re-INVITE. A
caller who is to hear us before anybody answers, or when nobody talks with him, is joined to ``ivr``, a
stub that sends nothing, so that prompts can be played to him; of others rtpengine need not know.

Tags are ours, not SIP's. Each party has a profile (plain RTP, SDES, WebRTC): a caller's stands in its
offer, a callee's is what it is offered until its answer tells.

Here is who is in the middle and who is joined with him; how two are joined stands in ``joining``, who
is not heard in ``hearing``, what is written down in ``tape``.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from core import sdp
from core.errors import MediaRefused, MediaUnavailable
from core.media import sdes
from core.media.bencode import Value
from core.media.exchange import AT_ONCE, Exchange, Place
from core.media.hearing import Hearing
from core.media.joining import EVERYBODYS, Joining
from core.media.node import packets
from core.media.party import CALLER, Party
from core.media.tape import Tape
from core.ports import Loudness, OnKey
from core.sdp import PLAIN, Profile
from core.unheard import unheard

__all__ = ["RtpengineSession"]

_FOR_EVER = 1_000_000


class RtpengineSession:
    """Implements ``core.ports.MovableMediaSession``; ``engine`` gives a place when the call opens."""

    def __init__(self, call_id: str, engine: Callable[[], Place], captures: Path | None = None) -> None:
        """``captures`` is the folder where its recordings are written, if we see it."""
        self._exchange = Exchange(call_id, engine)
        self._hearing = Hearing(self._exchange)
        self._joining = Joining(self._exchange, self._hearing)
        self._tape = Tape(self._exchange, captures)
        self._middle = Party(CALLER)  # whom the others are joined with: the caller, as a rule
        self._parties = self._exchange.parties
        self._awaited_by_info: set[str] = set()
        self._parties[CALLER] = self._middle
        self._connected: Party | None = None  # with whoever is in the middle
        self._joined: set[str] = set()  # those whose ringing stub is gone
        self._delayed = False  # the caller made no offer and has not answered ours yet
        self._on_key: OnKey = unheard

    async def open(self, caller_sdp: bytes) -> None:
        """Take the caller's offer. Nothing is asked of rtpengine for a caller who hears nothing yet."""
        caller = self._middle
        caller.offered = caller_sdp
        caller.describe(caller_sdp)
        caller.body = sdp.cheapest_first(caller.with_events(sdp.audio_only(caller_sdp)))
        sdp.preferred(caller.body)  # for what cannot be answered nobody is to ring
        sdp.check(caller_sdp)
        self._exchange.begin()

    async def alone(self) -> bytes:
        """Join the caller to the stub; the answer is ready to be sent as early media."""
        caller = self._middle
        if not caller.sent:
            await self._joining.to_stub(caller)
        return caller.sent

    async def begin(self) -> None:
        """Callees may ring for a caller who is one of them."""
        self._middle.body = EVERYBODYS
        self._middle.asked = True
        self._exchange.begin()

    async def found(self, leg: str, answer: bytes) -> None:
        """Put the callee who answered into the middle, where nobody was."""
        await self.waits(leg, answer)
        self._middle = self._party(leg)

    async def waits(self, leg: str, answer: bytes) -> None:
        """One who was rung answered, and talks to nobody yet."""
        party = self._party(leg)
        party.describe(answer)
        party.body = party.with_events(sdp.cheapest_first(answer))
        await self._exchange.answer(party.ring, party.tag, party.body)
        party.keep_codecs(sdp.codecs(party.body)[:1])
        party.note_hold(party.body)
        await self._joining.to_stub(party)
        await self._exchange.delete(party.ring)
        self._joined.add(party.tag)

    async def offer(self, profile: Profile = PLAIN) -> bytes:
        """An offer for a caller who made none; ``answered`` follows, and only then ``connect``."""
        caller = self._middle
        caller.profile = profile
        caller.body = EVERYBODYS
        self._exchange.begin()
        self._delayed = caller.asked = True
        caller.sent = await self._exchange.offer(caller.stub, caller.tag, EVERYBODYS)
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
        await self._joining.listen(caller)
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
        party.sent = await self._joining.ring(party, self._middle)
        return party.sent

    async def adopt(self, leg: str, sent: bytes) -> bytes:
        """The offer for a party of another session, which was ``sent`` this body last."""
        party = self._parties[leg] = Party(leg, sdp.profile(sent))
        party.asked = True
        return party.again(await self._joining.ring(party, self._middle), sent)

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
        reply = await self._joining.join(party, answer, caller)
        if not caller.sent:  # he is new to the server
            await self._joining.listen(caller)
        if party.tag not in self._joined:
            await self._exchange.delete(party.ring)
            self._joined.add(party.tag)
        self._connected, party.body = party, answer
        return caller.sent if caller.asked else caller.answer(reply)

    async def admit(self, leg: str, offer: bytes) -> bytes:
        """Join a newcomer that made an offer with whoever is in the middle; the answer for it."""
        if self._delayed:
            raise MediaRefused()
        await self.alone()
        self.told()
        party, caller = Party(leg), self._middle
        party.offered = offer
        party.describe(offer)
        if leg in self._awaited_by_info:
            party.by_info()
        party.body = sdp.cheapest_first(party.with_events(sdp.audio_only(offer)))
        self._parties[leg] = party
        answer = await self._joining.admit(party, caller)
        self._joined.add(party.tag)
        self._connected = party
        return answer

    async def park(self) -> None:
        """Part the two that are connected: each hears what is played to it, and nobody."""
        parted, self._connected = self._connected, None
        if parted is not None:
            parted.keep_codecs(sdp.codecs(parted.body)[:1])
            await self._joining.to_stub(parted)
            await self._joining.to_stub(self._middle)
            await self._hearing.part(parted, self._middle)

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
            answer = sdp.answer_direction(await self._joining.to_stub(party), offer)
        else:
            answer = await self._renegotiate(party, offer)
        answer = sdp.with_rejected(sdes.as_offered(answer, offer), offer)
        answer = sdp.successor(answer, before)
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
        """This party knows no telephone-events: rtpengine and the other side believe that it does.

        One that is yet to be admitted may be named beforehand.
        """
        party = self._middle if leg is None else self._parties.get(Party.tag_of(leg))
        if party is not None:
            party.by_info()
        else:
            self._awaited_by_info.add(str(leg))

    async def press(self, leg: str | None, key: str, milliseconds: int) -> None:
        """Put a key into what the other side hears. The first one joins both anew for that."""
        if self._connected is None:
            return
        if not self._exchange.injects:
            self._exchange.injects = True
            other = self._connected
            try:
                await self._joining.join(other, other.body, self._middle)
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
        if other is not None:
            await self._hearing.cover(other)
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
        if other is not None:
            await self._hearing.uncover(other, held=party.holding)

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
        await self._tape.start(self._middle)

    async def unrecord(self) -> None:
        """Write down no more."""
        await self._tape.stop()

    async def loudness(self) -> Loudness:
        """As far as the files tell, which we may not see."""
        return await self._tape.loudness()

    async def renew(self, *, answered: bool) -> bytes:
        """The server forgot the call: begin anew elsewhere, with nobody but who is in the middle.

        A caller who was ``answered`` needs a re-INVITE with the offer that is returned; then follow
        ``answered``, and for the connected callee ``ring_again`` and ``connect``.
        """
        caller = self._middle
        if not self._exchange.open or caller.body is EVERYBODYS:
            raise MediaUnavailable()  # nobody knows yet what the caller speaks
        self._exchange.begin()
        self._joined.clear()
        self._hearing.begin()
        self._connected = None
        if not answered:
            if caller.sent:
                await self._joining.to_stub(caller)
            return b""
        body = await self._exchange.offer(caller.stub, caller.tag, sdp.hold(caller.body))
        self._delayed = caller.asked = True
        return caller.again(body, caller.sent)

    async def ring_again(self, leg: str) -> bytes:
        """The offer for a callee whose first one went with the server, for a re-INVITE."""
        party = self._party(leg)
        party.asked = True
        return party.again(await self._joining.ring(party, self._middle), party.sent)

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
            del self._parties[party.tag]  # of a queue's call phones may ring for hours
            if len(self._parties) == 1 and not self._middle.sent:
                self._exchange.begin()  # nobody was left, so the server forgot the call with him
            return
        self._joined.remove(party.tag)
        connected = party is self._connected
        if connected:  # first: one who was joined with nobody else would be deleted, too (measured)
            self._connected = None
            await self._joining.to_stub(self._middle)
        await self._exchange.request(
            "delete", {"from-tag": self._middle.tag, "to-tag": party.tag, **AT_ONCE}
        )
        self._hearing.forget(party)
        if connected:
            await self._hearing.part(self._middle)

    async def close(self) -> None:
        """Free everything. What happens to the server is no concern of an ended call."""
        self._on_key = unheard
        self._tape.close()
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

    async def _renegotiate(self, party: Party, body: bytes) -> bytes:
        other = self._other(party)
        if other is None:
            raise MediaRefused()
        return await self._joining.renegotiate(party, other, body)
