"""Files that a media server recorded: RTP packets in the pcap format.

What a server wrote before it was killed may end in the middle of a packet, and what it received may be
anything: what cannot be read is left out, and never a reason to lose the rest.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

__all__ = ["Packet", "packets"]

_MAGIC = {
    b"\xd4\xc3\xb2\xa1": ("<", 1e-6),
    b"\xa1\xb2\xc3\xd4": (">", 1e-6),
    b"\x4d\x3c\xb2\xa1": ("<", 1e-9),
    b"\xa1\xb2\x3c\x4d": (">", 1e-9),
}
_HEADER = 24
_LINKS = {101: 0, 1: 14}  # bytes before the IP header: raw IP, Ethernet
_LARGEST = 1 << 18
_UDP = 17
_RTP = struct.Struct("!BBHII")
_RTCP = range(64, 96)  # payload types that are RTCP on the same port (RFC 5761 §4)


class Packet(NamedTuple):
    """One RTP packet (RFC 3550 §5.1): when it came (epoch seconds), to which port, and what it says."""

    at: float
    port: int
    kind: int
    sequence: int
    stamp: int
    ssrc: int
    payload: bytes


def packets(file: BinaryIO) -> Iterator[Packet]:
    """The RTP packets of a file in their order there. Of one that is still written to, those that are
    there; asked again of the same open file, those that came since."""
    start = file.tell()
    file.seek(0)
    header = file.read(_HEADER)
    if len(header) < _HEADER or header[:4] not in _MAGIC:
        return
    order, fraction = _MAGIC[header[:4]]
    record = struct.Struct(f"{order}IIII")
    skip = _LINKS.get(struct.unpack_from(f"{order}I", header, 20)[0])
    if skip is None:
        return
    start = max(start, _HEADER)
    file.seek(start)
    while len(head := file.read(record.size)) == record.size:
        seconds, parts, length, _ = record.unpack(head)
        data = file.read(length) if length <= _LARGEST else b""
        if len(data) < length or not length:  # the end of a file that nobody finished
            break
        start += record.size + length
        packet = _packet(seconds + parts * fraction, data[skip:])
        if packet is not None:
            yield packet
    file.seek(start)


def _packet(at: float, data: bytes) -> Packet | None:
    start = _udp(data)
    if start is None or len(data) < start + 8:
        return None
    port, length = struct.unpack_from("!HH", data, start + 2)
    return _rtp(at, port, data[start + 8 : start + length])


def _udp(data: bytes) -> int | None:
    """Where the UDP header begins; extension headers of IPv6 nobody sends here."""
    if len(data) >= 20 and data[0] >> 4 == 4:
        return 4 * (data[0] & 15) if data[9] == _UDP else None
    if len(data) >= 40 and data[0] >> 4 == 6:
        return 40 if data[6] == _UDP else None
    return None


def _rtp(at: float, port: int, data: bytes) -> Packet | None:
    if len(data) < _RTP.size or data[0] >> 6 != 2:
        return None
    flags, kind, sequence, stamp, ssrc = _RTP.unpack_from(data)
    kind &= 0x7F
    start, end = _RTP.size + 4 * (flags & 15), len(data)
    if flags & 0x10 and start + 4 <= end:  # header extension (§5.3.1)
        start += 4 + 4 * int.from_bytes(data[start + 2 : start + 4], "big")
    if flags & 0x20:  # padding (§5.1)
        end -= data[-1]
    if kind in _RTCP or start >= end:
        return None
    return Packet(at, port, kind, sequence, stamp, ssrc, data[start:end])
