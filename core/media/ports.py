"""Whose RTP ports are whose on this machine.

rtpengine binds its ports with SO_REUSEADDR, so two of them with overlapping ranges take each other's
audio without a word (measured). A range is therefore claimed through abstract Unix sockets, one per
hundred ports: the kernel frees them with the process, and they live in the same network namespace as
the ports that they stand for.
"""

from __future__ import annotations

import random
import socket
from collections.abc import Iterator
from contextlib import ExitStack

from core.errors import SettingError

__all__ = ["PortRange", "free_range"]

_BLOCK = 100


class PortRange:
    """The ports from ``first`` to ``last``; ``claim`` makes them ours until ``release``."""

    def __init__(self, first: int, last: int) -> None:
        self.first = first
        self.last = last
        self._used = ExitStack()
        self._reserved = ExitStack()

    def claim(self) -> None:
        """Raises SettingError when another process of this machine has one of the ports."""
        self._used = self._marks("used")

    def reserve(self) -> None:
        """``claim`` for a range that was not agreed upon: gives way to others who look for one.

        Two marks, the second only with the first: whoever looks around never disturbs, not even for a
        moment, the process to which somebody lent his ports.
        """
        self._reserved = self._marks("lent")
        try:
            self.claim()
        except SettingError:
            self.release()
            raise

    def lend(self) -> None:
        """Leave reserved ports to a process that we start; ``free_range`` gives them to nobody else."""
        self._used.close()

    def release(self) -> None:
        """Let others have the ports. Safe to call twice."""
        self._used.close()
        self._reserved.close()

    def _marks(self, how: str) -> ExitStack:
        with ExitStack() as held:
            for block in range(self.first // _BLOCK, self.last // _BLOCK + 1):
                mark = held.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
                try:
                    mark.bind(f"\0sunsim-rtp-{how}-{block}")
                except OSError:
                    problem = f"the RTP ports {self.first} to {self.last} are used by another instance"
                    raise SettingError(name="SUNSIM_MEDIA_PORT_MIN", problem=problem) from None
            return held.pop_all()


def free_range(size: int = _BLOCK, first: int = 10000, last: int = 29999) -> PortRange:
    """A reserved range of whole hundreds of ports somewhere between ``first`` and ``last``.

    The default lies below the system's ephemeral ports. Raises SettingError when all are taken.
    """
    for start in _starts(size, first, last):
        ports = PortRange(start, start + size - 1)
        try:
            ports.reserve()
        except SettingError:
            continue
        return ports
    raise SettingError(name="SUNSIM_MEDIA_PORT_MIN", problem="no range of RTP ports is free")


def _starts(size: int, first: int, last: int) -> Iterator[int]:
    starts = list(range(-(-first // _BLOCK) * _BLOCK, last - size + 2, _BLOCK))
    random.shuffle(starts)
    yield from starts
