"""Recorded packets for tests: made of tones, as a media server would have written them down."""

from __future__ import annotations

import struct
import subprocess
from array import array
from collections.abc import Iterable, Sequence
from pathlib import Path

from core.media.capture import Packet
from core.media.tones import tone
from tests.support.voices import PCMA, Voice

__all__ = ["decoded", "speech", "write_pcap"]


def speech(
    port: int,
    pitch: int,
    seconds: float,
    *,
    at: float,
    voice: Voice = PCMA,
    ssrc: int = 7,
    sequence: int = 65_500,
    stamp: int = 0xFFFFF000,
) -> list[Packet]:
    """A tone in packets of 20 ms that came without any delay; numbers wrap around early on."""
    samples, encode = tone(pitch, seconds), voice.coder()
    return [
        Packet(
            at + number / 50,
            port,
            voice.payload,
            (sequence + number) % (1 << 16),
            (stamp + voice.clock // 50 * number) % (1 << 32),
            ssrc,
            encode(samples[160 * number : 160 * (number + 1)]),
        )
        for number in range(round(seconds * 50))
    ]


def write_pcap(path: Path, packets: Iterable[Packet]) -> Path:
    """A file as rtpengine writes it: raw IPv4, in the order of arrival."""
    with path.open("wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 101))
        for packet in sorted(packets, key=lambda each: each.at):
            data = _datagram(packet)
            micros = round(packet.at * 1e6)
            when = divmod(micros, 1_000_000)
            file.write(struct.pack("<IIII", *when, len(data), len(data)))
            file.write(data)
    return path


def _datagram(packet: Packet) -> bytes:
    rtp = struct.pack("!BBHII", 0x80, packet.kind, packet.sequence, packet.stamp, packet.ssrc)
    length = 8 + len(rtp) + len(packet.payload)
    udp = struct.pack("!HHHH", 4000, packet.port, length, 0)
    address = bytes((127, 0, 0, 1))
    ip = struct.pack("!BBHHHBBH", 0x45, 0, 20 + length, 0, 0, 64, 17, 0) + address + address
    return ip + udp + rtp + packet.payload


def decoded(path: Path, channels: int) -> Sequence[array[int]]:
    """The channels of a sound file at 8 kHz."""
    done = subprocess.run(
        ["ffmpeg", "-nostdin", "-loglevel", "error", "-i", str(path), "-ar", "8000"]
        + ["-ac", str(channels), "-f", "s16le", "pipe:1"],
        capture_output=True,
        check=True,
    )
    samples = array("h", done.stdout)
    return [samples[number::channels] for number in range(channels)]
