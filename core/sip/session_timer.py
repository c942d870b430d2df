"""Session timers: whoever is silent for too long is gone (RFC 4028).

Theory of operation. Every 2xx to an INVITE or UPDATE may agree on an interval and on who refreshes
the session. The refresher sends UPDATE (or, where the far side does not know it, a re-INVITE with
the same body) when half of the interval is over; the other one says BYE shortly before its end if
none came. A 2xx that says nothing ends the agreement. We refresh whenever we are free to choose,
for then we learn of a dead peer by the timeout of our own request.

A session whose far side does not know timers has no ``SessionTimer`` and pays for none of this.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from core.sip.capabilities import bare, lists
from core.sip.dialog_request import DialogRequest

if TYPE_CHECKING:
    from core.sip._wire import Message
    from core.sip.agent import Agent
    from core.sip.session import Headers, Session
    from core.sip.timers import Timer

__all__ = ["Interval", "SessionTimer", "Terms", "asking", "min_se", "terms_for", "too_brief"]

_GRACE = 32.0  # seconds before the end at which we give up waiting, or a third of a short interval
_AGAIN = 10.0  # seconds until a refresh that was refused or could not be sent is tried again
_LONGEST = 86400  # seconds that we let a far side ask for


class Interval(NamedTuple):
    """What we want: the usual interval and the shortest that we accept, in seconds."""

    seconds: int = 1800
    minimum: int = 90


class Terms(NamedTuple):
    """What a 2xx says: ``refresher`` is ``uac`` or ``uas`` of that one request."""

    seconds: int
    refresher: str


def asking(interval: Interval) -> Headers:
    """What an INVITE of ours says of timers, and of reliable provisional answers beside it."""
    return (
        ("Supported", "100rel, timer"),
        ("Session-Expires", str(max(interval.seconds, interval.minimum))),
        ("Min-SE", str(interval.minimum)),
    )


def too_brief(request: Message, interval: Interval) -> bool:
    """Whether a request is to be refused with 422 (§9)."""
    terms = _read(request.header("Session-Expires"))
    return (
        terms is not None and terms.seconds < interval.minimum and lists(request, "Supported", "timer")
    )


def terms_for(request: Message, interval: Interval) -> Terms | None:
    """What we agree to in our 2xx; ``None`` if nobody asked (§9)."""
    given = _read(request.header("Session-Expires"))
    knows = lists(request, "Supported", "timer")
    if given is None and not knows:
        return None
    seconds = interval.seconds if given is None else min(given.seconds, interval.seconds)
    seconds = max(seconds, min_se(request), interval.minimum)
    refresher = given.refresher if given is not None and knows else ""
    return Terms(seconds, refresher or "uas")


def min_se(message: Message) -> int:
    """The value of Min-SE, 0 without one."""
    given = bare(message, "Min-SE")
    return min(int(given), _LONGEST) if given.isascii() and given.isdigit() else 0


class SessionTimer:
    """The agreement of one session and its timer. ``update`` is whether the far side knows UPDATE."""

    __slots__ = ("_agent", "_end", "_next", "_ours", "_seconds", "_session", "update")

    def __init__(self, session: Session, agent: Agent) -> None:
        self._session = session
        self._agent = agent
        self._seconds = agent.interval.seconds
        self._ours = False
        self._next: Timer | None = None
        self._end = 0.0
        self.update = False

    def agree(self, request: Message) -> Headers:
        """They asked: what our 2xx says. The timer runs from now on, or no more."""
        terms = terms_for(request, self._agent.interval)
        if terms is None:
            self.stop()
            return ()
        self._learn(request)
        self._start(terms.seconds, ours=terms.refresher == "uas")
        value = ("Session-Expires", f"{terms.seconds};refresher={terms.refresher}")
        return (value, ("Require", "timer")) if terms.refresher == "uac" else (value,)

    def heard(self, response: Message) -> None:
        """They answered our request with a 2xx."""
        terms = _read(response.header("Session-Expires"))
        if terms is None:
            self.stop()
            return
        self._learn(response)
        self._start(max(terms.seconds, 1), ours=terms.refresher != "uas")

    def asks(self) -> Headers:
        """What a request of ours says that is a refresh, too."""
        role = "uac" if self._ours else "uas"
        return (
            ("Supported", "100rel, timer"),
            ("Session-Expires", f"{self._seconds};refresher={role}"),
            ("Min-SE", str(self._agent.interval.minimum)),
        )

    def refused(self, response: Message) -> None:
        """Our refresh was not accepted: once more, as they want it or a little later (§7.3)."""
        soon = _AGAIN
        if self.lengthen(response):
            soon = 0.0
        elif response.status in (405, 415, 420, 501) and self.update:
            self.update, soon = False, 0.0
        self._after(soon, self._refresh)

    def postpone(self) -> None:
        """The connection is gone: the phone may be back before the session expires (ADR 0009)."""
        self._after(_AGAIN, self._refresh)

    def lengthen(self, response: Message) -> bool:
        """Whether a refusal is 422 and asks for a longer interval, which is wanted from now on."""
        before, wanted = self._seconds, min_se(response) if response.status == 422 else 0
        self._seconds = max(before, wanted)
        return wanted > before

    def stop(self) -> None:
        """No session lasts for ever, but this one may."""
        if self._next is not None:
            self._next.cancel()
            self._next = None

    def _learn(self, message: Message) -> None:
        if message.header("Allow") is not None:
            self.update = lists(message, "Allow", "update")

    def _start(self, seconds: int, *, ours: bool) -> None:
        self._seconds, self._ours = seconds, ours
        self._end = self._agent.wheel.clock() + seconds - min(_GRACE, seconds / 3)
        if ours:
            self._after(seconds / 2, self._refresh)
        else:
            self.stop()
            self._next = self._agent.wheel.after(seconds - min(_GRACE, seconds / 3), self._expired)

    def _after(self, seconds: float, act: Callable[[], None]) -> None:
        """Act so much later, or say BYE if the session has ended by then."""
        self.stop()
        left = self._end - self._agent.wheel.clock()
        if seconds < left:
            self._next = self._agent.wheel.after(seconds, act)
        else:
            self._next = self._agent.wheel.after(max(left, 0.0), self._expired)

    def _refresh(self) -> None:
        session, dialog = self._session, self._session.dialog
        if dialog is None or not session.established:
            return
        if not self.update:
            if not session.refresh():  # an offer is under way, and refreshes by itself
                self._after(_AGAIN, self._refresh)
            return
        headers = (*self._agent.headers(dialog.hop(), sdp=b""), *self.asks())
        DialogRequest(
            *(session, self._agent, dialog, "UPDATE", headers),
            on_final=self._updated,
            on_silence=self._silent,
        )

    def _silent(self, lost: bool) -> None:
        if lost:
            self.postpone()
        else:
            self._session.dead(408, "Request Timeout")

    def _updated(self, response: Message) -> None:
        session = self._session
        if not session.established or session.dialog is None:
            return
        if response.status < 300:
            session.dialog.refresh(response)
            self.heard(response)
        else:
            self.refused(response)

    def _expired(self) -> None:
        self.stop()
        self._session.dead(408, "Session Expired")


def _read(value: str | None) -> Terms | None:
    if value is None:
        return None
    number, *params = (part.strip() for part in value.split(";"))
    if not number.isascii() or not number.isdigit():
        return None
    refresher = ""
    for param in params:
        name, _, given = param.partition("=")
        if name.strip().lower() == "refresher" and given.strip().lower() in ("uac", "uas"):
            refresher = given.strip().lower()
    return Terms(min(int(number[:6]), _LONGEST), refresher)
