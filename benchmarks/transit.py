"""How long an INVITE takes through a server: the kernel's time of its packet in and of the one out.

Listens to the loopback interface (root only), so that neither the server nor SIPp is asked. The two
INVITEs of a call are known to belong together by the caller's name, which both servers pass on.
"""

from __future__ import annotations

import ctypes
import re
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["Transit", "observed"]

_ETH_P_IP = 0x0800
_OUTGOING = 4  # PACKET_OUTGOING: on loopback every packet is seen leaving, and again arriving
_SO_TIMESTAMPNS = 35
_SO_ATTACH_FILTER = 26
_CALLER = re.compile(rb'\r\nFrom: "?(Caller \d+)')
_BUFFER = 1 << 23
# UDP whose payload begins with "INVI": (code, jump if true, jump if false, k) of classic BPF, from
# the link header of 14 bytes on.
_INVITES = (
    (0x30, 0, 0, 23),  # the protocol
    (0x15, 0, 5, 17),
    (0xB1, 0, 0, 14),  # X = length of the IP header
    (0x40, 0, 0, 14 + 8),  # the first word of what UDP carries
    (0x15, 0, 2, 0x494E5649),
    (0x06, 0, 0, 2048),
    (0x06, 0, 0, 0),
    (0x06, 0, 0, 0),
)


class Transit:
    """Collected by caller's name: the nanosecond of the first INVITE in, and of the first out."""

    def __init__(self, server: int) -> None:
        """``server`` is the port of the server that is observed."""
        self._server = server
        self._came: dict[bytes, int] = {}
        self._left: dict[bytes, int] = {}

    def packet(self, frame: bytes, at: int) -> None:
        """An Ethernet frame that holds an INVITE."""
        header = 14 + 4 * (frame[14] & 15)
        source, target = struct.unpack_from("!HH", frame, header)
        caller = _CALLER.search(frame)
        if caller is None:
            return
        if target == self._server:
            self._came.setdefault(caller[1], at)
        elif source == self._server:
            self._left.setdefault(caller[1], at)

    def milliseconds(self) -> list[float]:
        """From in to out of every call whose INVITE came out."""
        return [(self._left[name] - at) / 1e6 for name, at in self._came.items() if name in self._left]


@contextmanager
def observed(server: int) -> Iterator[Transit | None]:
    """The INVITEs to and from a port of this machine, while it lasts; None if that is not allowed."""
    transit = Transit(server)
    try:
        sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ETH_P_IP))
    except PermissionError:
        yield None
        return
    with sock:
        program = b"".join(struct.pack("HBBI", *each) for each in _INVITES)
        memory = ctypes.create_string_buffer(program)
        packed = struct.pack("HL", len(_INVITES), ctypes.addressof(memory))
        sock.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, packed)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
        sock.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        sock.bind(("lo", _ETH_P_IP))
        sock.settimeout(0.1)
        over = threading.Event()
        listener = threading.Thread(target=_listen, args=(sock, transit, over))
        listener.start()
        try:
            yield transit
        finally:
            over.set()
            listener.join()


def _listen(sock: socket.socket, transit: Transit, over: threading.Event) -> None:
    while True:
        try:
            frame, ancillary, _, address = sock.recvmsg(2048, 64)
        except TimeoutError:
            if over.is_set():
                return
            continue
        if address[2] == _OUTGOING:
            continue
        for _, kind, value in ancillary:
            if kind == _SO_TIMESTAMPNS:
                seconds, nanoseconds = struct.unpack("qq", value)
                transit.packet(frame, seconds * 1_000_000_000 + nanoseconds)
