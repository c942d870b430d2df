"""Bencode (BEP 3), the encoding of rtpengine's ng protocol.

Byte strings stay ``bytes`` because an SDP is no text to us; keys of dictionaries become ``str``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

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


def _encode(value: Value, parts: list[bytes]) -> None:
    if isinstance(value, str):
        value = value.encode()
    if isinstance(value, bytes):
        parts += (b"%d:" % len(value), value)
    elif isinstance(value, Mapping):
        parts.append(b"d")
        for key in sorted(value):
            _encode(key, parts)
            _encode(value[key], parts)
        parts.append(b"e")
    elif isinstance(value, Sequence):
        parts.append(b"l")
        for item in value:
            _encode(item, parts)
        parts.append(b"e")
    elif isinstance(value, int) and not isinstance(value, bool):
        parts.append(b"i%de" % value)
    else:
        raise TypeError(f"bencode has no form for {type(value).__name__}")


def decode(data: bytes) -> Value:
    """The one value that ``data`` holds; BencodeError when it is cut short or something follows."""
    value, end = _decode(data, 0, 0)
    if end != len(data):
        raise BencodeError(f"{len(data) - end} bytes after the value")
    return value


def _decode(data: bytes, at: int, depth: int) -> tuple[Value, int]:
    if depth > _MAX_DEPTH:
        raise BencodeError("nested too deep")
    kind = data[at : at + 1]
    if kind == b"i":
        return _integer(data, at + 1, b"e")
    if kind == b"l":
        return _list(data, at + 1, depth)
    if kind == b"d":
        return _dictionary(data, at + 1, depth)
    return _string(data, at)


def _integer(data: bytes, at: int, end: bytes) -> tuple[int, int]:
    stop = data.find(end, at, at + 24)
    digits = data[at:stop]
    if stop < 0 or not digits.removeprefix(b"-").isdigit():
        raise BencodeError(f"expected a number at byte {at}")
    return int(digits), stop + 1


def _string(data: bytes, at: int) -> tuple[bytes, int]:
    length, start = _integer(data, at, b":")
    if length < 0 or start + length > len(data):
        raise BencodeError(f"the string at byte {at} is cut short")
    return data[start : start + length], start + length


def _list(data: bytes, at: int, depth: int) -> tuple[list[Value], int]:
    items: list[Value] = []
    while data[at : at + 1] != b"e":
        item, at = _decode(data, at, depth + 1)
        items.append(item)
    return items, at + 1


def _dictionary(data: bytes, at: int, depth: int) -> tuple[dict[str, Value], int]:
    items: dict[str, Value] = {}
    while data[at : at + 1] != b"e":
        key, at = _string(data, at)
        items[key.decode(errors="replace")], at = _decode(data, at, depth + 1)
    return items, at + 1
