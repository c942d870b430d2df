"""What the stack counts, as plain numbers for metrics to read."""

from __future__ import annotations

from collections import defaultdict

__all__ = ["Stats"]


class Stats:
    """Counters since the start; ``core.metrics`` and the tests read them, nothing resets them.

    ``requests`` and ``responses`` count what was received, by method and by status (our own methods
    only: whatever else arrives counts as ``other``). ``dropped`` counts by cause what got no answer,
    ``refused`` by status what got one without a session or a binding, ``shed`` by reason what was too
    much at that moment.
    """

    __slots__ = (
        "banned",
        "challenges",
        "dropped",
        "failed_logins",
        "logins",
        "refused",
        "requests",
        "responses",
        "retransmitted",
        "retransmitted_by_peer",
        "shed",
        "timeouts",
    )

    def __init__(self) -> None:
        self.requests: defaultdict[str, int] = defaultdict(int)
        self.responses: defaultdict[int, int] = defaultdict(int)
        self.dropped: defaultdict[str, int] = defaultdict(int)
        self.refused: defaultdict[int, int] = defaultdict(int)
        self.shed: defaultdict[str, int] = defaultdict(int)
        self.retransmitted = 0
        self.retransmitted_by_peer = 0
        self.timeouts = 0
        self.challenges = 0
        self.logins = 0
        self.failed_logins = 0
        self.banned = 0
