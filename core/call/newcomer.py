"""One who came by itself, without an offer: it gets ours in the 200 and answers in its ACK."""

from __future__ import annotations

from typing import ClassVar

from core import sdp
from core.call.leg import CalleeLeg
from core.errors import MediaRefused, SunSimError
from core.ports import MediaSession
from core.sip.session import Cancelled, Confirmed, Ended, Reoffer

__all__ = ["NewcomerLeft", "ask"]

_LATER = 500


class NewcomerLeft(SunSimError):
    """Who wanted to take the call left before it said what it speaks: {reason}"""

    code: ClassVar[str] = "newcomer_left"
    sip_status = 480


async def ask(leg: CalleeLeg, media: MediaSession) -> bytes:
    """Answer it with an offer; what it says to that, as anybody does who was called.

    Raises NewcomerLeft, or MediaUnavailable: also if it encrypts nothing where that is a must.
    """
    session = leg.session
    assert session is not None, "who comes has a session"
    session.answer(await media.ring(leg.name, leg.profile))
    leg.offers = False
    while True:
        event = await leg.events.get()
        if isinstance(event, Ended | Cancelled):
            leg.gone = True
            raise NewcomerLeft(reason=event.reason)
        if isinstance(event, Reoffer):
            session.refuse(_LATER)
        elif isinstance(event, Confirmed):
            if not event.sdp or (leg.profile.mandatory and not sdp.profile(event.sdp).mandatory):
                raise MediaRefused()
            return event.sdp
