"""What we can, as Allow, Supported and Accept say it (RFC 3261 §20)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from core.sip._wire import Message

__all__ = ["ALLOW", "CAPABILITIES", "DIGITS", "METHODS", "SUPPORTED", "bare", "lists"]

ALLOW = "INVITE, ACK, CANCEL, BYE, OPTIONS, REGISTER, PRACK, UPDATE, INFO, REFER, NOTIFY"
"""Every method that somebody may send us and that is not answered with 405."""

METHODS = frozenset(ALLOW.split(", "))

SUPPORTED = frozenset({"100rel", "outbound", "path", "timer"})
"""Option tags that a request may require. No ``replaces``: nobody may take over a call yet."""

DIGITS = ("application/dtmf-relay", "application/dtmf")
"""Bodies of INFO that hold a digit."""

CAPABILITIES = (
    ("Allow", ALLOW),
    ("Accept", ", ".join(("application/sdp", *DIGITS))),
    ("Supported", ", ".join(sorted(SUPPORTED))),
)
"""What an OPTIONS is told."""


def bare(message: Message, header: str) -> str:
    """The value of a header (Content-Type, Event) without its parameters, in lower case."""
    return (message.header(header) or "").partition(";")[0].strip().lower()


def lists(message: Message, header: str, tag: str) -> bool:
    """Whether a header with a list of tokens (Supported, Require, Allow) holds this one."""
    return any(each.strip().lower() == tag for each in message.headers(header))
