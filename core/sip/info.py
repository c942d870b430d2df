"""INFO inside a dialog: digits that a phone sends by signalling (RFC 6086, legacy usage §4.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.sdp import TELEPHONE_KEYS
from core.sip.capabilities import DIGITS, bare, lists
from core.sip.session_events import Digit

if TYPE_CHECKING:
    from core.sip._wire import Message
    from core.sip.session import Headers, Session
    from core.sip.transaction_server import ServerTransaction

__all__ = ["read_digit", "receive", "relayed", "without_events"]

_USUAL, _LONGEST = 160, 6000  # milliseconds


def receive(session: Session, request: Message, transaction: ServerTransaction) -> None:
    """A digit goes to the owner; an empty INFO asks whether we are there, anything else is 415."""
    kind = bare(request, "Content-Type")
    if request.header("Info-Package") is not None:
        transaction.respond(469, headers=(("Recv-Info", ""),))
    elif not request.body:
        transaction.respond(200)
    elif kind not in DIGITS:
        transaction.respond(415, headers=(("Accept", ", ".join(DIGITS)),))
    else:
        digit = read_digit(kind, request.body)
        transaction.respond(400 if digit is None else 200)
        if digit is not None:
            session.tell(digit)


def read_digit(kind: str, body: bytes) -> Digit | None:
    """The digit in a body of this type, ``None`` if there is none in it.

    ``application/dtmf-relay`` has lines ``Signal=5`` and ``Duration=160`` (milliseconds),
    ``application/dtmf`` the digit alone. Ten to sixteen stand for ``*``, ``#`` and A to D.
    """
    text = body.decode("latin-1").strip()
    signal, duration = text, _USUAL
    if kind == "application/dtmf-relay":
        pairs = (line.partition("=") for line in text.splitlines())
        fields = {name.strip().lower(): value.strip() for name, _, value in pairs}
        signal = fields.get("signal", "")
        given = fields.get("duration", "")
        if given.isascii() and given.isdigit() and len(given) < 6:
            duration = min(max(int(given), 1), _LONGEST)
    signal = signal.upper()
    if len(signal) == 2 and signal.isascii() and signal.isdigit() and int(signal) < len(TELEPHONE_KEYS):
        signal = TELEPHONE_KEYS[int(signal)]
    return Digit(signal, duration) if len(signal) == 1 and signal in TELEPHONE_KEYS else None


def without_events(body: bytes, message: Message) -> bool:
    """Whether the sender of a message and its body knows keys by INFO and not by RFC 4733."""
    return bool(body) and b"telephone-event" not in body.lower() and lists(message, "Allow", "info")


def relayed(digit: str, milliseconds: int) -> tuple[Headers, bytes]:
    """Headers and body of the INFO that says a digit."""
    body = f"Signal={digit}\r\nDuration={milliseconds}\r\n".encode()
    return (("Content-Type", DIGITS[0]),), body
