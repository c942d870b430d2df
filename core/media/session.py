"""The audio of one call: one rtpengine call-id whose legs are joined, parted and joined again.

How it works, in the words of rtpengine: the caller is the tag ``A``. While nobody has answered it is
joined to ``ivr``, a stub that sends nothing, so that prompts can be played to it. A callee ``X`` is
offered from a stub of its own, ``ring-X``: its early media and its answer touch nobody else. When X
answers, A is offered to X anew; thanks to ``port-latching`` neither side's port changes, so neither
needs a re-INVITE. Tags are ours, not SIP's, and every leg has one via-branch. Each party has a
profile (plain RTP, SDES, WebRTC): a caller's stands in its offer, a callee's is what it is offered
until its answer tells.

Two traps, both measured. Without ``zero-address`` rtpengine leaves the stub's 0.0.0.0 in what it gives
to the other side, which a phone takes for being put on hold. And whoever was told an SDP must be told
the same codec in the next one, hence ``told``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

import structlog

from core import sdp
from core.errors import MediaRefused, MediaUnavailable
from core.media import profiles
from core.media.bencode import Value
from core.media.node import packets
from core.media.rtpengine import Reply
from core.ports import OnKey
from core.sdp import PLAIN, Keys, Profile

__all__ = ["RtpengineSession"]

log = structlog.get_logger(__name__)

_Codec = Mapping[str, tuple[str, ...]]

_CALLER = "A"
_STUB = "ivr"
# What a callee may speak that the caller does not; a codec that is offered anyway is not doubled.
_TRANSCODE: _Codec = {"transcode": ("PCMA", "PCMU", "opus", "G722")}


# What a caller who made no offer is offered: what every telephone speaks.
_EVERYBODYS = (
    b"v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\n"
    b"m=audio 9 RTP/AVP 8 0 101\r\na=rtpmap:8 PCMA/8000\r\n"
    b"a=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\n"
    b"a=fmtp:101 0-16\r\na=sendrecv\r\n"
)
_DEAF = ("sendonly", "inactive")
_FOR_EVER = 1_000_000


class Place(Protocol):
    """The server of one call."""

    async def request(self, command: str, arguments: Mapping[str, Value]) -> Reply:
        """As ``NgClient.request``; the first one chooses the server."""
        ...

    def leave(self) -> None:
        """The call is deleted."""
        ...


class RtpengineSession:
    """Implements ``core.ports.MovableMediaSession``; ``engine`` gives a place when the call opens.

    ``call_id`` is what rtpengine calls it.
    """

    def __init__(self, call_id: str, engine: Callable[[], Place]) -> None:
        self.call_id = call_id
        self._engine = engine
        self._client: Place | None = None
        self._closed = False
        self._offered = b""  # by the caller, as it came
        self._caller = b""  # the caller's audio, restricted to what it was told
        self._told = b""  # our last answer to the caller
        self._callee = b""  # what the connected callee speaks
        self._connected: str | None = None
        self._joined: set[str] = set()  # callees whose own stub is gone
        self._delayed = False  # the caller made no offer and has not answered ours yet
        self._asked = False  # the caller was offered something by us: its SDP is no answer
        self._holding: set[str] = set()  # parties that put us on hold
        self._sent: dict[str, bytes] = {}  # our last body to each party, by its tag
        self._events: dict[str, int] = {}  # by INFO alone: our payload type of their events
        self._injects = False  # keys are put into the audio
        self._on_key: OnKey = lambda party, key, milliseconds: None
        self._profiles: dict[str, Profile] = {}  # of the parties, by tag; a stub is plain

    async def open(self, caller_sdp: bytes) -> bytes:
        """Join the caller to the stub; the answer is ready to be sent as early media."""
        self._offered = caller_sdp
        self._profiles[_CALLER] = sdp.profile(caller_sdp)
        self._caller = sdp.cheapest_first(self._with_events(_CALLER, sdp.audio_only(caller_sdp)))
        self._client = self._engine()
        return await self._to_stub()

    async def offer(self, profile: Profile = PLAIN) -> bytes:
        """An offer for a caller who made none; ``answered`` follows, and only then ``connect``."""
        self._profiles[_CALLER] = profile
        self._caller = _EVERYBODYS
        self._client = self._engine()
        self._delayed = self._asked = True
        body = await self._offer(_STUB, _CALLER, _EVERYBODYS)
        self._sent[_CALLER] = body
        return body

    async def answered(self, leg: str | None, answer: bytes) -> None:
        """A party answered an offer of ours, the first one or what a later one repeated."""
        if leg is not None or not self._delayed:
            await self._renegotiate(leg, answer)
            return
        self._profiles[_CALLER] = sdp.profile(answer)
        body = sdp.audio_only(answer)
        await self._answer(_STUB, _CALLER, body)
        self._note_hold(_CALLER, body)
        self._caller = sdp.restrict_codecs(body, sdp.codecs(body)[:1])
        self._delayed = False

    def told(self) -> None:
        """The caller was sent the SDP returned last: from now on it keeps to that codec."""
        if self._asked:
            return
        self._caller = sdp.restrict_codecs(self._caller, sdp.codecs(self._told))

    async def ring(self, leg: str, profile: Profile = PLAIN) -> bytes:
        """The offer for the callee ``leg``, from a stub that speaks what the caller speaks."""
        self._profiles[leg] = profile
        stub = sdp.hold(self._caller)
        offer = await self._offer(_ring(leg), leg, stub, _TRANSCODE)
        self._sent[leg] = offer
        return offer

    async def connect(self, leg: str, answer: bytes) -> bytes:
        """Join the caller with a callee, be it for early media or the answer that follows it.

        Returns the answer for the caller. The stub that rang it goes; other callees stay until they
        are dropped. An answer that brings nothing new after early media costs nothing.
        """
        if self._delayed:
            raise MediaRefused()
        answer = self._with_events(leg, sdp.cheapest_first(answer))
        if leg == self._connected and answer == self._callee:
            return self._sent[_CALLER]
        self._profiles[leg] = sdp.profile(answer)
        if leg not in self._joined:
            await self._answer(_ring(leg), leg, answer)
        reply = await self._join(leg, answer)
        if leg not in self._joined:
            await self._delete({"from-tag": _ring(leg)})
            self._joined.add(leg)
        self._connected, self._callee = leg, answer
        return self._sent[_CALLER] if self._asked else self._to_caller(reply)

    async def reoffer(self, leg: str | None, offer: bytes) -> bytes:
        """A party sent a new offer; the other side need not hear of it.

        Hold and resume are directions, a change of network another address. The codec stays. A
        caller may do so before anybody answered, too.
        """
        party = _CALLER if leg is None else leg
        before = self._sent[party]
        if leg is None and self._connected is None:
            self._caller = self._kept(_CALLER, offer)
            self._offered = offer
            self._note_hold(_CALLER, offer)
            answer = sdp.answer_direction(await self._to_stub(), offer)
        else:
            answer = await self._renegotiate(leg, offer)
        answer = sdp.successor(sdp.with_rejected(answer, offer), before)
        self._sent[party] = answer
        return answer

    def listen(self, on_key: OnKey) -> None:
        """Tell of keys from now on."""
        self._on_key = on_key

    def heard_key(self, tag: str, key: str, milliseconds: int) -> None:
        """The server heard a key in the audio of one with this tag; a stub presses none."""
        if tag in self._profiles:
            self._on_key(None if tag == _CALLER else tag, key, milliseconds)

    def by_info(self, leg: str | None) -> None:
        """This party knows no telephone-events: rtpengine and the other side believe that it does."""
        tag = _CALLER if leg is None else leg
        sent = self._sent.get(tag, b"")
        self._events[tag] = sdp.events_payload(sent) if sent else 0

    async def press(self, leg: str | None, key: str, milliseconds: int) -> None:
        """Put a key into what the other side hears. The first one joins both anew for that."""
        if self._connected is None:
            return
        if not self._injects:
            self._injects = True
            try:
                await self._join(self._connected, self._callee)
            except BaseException:  # the next key tries again
                self._injects = False
                raise
        tag = _CALLER if leg is None else leg
        await self._request("play DTMF", {"from-tag": tag, "code": key, "duration": milliseconds})

    async def play(self, clip: Path, *, again: bool = False) -> float:
        """Let the caller hear a file, which the media server opens by itself."""
        arguments: dict[str, Value] = {"from-tag": _CALLER, "file": str(clip)}
        if again:
            arguments["repeat-times"] = _FOR_EVER
        reply = await self._request("play media", arguments)
        milliseconds = reply.get("duration")
        return milliseconds / 1000 if isinstance(milliseconds, int) else 0.0

    async def hush(self) -> None:
        """Stop at once what is played."""
        await self._request("stop media", {"from-tag": _CALLER})

    async def received(self) -> dict[str | None, int]:
        """Packets from each party that ought to send now."""
        if self._connected is None:
            return {}
        counted = packets(await self._request("query", {}))
        bodies = {_CALLER: self._caller, self._connected: self._callee}
        return {
            None if tag == _CALLER else tag: counted.get(tag, 0)
            for tag, body in bodies.items()
            if sdp.direction(body) == "sendrecv"
        }

    async def renew(self, *, answered: bool) -> bytes:
        """The server forgot the call: begin anew elsewhere, with nobody but the caller.

        A caller who was ``answered`` needs a re-INVITE with the offer that is returned; then follow
        ``answered``, and for the connected callee ``ring_again`` and ``connect``.
        """
        if self._closed or self._client is None or self._caller is _EVERYBODYS:
            raise MediaUnavailable()  # nobody knows yet what the caller speaks
        self._client.leave()
        self._client = self._engine()
        self._joined.clear()
        self._connected = None
        if not answered:
            await self._to_stub()
            return b""
        body = await self._offer(_STUB, _CALLER, sdp.hold(self._caller))
        self._delayed = self._asked = True
        return self._again(_CALLER, body)

    async def ring_again(self, leg: str) -> bytes:
        """The offer for a callee whose first one went with the server, for a re-INVITE."""
        body = await self._offer(_ring(leg), leg, sdp.hold(self._caller), _TRANSCODE)
        return self._again(leg, body)

    def sent(self, leg: str | None) -> bytes:
        """Our last body to a party: what a re-INVITE without one is offered."""
        return self._sent.get(_CALLER if leg is None else leg, b"")

    async def drop(self, leg: str) -> None:
        """Free a callee's ports. If it was the connected one, the caller returns to the stub."""
        if self._closed or self._client is None:
            return
        if leg not in self._joined:
            await self._delete({"from-tag": _ring(leg), "to-tag": leg})
            return
        self._joined.remove(leg)
        await self._delete({"from-tag": _CALLER, "to-tag": leg})
        if leg == self._connected:
            self._connected = None
            await self._to_stub()

    async def close(self) -> None:
        """Free everything. What happens to the server is no concern of an ended call."""
        if self._closed or self._client is None:
            self._closed = True
            return
        self._closed = True
        try:
            await self._client.request("delete", {"call-id": self.call_id, "delete-delay": 0})
        except MediaUnavailable:
            log.warning("media.close_failed", call_id=self.call_id)
        finally:
            self._client.leave()

    async def _join(self, leg: str, answer: bytes) -> bytes:
        """Offer the caller to a callee that says this; what rtpengine answers the caller. Who is put on
        hold is not heard.
        """
        await self._offer(_CALLER, leg, self._caller, _TRANSCODE)
        held = _CALLER in self._holding
        fitting = sdp.answer_direction(answer, self._caller) if held else answer
        reply = await self._answer(_CALLER, leg, fitting)
        if held:
            await self._mute(leg, self._caller)
        if leg in self._holding:
            self._note_hold(leg, answer)
            await self._mute(_CALLER, answer)
        return reply

    async def _renegotiate(self, leg: str | None, body: bytes) -> bytes:
        """Join the two anew with what one of them says now; returns what rtpengine answers it."""
        other, far = (self._connected, self._callee) if leg is None else (_CALLER, self._caller)
        party = _CALLER if leg is None else leg
        if other is None or (leg is not None and leg != self._connected):
            raise MediaRefused()
        own = self._kept(party, body)
        await self._offer(party, other, own, _TRANSCODE)
        answer = await self._answer(party, other, sdp.answer_direction(far, body))
        self._note_hold(party, body)
        await self._mute(other, body)
        if leg is None:
            self._caller = own
        else:
            self._callee = own
        return answer

    def _kept(self, party: str, body: bytes) -> bytes:
        """A party's new body as far as it counts: its audio, with the codecs that it was told.

        Where keys come from does not change within a call: those that come late are not used, and
        refused if there is no audio without them.
        """
        body = self._with_events(party, sdp.audio_only(body))
        was, now = self._profile(party), sdp.profile(body)
        if was.keys is Keys.NONE and now.keys is Keys.SDES and not now.mandatory:
            body, now = sdp.without_keys(body), was
        elif was.keys is not now.keys:
            raise MediaRefused()
        body = sdp.restrict_codecs(body, sdp.codecs(self._sent[party]))
        self._profiles[party] = now
        return body

    def _again(self, party: str, body: bytes) -> bytes:
        """A new offer in the session that the party knows: its streams, its origin, its hold."""
        before = self._sent[party]
        if party == _CALLER and self._offered:
            body = sdp.with_rejected(body, self._offered)
        body = sdp.same_stream(sdp.directed(body, sdp.direction(before)), before)
        self._sent[party] = sdp.successor(body, before)
        return self._sent[party]

    def _note_hold(self, party: str, body: bytes) -> None:
        if sdp.direction(body) in _DEAF:
            self._holding.add(party)
        else:
            self._holding.discard(party)

    async def _mute(self, other: str, body: bytes) -> None:
        # rtpengine passes audio on whatever the directions say (measured), so it is told to stop.
        deaf = sdp.direction(body) in _DEAF
        await self._request("block media" if deaf else "unblock media", {"from-tag": other})

    async def _to_stub(self) -> bytes:
        offered = await self._offer(_CALLER, _STUB, self._caller)
        stub = sdp.hold(sdp.restrict_codecs(offered, {sdp.preferred(offered)}))
        return self._to_caller(await self._answer(_CALLER, _STUB, stub))

    def _to_caller(self, answer: bytes) -> bytes:
        sdp.preferred(answer)  # raises if a callee answered with nothing that the caller can speak
        self._told = answer
        whole = sdp.with_rejected(answer, self._offered)
        self._sent[_CALLER] = whole
        return whole

    async def _offer(
        self, from_tag: str, to_tag: str, body: bytes, codec: _Codec | None = None
    ) -> bytes:
        arguments = profiles.for_offer(self._profile(from_tag), self._profile(to_tag))
        if codec is not None:
            arguments["codec"] = codec
        return await self._exchange("offer", from_tag, to_tag, body, arguments)

    async def _answer(self, from_tag: str, to_tag: str, body: bytes) -> bytes:
        arguments = profiles.for_answer(self._profile(to_tag), self._profile(from_tag))
        return await self._exchange("answer", from_tag, to_tag, body, arguments)

    async def _exchange(
        self, command: str, from_tag: str, to_tag: str, body: bytes, arguments: dict[str, Value]
    ) -> bytes:
        """An offer of ``from_tag`` to ``to_tag``, or the answer that goes the other way."""
        sender = from_tag if command == "offer" else to_tag
        # The address 0.0.0.0 of a stub, or of a browser before ICE, is not to look like hold.
        if sender not in self._profiles or self._profile(sender).ice:
            arguments["flags"] = (*_words(arguments["flags"]), "original-sendrecv")
        if self._injects:
            arguments["flags"] = (*_words(arguments["flags"]), "inject-DTMF")
        reply = await self._request(
            command,
            {
                "from-tag": from_tag,
                "to-tag": to_tag,
                "via-branch": f"br-{to_tag}",
                "replace": ("origin", "zero-address"),
                "sdp": body,
                **arguments,
            },
        )
        told = reply.get("sdp")
        if not isinstance(told, bytes):
            raise MediaRefused()
        receiver = to_tag if command == "offer" else from_tag
        if self._profile(sender).ice and not self._profile(receiver).ice:
            told = sdp.without_webrtc(told)
        return sdp.without_events(told) if receiver in self._events else told

    def _with_events(self, tag: str, body: bytes) -> bytes:
        return sdp.with_events(body, self._events[tag]) if tag in self._events else body

    def _profile(self, tag: str) -> Profile:
        return self._profiles.get(tag, PLAIN)

    async def _delete(self, tags: Mapping[str, Value]) -> None:
        await self._request("delete", {**tags, "delete-delay": 0})

    async def _request(self, command: str, arguments: Mapping[str, Value]) -> Reply:
        # A closed call must not come to life again: an offer makes a call that it does not find.
        if self._closed or self._client is None:
            raise MediaUnavailable()
        return await self._client.request(command, {"call-id": self.call_id, **arguments})


def _words(value: Value) -> tuple[Value, ...]:
    return value if isinstance(value, tuple) else ()


def _ring(leg: str) -> str:
    return f"ring-{leg}"
