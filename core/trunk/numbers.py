"""How a carrier writes telephone numbers, both ways (``Trunk.number_format``)."""

from __future__ import annotations

from core.contracts import NumberFormat
from core.numbers import normalize
from core.sip.uri import SipUri, UriError

__all__ = ["from_uri", "read", "write"]


def write(e164: str, form: NumberFormat) -> str:
    """``+E.164`` as the carrier wants it in the user part of a URI (RFC 3261 §19.1.1).

    A short number has one form only.
    """
    if form is NumberFormat.E164 or not e164.startswith("+"):
        return e164
    if form is NumberFormat.DIGITS:
        return e164[1:]
    return "8" + e164[2:] if e164.startswith("+7") else "810" + e164[1:]


def read(text: str, form: NumberFormat) -> str | None:
    """``+E.164`` of what the carrier wrote; ``None`` if it is no number.

    Digits alone are E.164 with a carrier that leaves out the plus. Every other form is read as
    people in Russia write numbers, ``8…`` and ``810…`` included, whatever was agreed.
    """
    if form is NumberFormat.DIGITS and text.isascii() and text.isdigit():
        found = normalize(f"+{text}")
        if found is not None:
            return found
    return normalize(text)


def from_uri(uri: str, form: NumberFormat) -> str | None:
    """The number that a SIP or tel URI names; a global ``phone-context`` completes it (RFC 3966)."""
    try:
        parsed = SipUri.parse(uri)
    except UriError:
        return None
    params = parsed.params if parsed.scheme == "tel" else parsed.user_params
    context = params.get("phone-context", "")
    if context.startswith("+") and not parsed.user.startswith("+"):
        return normalize(context + parsed.user) or read(parsed.user, form)
    return read(parsed.user, form)
