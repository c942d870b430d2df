"""Bencode (BEP 3), the encoding of rtpengine's ng protocol.

Byte strings stay ``bytes`` because an SDP is no text to us; keys of dictionaries become ``str``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

__all__ = ["BencodeError", "Value", "decode", "encode"]

Value = int | bytes | str | Sequence["Value"] | Mapping[str, "Value"]

_MAX_DEPTH = 32  # rtpengine nests about ten deep in `query`; this only stops a hostile datagram


class BencodeError(ValueError):
    """The bytes are not one bencoded value."""


def encode(value: Value) -> bytes:
    """The bencoded form; keys are sorted as BEP 3 asks, text is UTF-8.

    Raises TypeError for anything that bencode has no form for (a bool is no integer here).
    """
    parts: list[bytes] = []
    _encode(value, parts)
    return b"".join(parts)


@lru_cache(4096)
def _text(text: str) -> bytes:
    """Names of arguments and most of their values are the same in every message."""
    data = text.encode()
    return b"%d:%b" % (len(data), data)


def _encode(value: Value, parts: list[bytes]) -> None:
    kind = type(value)  # the usual ones first, and not by isinstance: eight messages a call
    if kind is str:
        parts.append(_text(value))
    elif kind is bytes:
        parts += (b"%d:" % len(value), value)  # type: ignore[arg-type]
    elif kind is tuple or kind is list:
        _encode_all(value, parts)  # type: ignore[arg-type]
    elif isinstance(value, Mapping):
        parts.append(b"d")
        for key in sorted(value):
            parts.append(_text(key))
            _encode(value[key], parts)
        parts.append(b"e")
    elif isinstance(value, int) and kind is not bool:
        parts.append(b"i%de" % value)
    elif isinstance(value, str | bytes):  # of a class of its own
        _encode(str(value) if isinstance(value, str) else bytes(value), parts)
    elif isinstance(value, Sequence):
        _encode_all(value, parts)
    else:
        raise TypeError(f"bencode has no form for {kind.__name__}")


def _encode_all(values: Sequence[Value], parts: list[bytes]) -> None:
    parts.append(b"l")
    for item in values:
        _encode(item, parts)
    parts.append(b"e")


def decode(data: bytes) -> Value:
    """The one value that ``data`` holds; BencodeError when it is cut short or something follows."""
    try:
        value, end = _decode(data, 0, 0)
    except IndexError:
        raise BencodeError("cut short") from None
    if end != len(data):
        raise BencodeError(f"{len(data) - end} bytes after the value")
    return value


_I, _L, _D, _E = b"ilde"


def _decode(data: bytes, at: int, depth: int) -> tuple[Value, int]:
    if depth > _MAX_DEPTH:
        raise BencodeError("nested too deep")
    kind = data[at]
    if kind == _D:
        return _dictionary(data, at + 1, depth)
    if kind == _L:
        return _list(data, at + 1, depth)
    if kind == _I:
        return _integer(data, at + 1)
    return _string(data, at)


def _integer(data: bytes, at: int) -> tuple[int, int]:
    stop = data.find(b"e", at, at + 24)
    digits = data[at:stop]
    if stop < 0 or not digits.removeprefix(b"-").isdigit():
        raise BencodeError(f"expected a number at byte {at}")
    return int(digits), stop + 1


def _string(data: bytes, at: int) -> tuple[bytes, int]:
    colon = data.find(b":", at, at + 24)
    digits = data[at:colon]
    if colon < 0 or not digits.isdigit():
        raise BencodeError(f"expected a length at byte {at}")
    end = colon + 1 + int(digits)
    if end > len(data):
        raise BencodeError(f"the string at byte {at} is cut short")
    return data[colon + 1 : end], end


def _list(data: bytes, at: int, depth: int) -> tuple[list[Value], int]:
    items: list[Value] = []
    while data[at] != _E:
        item, at = _decode(data, at, depth + 1)
        items.append(item)
    return items, at + 1


def _dictionary(data: bytes, at: int, depth: int) -> tuple[dict[str, Value], int]:
    items: dict[str, Value] = {}
    while data[at] != _E:
        key, at = _string(data, at)
        items[key.decode(errors="replace")], at = _decode(data, at, depth + 1)
    return items, at + 1
