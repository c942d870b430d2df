"""The numbers of keys in bodies (RFC 4568 §4.1): a phone's own, and those that rtpengine knows them by.

A phone that was called answers one of our keys under our number for it. When it makes an offer later,
to hold or to change its own key, it counts for itself, and rtpengine takes another number for another
agreement and makes a new key of ours. Phones may take that (§7.1.4), but some stay with the key that
they were told first and hear nothing any more. So rtpengine keeps seeing the number that was agreed
upon, and our key stays while theirs may change.
"""

from __future__ import annotations

import re

__all__ = ["as_agreed", "as_offered"]

_KEY = re.compile(rb"^a=crypto:(\d{1,9})[ \t]+([^ \t\r\n]+)[^\r\n]*\r?\n?", re.MULTILINE)


def as_agreed(offer: bytes, *said: bytes) -> bytes:
    """A later offer as rtpengine is to see it: the key of the suite in use under the number that was
    agreed upon, and no other. ``said`` are bodies of before, of which the first with a single key
    tells; unchanged if none does, or if the offer is without that suite."""
    agreed = next((keys[0] for body in said if len(keys := list(_KEY.finditer(body))) == 1), None)
    if agreed is None:
        return offer
    fitting = next((key for key in _KEY.finditer(offer) if key[2] == agreed[2]), None)
    if fitting is None:
        return offer
    kept = fitting.span()
    return _KEY.sub(lambda key: _numbered(key, agreed[1]) if key.span() == kept else b"", offer)


def as_offered(answer: bytes, offer: bytes) -> bytes:
    """Our answer with the number that the phone itself gave to that suite in its offer."""
    numbers: dict[bytes, bytes] = {}
    for key in _KEY.finditer(offer):
        numbers.setdefault(key[2], key[1])
    return _KEY.sub(lambda key: _numbered(key, numbers.get(key[2], key[1])), answer)


def _numbered(key: re.Match[bytes], number: bytes) -> bytes:
    return b"a=crypto:" + number + key[0][key.end(1) - key.start() :]
