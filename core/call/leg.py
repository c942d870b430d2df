"""A leg: one SIP session as its call sees it, with its events in an inbox."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import ClassVar
from uuid import UUID

from core.call.inbox import Inbox
from core.contracts import Ring
from core.errors import SunSimError
from core.sdp import PLAIN
from core.sip.session import (
    Cancelled,
    Digit,
    Ended,
    ReofferAnswered,
    ReofferFailed,
    Session,
    SessionEvent,
)
from core.unheard import unheard

__all__ = ["COMPLETED_ELSEWHERE", "CalleeLeg", "Header", "Leg", "OfferRefused"]

Header = tuple[str, str]

COMPLETED_ELSEWHERE: Header = ("Reason", 'SIP;cause=200;text="Call completed elsewhere"')
"""Tells a phone not to show the call as missed (RFC 3326)."""

_GONE = ReofferFailed(481, "Gone")

_TURN = 0.1  # seconds until it is looked again whose turn it is


class OfferRefused(SunSimError):
    """The telephone does not take a new offer (SIP status {status})."""

    code: ClassVar[str] = "offer_refused"
    sip_status = 480


class Leg:
    """One party. ``name`` is its name in the media session; ``by`` is whose place it has, ``caller`` or
    ``callee``. ``ring`` says who it is, ``trunk_id`` by which carrier if it is outside.
    """

    __slots__ = (
        "_asked",
        "answered",
        "by",
        "events",
        "gone",
        "name",
        "on_digit",
        "ring",
        "session",
        "trunk_id",
    )

    def __init__(self, name: str, ring: Ring, trunk_id: UUID | None = None, by: str = "callee") -> None:
        self.name = name
        self.ring = ring
        self.trunk_id = trunk_id
        self.by = by
        self.answered = False
        self.gone = False  # it left, or we left it
        self.session: Session | None = None
        self.events: Inbox[SessionEvent] = Inbox()
        self.on_digit: Callable[[Digit], None] = unheard
        self._asked: asyncio.Future[ReofferAnswered | ReofferFailed] | None = None

    @property
    def employee_id(self) -> UUID | None:
        """Whose telephone it is, if it is one of the company's people."""
        return self.ring.employee_id

    @property
    def by_info(self) -> bool:
        """Whether its telephone says and takes keys by INFO only."""
        return self.session is not None and self.session.by_info

    @property
    def alive(self) -> bool:
        """Whether its session is its own still and goes on."""
        return not self.gone and self.session is not None and not self.session.leaving

    def hear(self, event: SessionEvent) -> None:
        """The session's events once it is answered: for ``events``, except answers to ``reoffer`` and
        digits, which go to ``on_digit``."""
        if isinstance(event, Digit):
            self.on_digit(event)
        elif isinstance(event, ReofferAnswered | ReofferFailed) and self._asked is not None:
            self._replied(event)
        else:
            self.events.put(event)
            if self._asked is not None and isinstance(event, Ended | Cancelled):
                self._replied(_GONE)

    async def reoffer(self, sdp: bytes) -> bytes:
        """Ask the party by re-INVITE to take a new offer; its answer. Raises OfferRefused.

        Waits for the ACK of the answer, and while another offer is under way. A party that leaves
        meanwhile has refused.
        """
        session = self.session
        assert session is not None, "an answered leg has its session"
        while self.alive and not session.reoffer(sdp):  # noqa: ASYNC110 - it says no word when it may
            await asyncio.sleep(_TURN)
        if not self.alive:
            raise OfferRefused(status=_GONE.status)
        self._asked = asyncio.get_running_loop().create_future()
        event = await self._asked
        if isinstance(event, ReofferFailed):
            raise OfferRefused(status=event.status)
        return event.sdp

    def end(self, reason: Header | None = None) -> None:
        """Leave the leg whatever its state, once; the session sends CANCEL or BYE as fits."""
        gone, self.gone = self.gone, True
        if self.session is not None and not gone:
            self.session.bye((reason,) if reason else ())
        if self._asked is not None:
            self._replied(_GONE)
        self.on_digit = unheard
        self.events.keep()  # whoever listened lets go of it, and it of him

    def _replied(self, event: ReofferAnswered | ReofferFailed) -> None:
        """To our offer, if one is under way."""
        asked, self._asked = self._asked, None
        if asked is not None and not asked.done():  # else nobody waits for it any more
            asked.set_result(event)


class CalleeLeg(Leg):
    """A leg that rings; ``over`` once it ended without a conversation. One that ``offers`` was not
    called: it comes by itself, with an INVITE; ``profile`` is what it is offered then if that offers
    nothing."""

    __slots__ = ("offers", "over", "profile", "rang")

    def __init__(
        self, name: str, ring: Ring, trunk_id: UUID | None = None, *, offers: bool = False
    ) -> None:
        super().__init__(name, ring, trunk_id)
        self.offers = offers
        self.profile = PLAIN
        self.rang = False
        self.over = False
