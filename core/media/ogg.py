"""Packets of Opus in an Ogg file (RFC 3533, RFC 7845), so that any decoder reads them."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator

__all__ = ["opus"]

_SERIAL = 1
_FIRST, _LAST = 2, 4
_RATE = 48_000
_PAGE = struct.Struct("<4sBBqIIIB")


def opus(packets: Iterable[tuple[bytes, float]]) -> Iterator[bytes]:
    """Pages with these packets, each of which sounds for so many seconds; one follows the other."""
    head = struct.pack("<8sBBHIhB", b"OpusHead", 1, 2, 0, _RATE, 0, 0)
    yield _page(head, 0, 0, _FIRST)
    yield _page(struct.pack("<8sI", b"OpusTags", 0) + bytes(4), 0, 1)
    seconds, number = 0.0, 2
    for payload, length in packets:
        seconds += length
        yield _page(payload, round(seconds * _RATE), number)
        number += 1
    yield _page(b"", round(seconds * _RATE), number, _LAST)


def _page(packet: bytes, position: int, number: int, flags: int = 0) -> bytes:
    lacing = bytes([255] * (len(packet) // 255)) + bytes([len(packet) % 255])
    body = lacing + packet
    header = _PAGE.pack(b"OggS", 0, flags, position, _SERIAL, number, 0, len(lacing))
    checksum = _crc(header + body)
    return _PAGE.pack(b"OggS", 0, flags, position, _SERIAL, number, checksum, len(lacing)) + body


def _crc(data: bytes) -> int:
    value = 0
    for byte in data:
        value = (value << 8) & 0xFFFFFFFF ^ _TABLE[(value >> 24) ^ byte]
    return value


def _entry(index: int) -> int:
    value = index << 24
    for _ in range(8):
        value = (value << 1) ^ (0x104C11DB7 if value & 0x80000000 else 0)
    return value & 0xFFFFFFFF


_TABLE = tuple(map(_entry, range(256)))
