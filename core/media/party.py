"""One party of a media session: what it said, what it was told, and its tag in rtpengine."""

from __future__ import annotations

from core import sdp
from core.errors import MediaRefused
from core.media import sdes
from core.sdp import PLAIN, Keys, Profile

__all__ = ["CALLER", "Party"]

CALLER = "A"
_FIRST = "caller"  # what the call says for that tag
_DEAF = ("sendonly", "inactive")


class Party:
    """``body`` is its audio as far as it counts: what it speaks of what it was told."""

    __slots__ = (
        "asked",
        "body",
        "events",
        "holding",
        "offered",
        "profile",
        "sent",
        "tag",
        "told",
        "tonal",
    )

    def __init__(self, tag: str, profile: Profile = PLAIN) -> None:
        self.tag = tag
        self.profile = profile
        self.body = b""
        self.offered = b""  # by it, as it came
        self.told = b""  # our last answer to it
        self.sent = b""  # our last body to it, as it left
        self.asked = False  # it was offered something by us: what it is sent is no answer
        self.holding = False  # it put us on hold
        self.events: int | None = None  # by INFO alone: our payload type of its events, 0 if none
        self.tonal = False  # it knows no telephone-events: its keys may be tones in its voice

    @staticmethod
    def tag_of(name: str) -> str:
        """What rtpengine calls a leg."""
        return CALLER if name == _FIRST else name

    @property
    def name(self) -> str:
        """What the call calls it."""
        return _FIRST if self.tag == CALLER else self.tag

    @property
    def stub(self) -> str:
        """The tag of our own silent side that it is joined with while it talks to nobody."""
        return "ivr" if self.tag == CALLER else f"ivr-{self.tag}"

    @property
    def ring(self) -> str:
        """The tag of the stub that rings it."""
        return f"ring-{self.tag}"

    def by_info(self) -> None:
        """It knows no telephone-events: rtpengine and the other side believe that it does."""
        self.events = sdp.events_payload(self.sent) if self.sent else 0

    def with_events(self, body: bytes) -> bytes:
        """A body of it, as rtpengine is to believe it."""
        return body if self.events is None else sdp.with_events(body, self.events)

    def without_events(self, body: bytes) -> bytes:
        """A body for it."""
        return body if self.events is None else sdp.without_events(body)

    def describe(self, body: bytes) -> None:
        """Its first words: an offer, or an answer to ours."""
        self.profile = sdp.profile(body)
        self.tonal = all(codec.name != sdp.EVENTS for codec in sdp.formats(body))

    def keep_codecs(self, names: list[str]) -> None:
        """From now on it keeps to these."""
        self.body = sdp.restrict_codecs(self.body, names)

    def kept(self, body: bytes) -> bytes:
        """A new body as far as it counts: its audio, with the codecs that it was told.

        Where keys come from does not change within a call: those that come late are not used, and
        refused if there is no audio without them.
        """
        body = self.with_events(sdp.audio_only(body))
        was, now = self.profile, sdp.profile(body)
        if was.keys is Keys.NONE and now.keys is Keys.SDES and not now.mandatory:
            body, now = sdp.without_keys(body), was
        elif was.keys is not now.keys:
            raise MediaRefused()
        elif now.keys is Keys.SDES:
            body = sdes.as_agreed(body, self.body, self.sent)
        body = sdp.restrict_codecs(body, sdp.codecs(self.sent))
        self.profile = now
        return body

    def note_hold(self, body: bytes) -> None:
        """Whether it holds, as a body of it says."""
        self.holding = sdp.direction(body) in _DEAF

    def again(self, body: bytes, before: bytes) -> bytes:
        """A new offer in the session that the party knows by what it was sent ``before``: its streams,
        its origin, its hold."""
        if self.offered:
            body = sdp.with_rejected(body, self.offered)
        body = sdp.same_stream(sdp.directed(body, sdp.direction(before)), before)
        self.sent = sdp.successor(body, before)
        return self.sent

    def answer(self, body: bytes) -> bytes:
        """Our answer for it. Raises MediaRefused if there is nothing in it that it can speak."""
        sdp.preferred(body)
        self.told = body
        self.sent = sdp.with_rejected(body, self.offered)
        return self.sent
