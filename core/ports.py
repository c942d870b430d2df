"""What the core needs from outside, as protocols; ``app.py`` gives it the real ones.

The core holds a call together without knowing where the configuration comes from (``tenants``),
where records go (``tenants``) or what relays the audio (``core.media``).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol
from uuid import UUID

from core.contracts import AvailabilityMode, CallFacts, Cdr, Contact, Line, Number, Snapshot, Trunk
from core.events import Event
from core.sdp import PLAIN, Profile

__all__ = [
    "CallStore",
    "Clock",
    "EventSink",
    "LineBoard",
    "LiveBoard",
    "Loudness",
    "MediaServer",
    "MediaSession",
    "MovableMediaSession",
    "OnKey",
    "RecordingRoom",
    "Sounds",
    "TenantDirectory",
]


class Clock(Protocol):
    """Time, so that tests can hold it."""

    def now(self) -> float:
        """Epoch seconds, UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds that never go back; for timers."""
        ...


class TenantDirectory(Protocol):
    """Everything a call looks up, in memory; never a query on the way of a call."""

    def snapshot(self, tenant_id: UUID) -> Snapshot | None:
        """The tenant's present configuration."""
        ...

    def modes(self, tenant_id: UUID) -> Mapping[UUID, AvailabilityMode]:
        """The present modes of the tenant's employees; who is not there is on schedule."""
        ...

    def number(self, e164: str) -> tuple[Snapshot, Number] | None:
        """Whose number this is, or ``None`` for a number that nobody has."""
        ...

    def line(self, login: str) -> Line | None:
        """The SIP account with this login, unless its tenant is suspended."""
        ...

    def trunk_from(self, host: str) -> Trunk | None:
        """The carrier whose networks contain this source address."""
        ...

    def trunk(self, trunk_id: UUID | None) -> Trunk | None:
        """One carrier by id; with ``None`` the oldest."""
        ...

    def trunks(self) -> Sequence[Trunk]:
        """All carriers in use."""
        ...

    def regions(self, number: str | None) -> tuple[int, ...]:
        """From which federal subjects a number is, by code: two where a range is shared, none if
        unknown."""
        ...

    def contact(self, tenant_id: UUID, number: str | None) -> Contact | None:
        """What the tenant has saved of a number; ``None`` for strangers."""
        ...

    def trunks_for(self, number: Number) -> Sequence[Trunk]:
        """The carriers through which calls with this number go out, the preferred one first."""
        ...

    def watch_snapshots(self, on_change: Callable[[UUID], None]) -> None:
        """Tell from now on whose configuration is another one."""
        ...


class CallStore(Protocol):
    """Where the records of calls go."""

    async def save(self, cdr: Cdr) -> None:
        """Write the ended call, its steps and its outbox row in one transaction, idempotent by id.

        Never raises: when the database is away the record is fsynced to the journal and replayed later.
        """
        ...


class LineBoard(Protocol):
    """Who hears which lines have a phone."""

    def line_registered(
        self, line: Line, at: float, expires_at: float, user_agent: str, source: str
    ) -> None:
        """A phone registered; ``source`` is its transport and address."""
        ...

    def line_unregistered(self, line: Line, at: float) -> None:
        """No phone is registered with the line any more."""
        ...


class LiveBoard(LineBoard, Protocol):
    """What other processes see of the present moment. Calls return at once; writes are batched."""

    def call_started(self, facts: CallFacts, at: float) -> None:
        """A call appears among the present ones."""
        ...

    def call_ringing(self, facts: CallFacts, at: float, employees: Iterable[UUID]) -> None:
        """The employees whose terminals ring now."""
        ...

    def call_rang_out(self, facts: CallFacts) -> None:
        """Nobody rings any more, and nobody answered: the caller hears what comes next."""
        ...

    def call_answered(
        self, facts: CallFacts, at: float, employee_id: UUID | None, terminal_id: UUID | None
    ) -> None:
        """«Сейчас разговаривают»."""
        ...

    def call_queued(self, facts: CallFacts, at: float, queue: str, priority: int) -> None:
        """The caller waits in a queue since ``at``; nobody rings for him. Who has a lower priority and,
        of equals, came earlier, goes before him."""
        ...

    def call_left_queue(self, facts: CallFacts) -> None:
        """The caller waits no more."""
        ...

    def call_ended(self, facts: CallFacts) -> None:
        """The call leaves the board."""
        ...


OnKey = Callable[[str | None, str, int], None]
"""A party of the call, the key that it pressed (``0-9*#A-D``) and for how many milliseconds."""


class Loudness(NamedTuple):
    """For how many seconds something was heard, and when for the last time (epoch seconds)."""

    seconds: float = 0.0
    last: float | None = None


class MediaSession(Protocol):
    """The audio of one call: one rtpengine call-id, its legs known by names that the call chooses.

    One is in the middle, whom the others are joined with one at a time: the caller, until another one
    is promoted. ``None`` names whoever it is, ``caller`` the first one at any time.

    All SDP is raw bytes. What waits for the server raises MediaUnavailable when that does not answer or
    refuses, and its kin MediaRefused (488) when an SDP has no audio to work with; ``close`` never
    raises. Who joins and leaves changes nobody's ports: nobody needs a re-INVITE.
    """

    async def open(self, caller_sdp: bytes) -> None:
        """Take the caller's offer. The server hears of it with ``alone``, or with who rings first."""
        ...

    async def alone(self) -> bytes:
        """Our answer for a caller who is to hear us before he is joined with anybody.

        Until then, or until ``connect``, nothing can be played to him. Said again it is the same.
        """
        ...

    def told(self) -> None:
        """The caller was sent the SDP that ``alone`` or ``connect`` returned last (in a 183, say).

        From then on it keeps that codec, whoever answers. Until then a callee is offered all that
        the caller speaks, which spares transcoding.
        """
        ...

    async def ring(self, leg: str, profile: Profile = PLAIN) -> bytes:
        """The offer for one callee, made from the stub, so that rings do not disturb the caller.

        ``profile`` is how its audio travels: a browser and a desk phone are offered different
        things. Any number of legs may ring at once.
        """
        ...

    async def connect(self, leg: str, answer: bytes = b"") -> bytes:
        """Join a callee with the caller: it answered, or sent early media before. Returns the SDP for
        the caller's 200 or 183.

        May be said again of the same callee, whose answer may differ from its early media, and of
        another one. Losers ring on in the media server until they are dropped. One who was parked is
        joined as it was, without an answer.
        """
        ...

    async def park(self) -> None:
        """Part the two who are joined: neither hears the other, each may be played to."""
        ...

    async def promote(self, leg: str) -> None:
        """Put this one, who was joined before, into the middle; who was there is parked."""
        ...

    async def admit(self, leg: str, offer: bytes) -> bytes:
        """Join a newcomer that makes an offer with who is in the middle; the answer for it.

        A caller who was told nothing yet is told ``sent(None)``.
        """
        ...

    async def adopt(self, leg: str, sent: bytes) -> bytes:
        """An offer for the re-INVITE of a party of another session, which was sent this body last.

        Its answer goes to ``connect``.
        """
        ...

    async def begin(self) -> None:
        """Instead of ``open`` where nobody calls yet: callees may ring, and one is ``found``."""
        ...

    async def found(self, leg: str, answer: bytes) -> None:
        """After ``begin``: this one answered, and is in the middle from now on."""
        ...

    async def offer(self, profile: Profile = PLAIN) -> bytes:
        """Instead of ``open`` for a caller who made no offer: ours. ``connect`` needs the answer."""
        ...

    async def answered(self, leg: str | None, answer: bytes) -> None:
        """A party answered an offer of ours: the one of ``offer``, or ``sent`` said once more."""
        ...

    async def reoffer(self, leg: str | None, offer: bytes) -> bytes:
        """A party (``None`` is the caller) sent a new offer: hold, resume, another address. Returns our
        answer; the other side is not asked. Who was not joined yet is refused, except the caller.
        """
        ...

    def listen(self, on_key: OnKey) -> None:
        """Tell from now on which party (``None`` is the caller) pressed which key for how long."""
        ...

    def by_info(self, leg: str | None) -> None:
        """Before ``open`` or ``connect``: this party says its keys by INFO, and hears of others so. The
        other side is told that keys may come in its audio all the same.
        """
        ...

    async def press(self, leg: str | None, key: str, milliseconds: int) -> None:
        """A party pressed a key outside of its audio: who it talks with gets it as RFC 4733."""
        ...

    async def received(self) -> Mapping[str | None, int]:
        """Packets from each party of the conversation (``None`` is the caller) that ought to send now:
        not from one that holds or only listens.
        """
        ...

    def sent(self, leg: str | None) -> bytes:
        """Our last body to that party."""
        ...

    async def play(self, clip: Path, *, again: bool = False, to: str | None = None) -> float:
        """Let a party hear a WAV file, once or ``again`` and again; how many seconds it lasts.

        It takes the place of the one before. The party hears nobody else meanwhile.
        """
        ...

    async def hush(self, of: str | None = None) -> None:
        """Play no more to this party."""
        ...

    @property
    def recorded_as(self) -> str:
        """How the names of the files begin that ``record`` makes."""
        ...

    async def record(self) -> None:
        """Write down what all parties send from now on, until ``unrecord`` or the end."""
        ...

    async def unrecord(self) -> None:
        """Write down no more."""
        ...

    async def loudness(self) -> Loudness:
        """How loud the one in the middle was since the last ``record``. Never raises: what cannot be
        measured counts as loud."""
        ...

    async def drop(self, leg: str) -> None:
        """Forget a callee that lost, declined or hung up.

        When the connected one is dropped the caller is back with the stub. Does nothing after
        ``close``.
        """
        ...

    async def close(self) -> None:
        """Free the ports. Safe to call twice."""
        ...


class MovableMediaSession(MediaSession, Protocol):
    """One that can begin anew when its server forgot the call. Then ports change, and everybody who
    talks needs a re-INVITE.
    """

    async def renew(self, *, answered: bool) -> bytes:
        """Begin anew on another server, with nobody but the caller.

        Returns an offer for a re-INVITE of a caller who was ``answered``, else nothing. Its answer goes
        to ``answered``.
        """
        ...

    async def ring_again(self, leg: str) -> bytes:
        """After ``renew``: an offer for the re-INVITE of a callee who rang or talked; its answer goes
        to ``connect``, or to ``waits``.
        """
        ...

    async def waits(self, leg: str, answer: bytes) -> None:
        """This one is parked again, as it was before ``renew``."""
        ...


class Sounds(Protocol):
    """Clips to be played: local files that the media server can read."""

    def clip(self, tenant_id: UUID, sound: str) -> Path | None:
        """A clip of a company by its hash, or ``None`` if it is gone."""
        ...

    async def ready(self, media: UUID, language: str) -> Path | None:
        """A clip of the ready-made library (``core.library``), made if need be and possible."""
        ...

    def ringback(self) -> Path | None:
        """What a caller hears while somebody rings (ITU-T E.180)."""
        ...


class RecordingRoom(Protocol):
    """Whether there is room for recordings."""

    async def refuses(self, tenant_id: UUID) -> str:
        """Why nothing more of this company is recorded, as a code; "" if it is."""
        ...

    def full(self) -> bool:
        """Whether everybody's recordings must stop, as it was when last looked at; asks nobody."""
        ...

    async def look(self, sources: Collection[str]) -> Mapping[str, int]:
        """Look again; returns how many bytes were written of each of these calls, as far as is known.
        It takes seconds at most, whatever the disk does."""
        ...


class MediaServer(Protocol):
    """Makes media sessions; ``healthy`` feeds readiness."""

    def session(self, call_id: UUID) -> MovableMediaSession:
        """A session for one call; nothing is sent before ``open`` or ``offer``."""
        ...

    async def healthy(self) -> bool:
        """Whether a media server answers now."""
        ...


EventSink = Callable[[Event], None]
"""Takes an event for the bus; returns at once."""
