"""Messages without what nobody may read: digests, keys of media, digits that a caller pressed.

A secret is overwritten, not cut out: lengths stay as they were, so that a message can be parsed, and
written into a capture, like the original.
"""

from __future__ import annotations

import re

__all__ = ["redact"]

_HEADERS = re.compile(
    rb"(?im)^(?:(?:proxy-)?authorization|(?:proxy-)?authentication-info)[ \t]*:[^\r\n]*"
    rb"(?:\r?\n[ \t][^\r\n]*)*"
)
_DIGEST = re.compile(rb'(?i)\b(?:response|rspauth)[ \t]*=[ \t\r\n]*"?([^",\s]*)')
_NOT_DIGEST = re.compile(rb"(?is)\A[^:]+:\s*(?!digest\b)\S+\s+(.*)")  # Basic and whatever else there is
_URI_PASSWORD = re.compile(rb"(?i)\bsips?:[^@:\s<>\"]+:([^@\s<>\"]+)@")
_KEYS = re.compile(
    rb"(?im)^(?:a=crypto:[^\r\n]*?inline:|a=ice-pwd:|a=key-mgmt:|k=)([^\r\n]*)"
)  # RFC 4568, 8839, 4567, 4566
_PRESSED = re.compile(rb"(?im)^(?:signal[ \t]*=[ \t]*)?([0-9A-D*#]+)[ \t]*\r?$")
_DTMF = re.compile(rb"(?im)^(?:content-type|c)[ \t]*:[ \t]*application/[^\r\n]*dtmf")


def redact(message: bytes) -> bytes:
    """The message with every secret overwritten by ``x``; what holds none is returned as it is."""
    head, gap, body = message.partition(b"\r\n\r\n")
    if b"uth" in head or b"UTH" in head:  # cheap, and most messages have none
        head = _HEADERS.sub(_credentials, head)
    if b":" in head:
        head = _URI_PASSWORD.sub(_hidden, head)
    if body:
        body = _KEYS.sub(_hidden, body)
        if _DTMF.search(head):
            body = _PRESSED.sub(_hidden, body)
    return head + gap + body


def _credentials(match: re.Match[bytes]) -> bytes:
    value = match.group()
    if b"info" in value[:30].lower():
        return _DIGEST.sub(_hidden, value)
    return _NOT_DIGEST.sub(_hidden, _DIGEST.sub(_hidden, value))


def _hidden(match: re.Match[bytes]) -> bytes:
    start, end = match.span(1)
    whole, offset = match.group(), match.start()
    return whole[: start - offset] + b"x" * (end - start) + whole[end - offset :]
