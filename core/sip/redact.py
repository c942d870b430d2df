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
_BLANK = re.compile(rb"\r?\n\r?\n")  # the lines of some end with LF alone
_KEYS = re.compile(
    rb"(?im)^(?:a=crypto:[^\r\n]*?inline:|a=ice-pwd:|a=key-mgmt:|k=)([^\r\n]*)"
)  # RFC 4568, 8839, 4567, 4566
_PRESSED = re.compile(rb"(?im)^(?:signal[ \t]*=[ \t]*)?([0-9A-D*#]+)[ \t]*\r?$")
_DTMF = re.compile(rb"(?im)^(?:content-type|c)[ \t]*:\s*application/[^\r\n]*dtmf")


def redact(message: bytes) -> bytes:
    """The message with every secret overwritten by ``x``; what holds none is returned as it is."""
    if b"uth" in message or b"UTH" in message:  # cheap, and most messages have none
        message = _HEADERS.sub(_credentials, message)
    if b":" in message:
        message = _URI_PASSWORD.sub(_hidden, message)
    blank = _BLANK.search(message)
    if blank is None or blank.end() == len(message):
        return message
    body = _KEYS.sub(_hidden, message[blank.end() :])
    if _DTMF.search(message):
        body = _PRESSED.sub(_hidden, body)
    return message[: blank.end()] + body


def _credentials(match: re.Match[bytes]) -> bytes:
    value = match.group()
    if b"info" in value[:30].lower():
        return _DIGEST.sub(_hidden, value)
    return _NOT_DIGEST.sub(_hidden, _DIGEST.sub(_hidden, value))


def _hidden(match: re.Match[bytes]) -> bytes:
    start, end = match.span(1)
    whole, offset = match.group(), match.start()
    return whole[: start - offset] + b"x" * (end - start) + whole[end - offset :]
