"""Audio in memory: sessions that note what was asked of them, clips, room for recordings."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from uuid import UUID

from core.errors import MediaUnavailable
from core.library import BY_ID
from core.ports import Loudness, OnKey
from core.sdp import PLAIN, Profile
from core.unheard import unheard

__all__ = ["MemoryMedia", "MemoryMediaSession", "MemoryRoom", "MemorySounds"]


class MemoryRoom:
    """Room for recordings (``ports.RecordingRoom``), unless ``reason`` says why there is none."""

    def __init__(self, reason: str = "") -> None:
        self.reason = reason

    async def refuses(self, tenant_id: UUID) -> str:
        """The reason."""
        return self.reason

    def full(self) -> bool:
        """Whether there is one."""
        return bool(self.reason)

    async def look(self, sources: Collection[str]) -> Mapping[str, int]:
        """Nothing is written."""
        return {}


class MemorySounds:
    """Clips by their hash (``ports.Sounds``), and perhaps a ringback tone."""

    def __init__(self, clips: Mapping[str, Path] | None = None, tone: Path | None = None) -> None:
        self.clips = dict(clips or {})
        self.tone = tone

    def clip(self, tenant_id: UUID, sound: str) -> Path | None:
        """The clip that was put there."""
        return self.clips.get(sound)

    async def ready(self, media: UUID, language: str) -> Path | None:
        """A file with the name of the entry, ``beep.wav``."""
        ready = BY_ID.get(media)
        return Path(f"{ready.name}.wav") if ready else None

    def ringback(self) -> Path | None:
        """The tone that was given."""
        return self.tone


class MemoryMediaSession:
    """Audio without audio: ``verbs`` holds what was asked, SDP says which leg it stands for."""

    def __init__(self, server: MemoryMedia) -> None:
        self.verbs: list[str] = []
        self._server = server

    async def open(self, caller_sdp: bytes) -> None:
        """Note it."""
        self._do("open", b"")

    async def alone(self) -> bytes:
        """The stub's SDP."""
        return self._do("alone", b"stub")

    def told(self) -> None:
        """Note it."""
        self.verbs.append("told")

    async def ring(self, leg: str, profile: Profile = PLAIN) -> bytes:
        """The offer for this leg."""
        return self._do(f"ring {leg}", f"offer {leg}".encode())

    async def connect(self, leg: str, answer: bytes = b"") -> bytes:
        """The caller's SDP with this leg."""
        return self._do(f"connect {leg}", f"answer {leg}".encode())

    async def park(self) -> None:
        """Note it."""
        self._do("park", b"")

    async def promote(self, leg: str) -> None:
        """Note it."""
        self._do(f"promote {leg}", b"")

    async def admit(self, leg: str, offer: bytes) -> bytes:
        """The answer for this leg."""
        return self._do(f"admit {leg}", f"answer for {leg}".encode())

    async def adopt(self, leg: str, sent: bytes) -> bytes:
        """The offer for this leg."""
        return self._do(f"adopt {leg}", f"new offer {leg}".encode())

    async def begin(self) -> None:
        """Note it."""
        self._do("begin", b"")

    async def found(self, leg: str, answer: bytes) -> None:
        """Note it."""
        self._do(f"found {leg}", b"")

    async def offer(self, profile: Profile = PLAIN) -> bytes:
        """The offer for a caller who made none."""
        return self._do("offer", b"offer caller")

    async def answered(self, leg: str | None, answer: bytes) -> None:
        """Note it."""
        self._do(f"answered {leg or 'caller'}", b"")

    async def reoffer(self, leg: str | None, offer: bytes) -> bytes:
        """The answer for that party."""
        return self._do(f"reoffer {leg or 'caller'}", b"reanswer")

    def listen(self, on_key: OnKey) -> None:
        """Keep whom to tell: ``on_key(None, "5", 100)`` presses a key."""
        self.on_key = on_key

    def by_info(self, leg: str | None) -> None:
        """Note it."""
        self.verbs.append(f"by info {leg or 'caller'}")

    async def press(self, leg: str | None, key: str, milliseconds: int) -> None:
        """Note it."""
        self._do(f"press {leg or 'caller'} {key}", b"")

    async def play(self, clip: Path, *, again: bool = False, to: str | None = None) -> float:
        """Note it; every clip lasts a second."""
        self._do(f"play {clip.name}" if to is None else f"play {clip.name} to {to}", b"")
        return 1.0

    async def hush(self, of: str | None = None) -> None:
        """Note it."""
        self._do("hush" if of is None else f"hush {of}", b"")

    @property
    def recorded_as(self) -> str:
        """Nothing is written anywhere."""
        return "memory"

    async def record(self) -> None:
        """Nothing is said."""

    async def unrecord(self) -> None:
        """Nothing was."""

    async def loudness(self) -> Loudness:
        """Silence."""
        return Loudness()

    async def received(self) -> Mapping[str | None, int]:
        """Nobody sends anything."""
        self._do("received", b"")
        return {}

    async def renew(self, *, answered: bool) -> bytes:
        """An offer for the caller."""
        return self._do("renew", b"new offer caller" if answered else b"")

    async def waits(self, leg: str, answer: bytes) -> None:
        """It is parked again."""

    async def ring_again(self, leg: str) -> bytes:
        """An offer for this leg."""
        return self._do(f"ring again {leg}", f"new offer {leg}".encode())

    def sent(self, leg: str | None) -> bytes:
        """The last body to that party."""
        return f"sent {leg or 'caller'}".encode()

    async def drop(self, leg: str) -> None:
        """Note it."""
        self._do(f"drop {leg}", b"")

    async def close(self) -> None:
        """Note it; nobody hears of keys any more."""
        self.on_key = unheard
        self.verbs.append("close")

    def _do(self, verb: str, sdp: bytes) -> bytes:
        if not self._server.up:
            raise MediaUnavailable
        self.verbs.append(verb)
        return sdp


class MemoryMedia:
    """Makes such sessions and keeps them (``ports.MediaServer``); ``up`` may be set to False."""

    def __init__(self) -> None:
        self.up = True
        self.sessions: dict[UUID, MemoryMediaSession] = {}

    def session(self, call_id: UUID) -> MemoryMediaSession:
        """A session for one call."""
        self.sessions[call_id] = MemoryMediaSession(self)
        return self.sessions[call_id]

    async def healthy(self) -> bool:
        """Whether it is up."""
        return self.up
