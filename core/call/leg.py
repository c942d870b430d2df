"""A leg: one SIP session as its call sees it, with its events in a queue that a coroutine reads."""

from __future__ import annotations

import asyncio

from core.contracts import Ring
from core.sip.session import Session, SessionEvent

__all__ = ["COMPLETED_ELSEWHERE", "CalleeLeg", "Header", "Leg"]

Header = tuple[str, str]

COMPLETED_ELSEWHERE: Header = ("Reason", 'SIP;cause=200;text="Call completed elsewhere"')
"""Tells a phone not to show the call as missed (RFC 3326)."""


class Leg:
    """One party. ``name`` is its name in the media session."""

    __slots__ = ("answered", "events", "name", "session")

    def __init__(self, name: str) -> None:
        self.name = name
        self.answered = False
        self.session: Session | None = None
        self.events: asyncio.Queue[SessionEvent] = asyncio.Queue()

    def end(self, reason: Header | None = None) -> None:
        """Leave the leg whatever its state; the session sends CANCEL or BYE as fits."""
        if self.session is not None:
            self.session.bye((reason,) if reason else ())


class CalleeLeg(Leg):
    """A leg that rings, on a terminal or outside."""

    __slots__ = ("rang", "ring")

    def __init__(self, name: str, ring: Ring) -> None:
        super().__init__(name)
        self.ring = ring
        self.rang = False
