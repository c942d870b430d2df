"""Telephone numbers: one way in (``+E.164`` text) from the many ways people and carriers write them.

Russian forms take a fast path, compiled if it can be; every other form goes to libphonenumber, which
costs more than many routing decisions. RFC 3966 (tel: URIs), ITU-T E.164.
"""

from __future__ import annotations

from collections.abc import Callable

import phonenumbers

__all__ = [
    "EMERGENCY",
    "is_domestic",
    "is_extension",
    "is_outside",
    "normalize",
    "pretty",
    "public_short",
    "russian",
]

_DROP = str.maketrans("", "", " \t-.()\u00a0\u2011\u2013")
_PREMIUM = frozenset({"803", "809"})
EMERGENCY = frozenset({"101", "102", "103", "104", "112"})
"""Fire, police, ambulance, gas, and the one number for all of them: never refused."""

_SERVICES = frozenset({"115", "122", "123"})  # public services, health, children in danger
_SHORT = EMERGENCY | _SERVICES
_OLD_EMERGENCY = frozenset({"01", "02", "03", "04"})  # as people learnt them, and still dial
_ANONYMOUS = frozenset({"", "anonymous", "unknown", "restricted", "unavailable"})


def normalize(text: str, country: str = "RU") -> str | None:
    """``+E.164`` of a number as written, dialled or signalled; ``None`` if it is none.

    ``8 (495) 123-45-67``, ``7495…``, ``+7495…``, ``495…`` (ten digits) are Russian;
    ``00`` and ``810`` are international prefixes. Anonymous callers give ``None``.
    """
    if country == "RU" and (number := _russian(text)):
        return number
    digits = text.translate(_DROP)
    if digits.casefold() in _ANONYMOUS:
        return None
    plus = digits.startswith("+")
    if plus:
        digits = digits[1:]
    if not digits.isascii() or not digits.isdigit():
        return None
    return _foreign(f"+{digits}" if plus else digits, country)


def is_extension(text: str) -> bool:
    """Whether this can be an extension number: 2 to 6 digits (EMP-12)."""
    return 2 <= len(text) <= 6 and text.isascii() and text.isdigit()


def public_short(text: str) -> str | None:
    """The short number of the public network that was dialled, as carriers know it; ``None`` if none.

    They look like extensions; who has such an extension is asked first (ADR 0006).
    """
    if text in _OLD_EMERGENCY:
        return f"1{text}"
    return text if text in _SHORT else None


def is_outside(address: str) -> bool:
    """Whether a ring's address is a telephone number, for a carrier, and not a SIP login."""
    return address.startswith("+") or address in _SHORT


def is_domestic(e164: str) -> bool:
    """Whether a call there costs what calls within the country cost, or nothing.

    +7 6xx and +7 7xx are Kazakhstan; +7 803 and +7 809 are services that charge extra.
    """
    if e164 in _SHORT:
        return True
    return e164.startswith("+7") and e164[2:3] not in ("6", "7") and e164[2:5] not in _PREMIUM


def pretty(e164: str | None) -> str:
    """How people read it: ``+7 495 123-45-67``; other countries as libphonenumber formats them."""
    if not e164:
        return ""
    if e164.startswith("+7") and len(e164) == 12:
        return f"+7 {e164[2:5]} {e164[5:8]}-{e164[8:10]}-{e164[10:12]}"
    try:
        parsed = phonenumbers.parse(e164)
    except phonenumbers.NumberParseException:
        return e164
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.INTERNATIONAL)


def russian(text: str) -> str | None:
    """``+7`` and ten digits of a Russian number as people and carriers write it, or ``None``."""
    digits = text.translate(_DROP)
    plus = digits.startswith("+")
    if plus:
        digits = digits[1:]
    if not digits.isascii() or not digits.isdigit():
        return None
    if len(digits) == 11 and (digits[0] == "7" or (digits[0] == "8" and not plus)):
        return "+7" + digits[1:]
    if len(digits) == 10 and not plus and digits[0] in "3489":
        return "+7" + digits
    return None


def _find() -> Callable[[str], str | None]:
    try:
        from core import _russian
    except ImportError:  # slower, with the same answers
        return russian
    return _russian.russian


_russian = _find()


def _foreign(text: str, country: str) -> str | None:
    for prefix in ("810", "00"):
        if country == "RU" and text.startswith(prefix):
            text = "+" + text[len(prefix) :]
            break
    try:
        parsed = phonenumbers.parse(text, country)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(parsed):
        return None
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
