"""How parties are brought together: a join is an offer and an answer, one side's words told to the
other. A party that talks to nobody is joined with a stub of ours.

Two traps, both measured. Without ``zero-address`` rtpengine leaves the stub's 0.0.0.0 in what it gives
to the other side, which a phone takes for being put on hold. And whoever was told an SDP must be told
the same codec in the next one, hence ``Party.told``.
"""

from __future__ import annotations

from collections.abc import Mapping

from core import sdp
from core.media.bencode import Value
from core.media.exchange import Exchange
from core.media.hearing import Hearing
from core.media.party import Party

__all__ = ["EVERYBODYS", "Joining"]

EVERYBODYS = (
    b"v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\n"
    b"m=audio 9 RTP/AVP 8 0 101\r\na=rtpmap:8 PCMA/8000\r\n"
    b"a=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\n"
    b"a=fmtp:101 0-16\r\na=sendrecv\r\n"
)
"""What a caller who made no offer is offered: what every telephone speaks."""

# What a callee may speak that the caller does not; a codec that is offered anyway is not doubled.
_TRANSCODE: Mapping[str, tuple[str, ...]] = {"transcode": ("PCMA", "PCMU", "opus", "G722")}
_LISTENING: Mapping[str, Value] = {"flags": ("detect-DTMF",), "delay-buffer": 0}


class Joining:
    """Of one session; who is joined with whom is for the session to remember."""

    def __init__(self, exchange: Exchange, hearing: Hearing) -> None:
        self._exchange = exchange
        self._hearing = hearing

    async def ring(self, party: Party, middle: Party) -> bytes:
        """The stub that speaks what the one in the middle speaks offers a party to be rung."""
        return await self._exchange.offer(party.ring, party.tag, sdp.hold(middle.body), _TRANSCODE)

    async def join(self, party: Party, answer: bytes, middle: Party) -> bytes:
        """Offer the one in the middle to a callee that says this; what rtpengine answers him. Who is
        put on hold is not heard."""
        await self._exchange.offer(middle.tag, party.tag, middle.body, _TRANSCODE)
        fitting = sdp.answer_direction(answer, middle.body) if middle.holding else answer
        reply = await self._exchange.answer(middle.tag, party.tag, fitting)
        if middle.holding:
            await self._hearing.follow(party, middle.body)
        if party.holding:
            party.note_hold(answer)
            await self._hearing.follow(middle, answer)
        return reply

    async def admit(self, party: Party, middle: Party) -> bytes:
        """Join a newcomer that made an offer; the answer for it."""
        await self._exchange.offer(party.tag, middle.tag, party.body, _TRANSCODE)
        answer = party.answer(await self._exchange.answer(party.tag, middle.tag, middle.body))
        party.keep_codecs(sdp.codecs(answer))
        if middle.holding:
            await self._hearing.follow(party, middle.body)
        return answer

    async def renegotiate(self, party: Party, other: Party, body: bytes) -> bytes:
        """Join the two anew with what one of them says now; returns what rtpengine answers it."""
        own = party.kept(body)
        await self._exchange.offer(party.tag, other.tag, own, _TRANSCODE)
        answer = await self._exchange.answer(
            party.tag, other.tag, sdp.answer_direction(other.body, body)
        )
        party.note_hold(body)
        await self._hearing.follow(other, body)
        party.body = own
        return answer

    async def to_stub(self, party: Party) -> bytes:
        """Let a party talk to nobody; what it is answered."""
        offered = await self._exchange.offer(party.tag, party.stub, party.body)
        stub = sdp.hold(sdp.restrict_codecs(offered, {sdp.preferred(offered)}))
        reply = await self._exchange.answer(party.tag, party.stub, stub)
        await self.listen(party)
        return reply if party.asked else party.answer(reply)

    async def listen(self, party: Party) -> None:
        """Keys of one who knows no events may be tones in the voice, which is decoded for that."""
        if party.tonal:
            await self._exchange.request("unblock DTMF", {"from-tag": party.tag, **_LISTENING})
