"""What people type as numbers: telephone numbers, extensions, e-mail addresses.

Stored form: ``+E.164`` for telephone numbers, digits for extensions, lower case for e-mail.
"""

from __future__ import annotations

import re

import phonenumbers

from core.errors import FieldError

__all__ = ["email", "extension", "pretty", "telephone"]

_NOISE = str.maketrans("", "", " \t\u00a0()-–—./")
_RUSSIAN = re.compile(r"(?:\+?7|8)([3489]\d{9})")
_TEN_DIGITS = re.compile(r"[3489]\d{9}")
_EXTENSION = re.compile(r"\d{2,6}")
# Deliberately strict: no quoted local parts, no CR/LF, no address literals.
_EMAIL = re.compile(
    r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.)*[A-Za-z0-9-]{2,63}"
)


def telephone(text: str, region: str = "RU") -> str:
    """``+E.164`` of what was typed; Russian forms (8…, 7…, ten digits) by a short path.

    Raises FieldError if it cannot be a telephone number.
    """
    plain = text.strip().translate(_NOISE)
    if plain.isascii():
        if match := _RUSSIAN.fullmatch(plain):
            return f"+7{match[1]}"
        if region == "RU" and _TEN_DIGITS.fullmatch(plain):
            return f"+7{plain}"
    try:
        number = phonenumbers.parse(plain, region)
    except phonenumbers.NumberParseException:
        raise FieldError("This is not a telephone number.") from None
    # "Possible" checks the length only: number plans change faster than any library.
    # (It knows 14-digit Russian service numbers, which nobody can call from outside.)
    short = number.country_code != 7 or number.national_number < 10**10
    if not (short and phonenumbers.is_possible_number(number)) or number.extension:
        raise FieldError("This is not a telephone number.")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def pretty(e164: str) -> str:
    """A number for people: ``+7 495 123-45-67``."""
    try:
        number = phonenumbers.parse(e164)
    except phonenumbers.NumberParseException:
        return e164
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.INTERNATIONAL)


def extension(text: str) -> str:
    """An extension: 2–6 digits (EMP-12). Raises FieldError."""
    plain = text.strip()
    if not (plain.isascii() and _EXTENSION.fullmatch(plain)):
        raise FieldError("An extension has 2 to 6 digits.")
    return plain


def email(text: str) -> str:
    """An address as it is compared and stored: lower case. Raises FieldError."""
    plain = text.strip()
    local, _, host = plain.partition("@")
    dots = ".." in plain or local.startswith(".") or local.endswith(".")
    if len(plain) > 254 or dots or not _EMAIL.fullmatch(plain) or host.startswith("-"):
        raise FieldError("This is not an e-mail address.")
    return plain.lower()
