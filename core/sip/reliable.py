"""Provisional answers that are acknowledged by PRACK (RFC 3262), on either side.

``Provisionals`` sends them, one at a time: each again and again until its PRACK comes. A 2xx waits
while one with a body is on its way (§3), so that offer and answer do not overtake each other.
``Fork`` is what a caller knows of one far side before the answer: there may be several of them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from random import randrange
from typing import TYPE_CHECKING, NamedTuple

from core.sip.capabilities import lists
from core.sip.timers import T1, TIMEOUT, Timer

if TYPE_CHECKING:
    from core.sip._wire import Message
    from core.sip.dialog import Dialog
    from core.sip.session import Headers
    from core.sip.transaction_server import InviteServer

__all__ = ["Fork", "Provisionals", "acknowledged_by", "reliable_number"]

_FIRST, _LIMIT = 1 << 15, 1 << 31


class _Waiting(NamedTuple):
    status: int
    headers: Headers
    body: bytes


class Provisionals:
    """The reliable provisional answers to one INVITE. ``on_lost`` is called if a PRACK never comes.

    ``described`` says that a body of ours was acknowledged.
    """

    __slots__ = (
        "_cseq",
        "_data",
        "_interval",
        "_lost",
        "_number",
        "_on_lost",
        "_queue",
        "_sent",
        "_tag",
        "_timer",
        "_transaction",
        "described",
    )

    def __init__(
        self, transaction: InviteServer, cseq: int, tag: str, on_lost: Callable[[], None]
    ) -> None:
        self._transaction = transaction
        self._cseq = cseq
        self._tag = tag
        self._on_lost = on_lost
        self._number = randrange(1, _FIRST)
        self._queue: deque[_Waiting] = deque()
        self._sent: _Waiting | None = None
        self._data = b""
        self._interval = T1
        self._timer: Timer | None = None
        self._lost: Timer | None = None
        self.described = False

    @property
    def describing(self) -> bool:
        """Whether one with a body waits for its PRACK or for its turn."""
        return (self._sent is not None and bool(self._sent.body)) or any(w.body for w in self._queue)

    def send(self, status: int, headers: Headers, body: bytes) -> None:
        """Send it, or let it wait for its turn."""
        self._queue.append(_Waiting(status, headers, body))
        if self._sent is None:
            self._next()

    def acknowledge(self, request: Message) -> bool:
        """A PRACK came; whether it is for the one that waits (else 481)."""
        sent = self._sent
        if sent is None or acknowledged_by(request) != (self._number, self._cseq, "INVITE"):
            return False
        self.stop()
        self._sent = None
        self.described = self.described or bool(sent.body)
        return True

    def go_on(self) -> None:
        """After the PRACK was answered: the next one's turn."""
        if self._queue:
            self._next()

    def stop(self) -> None:
        """Repeat nothing any more."""
        for timer in (self._timer, self._lost):
            if timer is not None:
                timer.cancel()
        self._timer = self._lost = None

    def end(self) -> None:
        """The final answer is given: what waits for its turn is not sent any more."""
        self.stop()
        self._queue.clear()

    def _next(self) -> None:
        self._sent = sent = self._queue.popleft()
        self._number += 1
        own = (("Require", "100rel"), ("RSeq", str(self._number)))
        self._data = self._transaction.respond(
            sent.status, headers=(*sent.headers, *own), body=sent.body, to_tag=self._tag
        )
        wheel = self._transaction.layer.wheel
        self._interval = T1
        self._timer = wheel.after(T1, self._repeat)
        self._lost = wheel.after(TIMEOUT, self._give_up)

    def _repeat(self) -> None:
        layer = self._transaction.layer
        layer.stats.retransmitted += 1
        layer.transmit(self._transaction.flow, self._data)
        self._interval *= 2  # without an upper limit (§3)
        self._timer = layer.wheel.after(self._interval, self._repeat)

    def _give_up(self) -> None:
        self.end()
        self._transaction.layer.stats.timeouts += 1
        self._on_lost()


class Fork:
    """One far side of our INVITE before the answer: a provisional answer, and then its dialog.

    ``response`` is the one that the dialog is made of: the last before it that says by a Contact
    where the far side is, else the first. ``sdp`` is the last body heard; with ``described`` it is the
    answer to our offer, as it came reliably, and only an UPDATE changes it. ``number`` is the last
    RSeq, 0 without one.
    """

    __slots__ = ("described", "dialog", "number", "response", "sdp")

    def __init__(self, response: Message) -> None:
        self.response = response
        self.dialog: Dialog | None = None
        self.number = 0
        self.sdp = b""
        self.described = False

    def heard(self, response: Message) -> None:
        """A further provisional answer of it."""
        if self.dialog is None and response.header("Contact") is not None:
            self.response = response

    def fresh(self, body: bytes) -> bytes:
        """The body of a provisional answer if it tells anything new, else nothing."""
        if not body or body == self.sdp or self.described:
            return b""
        self.sdp = body
        return body


def reliable_number(response: Message) -> int:
    """The RSeq of a provisional answer that wants a PRACK, 0 for any other."""
    given = response.header("RSeq")
    if given is None or not given.isascii() or not given.isdigit() or len(given) > 10:
        return 0
    number = int(given)
    return number if 0 < number < _LIMIT and lists(response, "Require", "100rel") else 0


def acknowledged_by(request: Message) -> tuple[int, int, str] | None:
    """RSeq, CSeq number and method in RAck (§7.2)."""
    words = (request.header("RAck") or "").split()
    if len(words) != 3 or not all(w.isascii() and w.isdigit() and len(w) < 11 for w in words[:2]):
        return None
    return int(words[0]), int(words[1]), words[2]
