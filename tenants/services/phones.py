"""What people type as numbers: telephone numbers, extensions, e-mail addresses.

Stored form: ``+E.164`` for telephone numbers, digits for extensions, lower case for e-mail.
"""

from __future__ import annotations

import re

from core.errors import FieldError
from core.numbers import is_domestic, is_extension, normalize

__all__ = ["dialled", "email", "extension", "forwardable", "telephone"]

# Deliberately strict: no quoted local parts, no CR/LF, no address literals.
_EMAIL = re.compile(
    r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.)*[A-Za-z0-9-]{2,63}"
)


def telephone(text: str) -> str:
    """``+E.164`` of what was typed. Raises FieldError if it cannot be a telephone number."""
    number = normalize(text)
    if number is None:
        raise FieldError("This is not a telephone number.")
    return number


def forwardable(text: str) -> str:
    """A telephone number where calls are forwarded (``numbers.is_domestic``). Raises FieldError."""
    number = telephone(text)
    if not is_domestic(number):
        raise FieldError("Calls are not forwarded abroad or to numbers that cost extra.")
    return number


def dialled(text: str) -> str:
    """What an employee may dial: an extension, or a telephone number. Raises FieldError."""
    return text.strip() if is_extension(text.strip()) else forwardable(text)


def extension(text: str) -> str:
    """An extension: 2–6 digits (EMP-12). Raises FieldError."""
    plain = text.strip()
    if not is_extension(plain):
        raise FieldError("An extension has 2 to 6 digits.")
    if plain == "112":  # ADR 0006
        raise FieldError("The emergency number 112 cannot be an extension.")
    return plain


def email(text: str) -> str:
    """An address as it is compared and stored: lower case. Raises FieldError."""
    plain = text.strip()
    local, _, host = plain.partition("@")
    dots = ".." in plain or local.startswith(".") or local.endswith(".")
    if len(plain) > 254 or dots or not _EMAIL.fullmatch(plain) or host.startswith("-"):
        raise FieldError("This is not an e-mail address.")
    return plain.lower()
