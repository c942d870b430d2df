"""Who of the two who are joined is not heard by the other one, and why: he is on hold, or a clip is
played to the other one meanwhile.

rtpengine passes audio on whatever the directions of an SDP say, and beside what it plays (measured), so
it is told to stop.
"""

from __future__ import annotations

from core import sdp
from core.media.exchange import Exchange
from core.media.party import Party

__all__ = ["Hearing"]

_DEAF = ("sendonly", "inactive")


class Hearing:
    """Of one session; whoever is parted is heard by the next one."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._covered: set[str] = set()  # by a clip that the other one hears
        self._blocked: set[str] = set()  # for whatever reason

    async def cover(self, party: Party) -> None:
        """Whoever hears this one hears a clip instead."""
        if party.tag not in self._covered:
            self._covered.add(party.tag)
            await self._block(party, wanted=True)

    async def uncover(self, party: Party, *, held: bool) -> None:
        """The clip is over; with ``held`` nothing is heard."""
        if party.tag in self._covered:
            self._covered.remove(party.tag)
            await self._block(party, wanted=held)

    async def follow(self, party: Party, body: bytes) -> None:
        """Whoever hears this one said a body: what it does not want to hear is not passed on."""
        deaf = sdp.direction(body) in _DEAF
        await self._block(party, wanted=deaf or party.tag in self._covered)

    async def part(self, *parties: Party) -> None:
        """These part: who hears them next is another one."""
        for party in parties:
            self._covered.discard(party.tag)
            if party.tag in self._blocked:
                await self._block(party, wanted=False)

    def forget(self, party: Party) -> None:
        """It is gone, and what the server knew of it."""
        self._covered.discard(party.tag)
        self._blocked.discard(party.tag)

    def begin(self) -> None:
        """Another server knows nothing of all this."""
        self._covered.clear()
        self._blocked.clear()

    async def _block(self, party: Party, *, wanted: bool) -> None:
        (self._blocked.add if wanted else self._blocked.discard)(party.tag)
        command = "block media" if wanted else "unblock media"
        await self._exchange.request(command, {"from-tag": party.tag})
