"""Ports for what tests start: nobody else on this machine gets them, before or after they are bound.

They lie beyond the ephemeral ports, which the kernel gives to whoever asks for any, in ranges that each
process of the tests claims for itself.
"""

import socket
from collections import deque
from itertools import islice

from core.media.ports import free_range

_FIRST, _LAST = 61000, 65499
_claimed = []
_ports = deque()


def free_port(host, span=1):
    """The first of ``span`` ports in a row that nobody has there, neither by UDP nor by TCP.

    It is given away again only after all the others.
    """
    for _ in range(len(_ports)):
        row = list(islice(_ports, span))
        _ports.rotate(-span)
        if row[-1] - row[0] == span - 1 and all(_is_free(host, port) for port in row):
            return row[0]
    _claimed.append(free_range(100, _FIRST, _LAST))
    _ports.extendleft(range(_claimed[-1].last, _claimed[-1].first - 1, -1))
    return free_port(host, span)


def _is_free(host, port):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp, socket.socket() as tcp:
        try:
            udp.bind((host, port))
            tcp.bind((host, port))
        except OSError:
            return False
    return True
