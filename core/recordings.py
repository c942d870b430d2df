"""What was recorded of a call, as its record tells it. Data.

A media server writes down the packets that it receives while it is told to record. A *part* is such a
while; between two parts the recording was paused, or the audio went over to another server. Parts say
which packets are whose; the sound is made of them after the call (``core.media.mixdown``).
"""

from __future__ import annotations

from enum import StrEnum
from uuid import UUID

from msgspec import Struct

__all__ = ["CallRecording", "Channel", "Part", "RecordingKind", "Track"]


class RecordingKind(StrEnum):
    """What somebody hears in it."""

    CONVERSATION = "conversation"
    MESSAGE = "message"  # the caller alone, for who was not there (PRC-03, IVR-15)


class Channel(StrEnum):
    """Who is heard on which side: the client on the left, the employee on the right."""

    CLIENT = "client"
    EMPLOYEE = "employee"


class Track(Struct, frozen=True):
    """One party: what came to this ``port`` of the media server. ``codecs`` says what each payload type
    is, as ``PCMA/8000``: name in upper case and clock rate."""

    channel: Channel
    port: int
    codecs: dict[int, str]


class Part(Struct, frozen=True):
    """A while that was recorded, in epoch seconds by the clock of the media server."""

    started_at: float
    ended_at: float
    tracks: tuple[Track, ...]


class CallRecording(Struct, frozen=True):
    """One recording of a call. ``source`` is how the names of its files begin."""

    id: UUID
    kind: RecordingKind
    source: str
    parts: tuple[Part, ...]
