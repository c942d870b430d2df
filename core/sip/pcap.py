"""Traced messages as a capture file that tcpdump and Wireshark read.

The classic format (libpcap's savefile, link type RAW: packets begin with their IP header). What went by
UDP is a datagram again. Of connections only the messages are known, so each is a TCP segment with the
sequence number that the messages before it make; TLS and WebSocket show the SIP that they carried.
"""

from __future__ import annotations

import struct
from collections import defaultdict
from ipaddress import ip_address

from core.sip.tap import Traced

__all__ = ["GLOBAL_HEADER", "Capture"]

_RAW = 101  # LINKTYPE_RAW
_SNAP = 262_144
GLOBAL_HEADER = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, _SNAP, _RAW)

_TCP, _UDP = 6, 17
_SEGMENT = 16_384  # an IP packet has at most 65535 bytes, a message of ours up to 64 KB
_PSH_ACK = 0x18
_TTL = 64

_Address = tuple[str, int]


class Capture:
    """Makes the packets of one file; remembers how far each connection is."""

    def __init__(self) -> None:
        self._sequence: defaultdict[tuple[_Address, _Address], int] = defaultdict(lambda: 1)

    def packets(self, message: Traced) -> bytes:
        """The records of one message, to be written after ``GLOBAL_HEADER``."""
        source, target = message.remote, message.local
        if message.sent:
            source, target = target, source
        if message.transport == "UDP":
            return _record(message.at, _datagram(source, target, message.data))
        parts = range(0, len(message.data), _SEGMENT)
        return b"".join(
            _record(message.at, self._segment(source, target, message.data[at : at + _SEGMENT]))
            for at in parts
        )

    def _segment(self, source: _Address, target: _Address, data: bytes) -> bytes:
        sequence = self._sequence[source, target]
        self._sequence[source, target] = (sequence + len(data)) & 0xFFFF_FFFF
        head = struct.pack(
            "!HHIIBBHHH",
            source[1],
            target[1],
            sequence,
            self._sequence[target, source],
            5 << 4,
            _PSH_ACK,
            0xFFFF,
            0,
            0,
        )
        return _packet(source[0], target[0], _TCP, head, data, checksum_at=16)


def _datagram(source: _Address, target: _Address, data: bytes) -> bytes:
    head = struct.pack("!HHHH", source[1], target[1], 8 + len(data), 0)
    return _packet(source[0], target[0], _UDP, head, data, checksum_at=6)


def _packet(
    source: str, target: str, protocol: int, head: bytes, data: bytes, *, checksum_at: int
) -> bytes:
    """The packet with both checksums (RFC 791, 768, 9293; RFC 8200 §8.1 for IPv6)."""
    sender, receiver = ip_address(source), ip_address(target)
    six = sender.version == 6
    size = len(head) + len(data)
    numbers = struct.pack("!II" if six else "!HH", *((size, protocol) if six else (protocol, size)))
    total = _checksum(sender.packed + receiver.packed + numbers + head + data)
    head = head[:checksum_at] + struct.pack("!H", total or 0xFFFF) + head[checksum_at + 2 :]
    if six:
        ip = struct.pack("!IHBB", 6 << 28, size, protocol, _TTL) + sender.packed + receiver.packed
        return ip + head + data
    ends = sender.packed + receiver.packed
    ip = struct.pack("!BBHHHBBH", 0x45, 0, 20 + size, 0, 0x4000, _TTL, protocol, 0)
    ip = ip[:10] + struct.pack("!H", _checksum(ip + ends))
    return ip + ends + head + data


def _checksum(data: bytes) -> int:
    """The Internet checksum (RFC 1071)."""
    if len(data) % 2:
        data += b"\0"
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def _record(at: float, packet: bytes) -> bytes:
    seconds, rest = divmod(round(at * 1_000_000), 1_000_000)
    return struct.pack("<IIII", seconds, rest, len(packet), len(packet)) + packet
