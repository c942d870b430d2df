"""How loud a caller is who is being recorded, read from the file that the media server writes.

The server writes blocks of some packets, so this is late by less than half a second. G.711 is measured;
of Opus the size tells, as it spends next to nothing on silence; other codecs count as loud.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import BinaryIO

from core import sdp
from core.errors import MediaRefused
from core.media.capture import Packet, packets
from core.media.g711 import PCMA, PCMU
from core.media.timeline import LOUD, RATE, samples_of
from core.ports import Loudness

__all__ = ["Meter"]

_LAWS = {"PCMA": PCMA, "PCMU": PCMU}
_NO_VOICE = frozenset({"", sdp.EVENTS, "CN", "RED"})
_SILENT_OPUS = 25  # bytes of a packet


class Meter:
    """Of one party from one start of a recording on; ``read`` is for a thread."""

    def __init__(self, folder: Path, source: str, body: bytes, since: float) -> None:
        """``body`` is what the party was sent last: it says where and how it speaks to us."""
        self._folder = folder / "pcaps"
        self._source = source
        self._since = since
        self._file: BinaryIO | None = None
        self._found = False  # the file of this recording: the party is in it
        self._seconds = 0.0
        self._last: float | None = None
        try:
            self._port = sdp.connection(body)[1]
            self._names = {codec.payload: codec.name for codec in sdp.formats(body)}
        except MediaRefused:
            self._port, self._names = 0, {}

    @staticmethod
    def unknown() -> Loudness:
        """What is said of somebody who cannot be measured."""
        return Loudness(float("inf"), time.time())

    def read(self) -> Loudness:
        """What was heard up to now."""
        try:
            if not self._found:
                self.close()
                self._file = self._newest()
            if self._file is not None:
                for packet in packets(self._file):
                    self._hear(packet)
        except OSError:
            return self.unknown()
        return Loudness(self._seconds, self._last)

    def close(self) -> None:
        """The file may go."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _newest(self) -> BinaryIO | None:
        """The file that was written to last: perhaps that of an earlier recording of the call still."""
        found = sorted(
            (path.stat().st_mtime, path) for path in self._folder.glob(f"{self._source}-*.pcap")
        )
        return found[-1][1].open("rb") if found and found[-1][0] >= self._since - 1 else None

    def _hear(self, packet: Packet) -> None:
        codec = self._names.get(packet.kind, "")
        if packet.port != self._port or packet.at < self._since:
            return
        self._found = True
        if codec in _NO_VOICE:
            return
        if self._loud(codec, packet):
            self._seconds += samples_of(codec, packet.payload) / RATE
            self._last = packet.at

    @staticmethod
    def _loud(codec: str, packet: Packet) -> bool:
        law = _LAWS.get(codec)
        if law is not None:
            samples = law.decode(packet.payload)
            return max((max(samples), -min(samples))) > LOUD
        return codec != "OPUS" or len(packet.payload) > _SILENT_OPUS
