"""Session descriptions (RFC 8866), shallow: what signalling must see or change in a body whose
details are rtpengine's. Always about the first audio stream that is not refused; the rest of a body
passes through untouched. A body without such a stream, or without a codec that is asked for, raises
MediaRefused (488). ``sdp_body`` takes them apart.
"""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum
from functools import lru_cache
from ipaddress import ip_address
from typing import NamedTuple

from core.errors import MediaRefused
from core.sdp_body import REMEMBERED, Body, Codec, described, join, payload, port, read

__all__ = [
    "BEST_EFFORT",
    "PLAIN",
    "SDES",
    "TELEPHONE_KEYS",
    "WEBRTC",
    "Codec",
    "Keys",
    "Profile",
    "answer_direction",
    "audio_only",
    "cheapest_first",
    "codecs",
    "connection",
    "directed",
    "direction",
    "events_payload",
    "formats",
    "hold",
    "preferred",
    "profile",
    "restrict_codecs",
    "same_stream",
    "successor",
    "with_events",
    "with_rejected",
    "without_events",
    "without_keys",
    "without_webrtc",
]

EVENTS = "TELEPHONE-EVENT"
TELEPHONE_KEYS = "0123456789*#ABCD"
"""What a telephone-event of this number means (RFC 4733 §3.2)."""

_WEBRTC_ONLY = tuple(
    f"a={name}".encode()
    for name in ("group:", "msid", "mid:", "ssrc", "extmap", "rtcp-fb:", "rtcp-rsize", "ice-options:")
)
_CHEAP = ("PCMA", "PCMU")
_NO_VOICE = frozenset({"CN", "RED"})  # nobody can speak with these alone
DIRECTIONS = ("sendrecv", "sendonly", "recvonly", "inactive")

_ANSWERS = {
    "sendrecv": "sendrecv",
    "sendonly": "recvonly",
    "recvonly": "sendonly",
    "inactive": "inactive",
}


class Keys(StrEnum):
    """Where the keys of encrypted audio come from."""

    NONE = "none"
    SDES = "sdes"  # they stand in the body (RFC 4568), so the signalling has to be secret
    DTLS = "dtls"  # they are agreed upon between the media ports (RFC 5763)


class Profile(NamedTuple):
    """How a party's audio travels: the protocol of its stream, its keys, whether by ICE, and over
    which family of addresses as in ``c=``."""

    protocol: str
    keys: Keys = Keys.NONE
    ice: bool = False
    family: str = "IP4"

    @property
    def mandatory(self) -> bool:
        """Whether there is no audio without keys."""
        return "SAVP" in self.protocol


PLAIN = Profile("RTP/AVP")
BEST_EFFORT = Profile("RTP/AVP", Keys.SDES)
"""Keys in an offer of plain RTP: who does not know them speaks plain RTP (RFC 8643)."""
SDES = Profile("RTP/SAVP", Keys.SDES)
WEBRTC = Profile("UDP/TLS/RTP/SAVPF", Keys.DTLS, ice=True)

_PROTOCOLS = frozenset({"RTP/AVP", "RTP/AVPF", "RTP/SAVP", "RTP/SAVPF"})
_PROTOCOLS |= {"UDP/TLS/RTP/SAVP", "UDP/TLS/RTP/SAVPF"}


def formats(sdp: bytes) -> list[Codec]:
    """All formats in order of preference, telephone-event and comfort noise among them."""
    return [codec for _, codec in read(sdp).formats]


def codecs(sdp: bytes) -> list[str]:
    """Names of the codecs in order of preference, upper case, without telephone-event."""
    return [codec.name for _, codec in read(sdp).formats if codec.name != EVENTS]


def preferred(sdp: bytes) -> str:
    """The codec to answer with: G.711 where there is some, as it costs least to relay."""
    names = [name for name in codecs(sdp) if name not in _NO_VOICE]
    if not names:
        raise MediaRefused()
    return next((name for name in _CHEAP if name in names), names[0])


@lru_cache(REMEMBERED)
def profile(sdp: bytes) -> Profile:
    """How the party that sent this body wants its audio to travel."""
    body = read(sdp)
    protocol = body.audio[0].split()[2].decode("latin-1").upper()
    names = {line.partition(b":")[0] for line in (*body.session, *body.audio)}
    if protocol not in _PROTOCOLS:
        raise MediaRefused()
    ours = [line for line in (*body.audio, *body.session) if line.startswith(b"c=")]
    family = "IP6" if ours and b" IP6 " in ours[0] else "IP4"
    if b"a=fingerprint" in names and "SAVP" in protocol:
        return Profile(protocol, Keys.DTLS, b"a=ice-ufrag" in names, family)
    if b"a=crypto" in names:
        return Profile(protocol, Keys.SDES, family=family)
    if "SAVP" in protocol:
        raise MediaRefused()
    return Profile(protocol, family=family)


def with_events(sdp: bytes, payload: int = 0) -> bytes:
    """The body with telephone-events (RFC 4733), under this payload type or a free one."""
    body = read(sdp)
    if any(codec.name == EVENTS for _, codec in body.formats):
        return sdp
    taken = {codec.payload for _, codec in body.formats}
    number = payload or next(n for n in (101, *range(96, 128)) if n not in taken)
    stream = b"%b %d" % (body.audio[0], number)
    described = [b"a=rtpmap:%d telephone-event/8000" % number, b"a=fmtp:%d 0-15" % number]
    return body.with_audio([stream, *body.audio[1:], *described])


def without_events(sdp: bytes) -> bytes:
    """The body without telephone-events, for one who did not offer any."""
    body = read(sdp)
    return _keep(body, [number for number, codec in body.formats if codec.name != EVENTS])


def events_payload(sdp: bytes) -> int:
    """The payload type of telephone-events at 8 kHz, 0 if there is none."""
    return next((c.payload for c in formats(sdp) if c.name == EVENTS and c.rate == 8000), 0)


def without_keys(sdp: bytes) -> bytes:
    """The body without the keys that it offers for plain RTP: they came where others could read."""
    body = read(sdp)
    return body.with_audio([line for line in body.audio if not line.startswith(b"a=crypto:")])


def without_webrtc(sdp: bytes) -> bytes:
    """The body without what a browser says for browsers only and rtpengine passes on."""
    lines = (line.rstrip(b"\r ") for line in sdp.split(b"\n"))
    return join([line for line in lines if line and not line.startswith(_WEBRTC_ONLY)])


def connection(sdp: bytes) -> tuple[str, int]:
    """Where the stream is to be sent: its own ``c=`` line, else the session's, and its port."""
    return _connection(read(sdp))[1:]


def _connection(body: Body) -> tuple[str, str, int]:
    for line in (*reversed(body.audio), *reversed(body.session)):
        words = line.split()
        if line.startswith(b"c=") and len(words) == 3:
            host = words[2].partition(b"/")[0]
            return words[1].decode("latin-1"), host.decode("latin-1"), port(body.audio[0])
    raise MediaRefused()


def check(sdp: bytes) -> None:
    """Raises MediaRefused for a body that the media server would not read: it must begin with ``v=``
    and ``o=`` (RFC 8866 §5), and its audio be at an address, not at a name."""
    session = read(sdp).session
    opening = session[:2] if len(session) > 1 else (b"", b"")
    if opening[0] != b"v=0" or not opening[1].startswith(b"o=") or len(opening[1].split()) < 6:
        raise MediaRefused()
    family, host, _ = _connection(read(sdp))
    try:
        fits = family == f"IP{ip_address(host).version}"
    except ValueError:
        fits = False
    if not fits:
        raise MediaRefused()


def direction(sdp: bytes) -> str:
    """The stream's direction, else the session's, else ``sendrecv`` (RFC 8866 §6.7).

    A connection address of zeros is the old way to say hold (RFC 3264 §8.4): ``inactive``; with ICE
    it only says that the candidates count.
    """
    body = read(sdp)
    ice = any(line.startswith(b"a=ice-ufrag:") for line in (*body.session, *body.audio))
    if not ice and connection(sdp)[0] in ("0.0.0.0", "::"):
        return "inactive"
    for line in (*body.audio, *body.session):
        name = line[2:].decode("latin-1")
        if line.startswith(b"a=") and name in DIRECTIONS:
            return name
    return "sendrecv"


def answer_direction(answer: bytes, offer: bytes) -> bytes:
    """The answer with the direction that fits the offer's (RFC 3264 §6.1): hold and resume."""
    return directed(answer, _ANSWERS[direction(offer)])


def directed(sdp: bytes, wanted: str) -> bytes:
    """The body with one of ``DIRECTIONS``."""
    body = read(sdp)
    session = [line for line in body.session if line[2:].decode("latin-1") not in DIRECTIONS]
    audio = [line for line in body.audio if line[2:].decode("latin-1") not in DIRECTIONS]
    return body.with_audio([*audio, f"a={wanted}".encode()], session)


def same_stream(body: bytes, previous: bytes) -> bytes:
    """The body with its stream named as in the one sent before it: a browser that knows the stream by
    another ``a=mid`` refuses the body (RFC 8829 §5.10)."""
    old, new = read(previous), read(body)
    names = [line for line in old.audio if line.startswith(b"a=mid:")]
    bundles = [line for line in old.session if line.startswith(b"a=group:BUNDLE")]
    audio = [line for line in new.audio if not line.startswith(b"a=mid:")]
    session = [line for line in new.session if not line.startswith(b"a=group:BUNDLE")]
    return new.with_audio([*audio, *names], [*session, *bundles])


def successor(body: bytes, previous: bytes) -> bytes:
    """The body under the origin of the one sent before it; the version grows if anything changed.

    RFC 3264 §8: within a session every further body has the same ``o=`` but for its version.
    """
    old, new = _origin(previous), _origin(body)
    if old is None or new is None:
        return body
    words = old.split(b" ")
    if body.replace(new, old) != previous:
        words[2] = str(int(words[2]) + 1).encode()
    return body.replace(new, b" ".join(words), 1)


def hold(sdp: bytes) -> bytes:
    """A body for a leg where nobody is yet: the codecs of ``sdp`` with their payload types (that of
    telephone-event must be the far side's) and packet times, no address.

    ``sendrecv`` because rtpengine plays no prompt towards a leg whose other side only receives.
    """
    body = read(sdp)
    audio, numbers = body.audio, [number for number, _ in body.formats]
    # A stub has no keys: towards it rtpengine speaks plain RTP whatever the far side speaks.
    head = [b"v=0", b"o=- 1 1 IN IP4 0.0.0.0", b"s=-", b"c=IN IP4 0.0.0.0", b"t=0 0"]
    stream = b" ".join((b"m=audio 9 RTP/AVP", *numbers))
    about = [line for line in described(audio, numbers) if not line.startswith(b"a=rtcp-fb:")]
    about += [line for line in audio if line.startswith((b"a=ptime:", b"a=maxptime:"))]
    return join([*head, stream, *about, b"a=sendrecv"])


def restrict_codecs(sdp: bytes, keep: Collection[str]) -> bytes:
    """The body with the named codecs alone and the telephone-events of their clock rates.

    A phone that has no events at its codec's rate (Opus with events at 8000 Hz) keeps all it has.
    """
    body = read(sdp)
    wanted = {name.upper() for name in keep} - {EVENTS, ""}
    offered = body.formats
    rates = {codec.rate for _, codec in offered if codec.name in wanted}
    if not rates:
        raise MediaRefused()
    events = [codec.rate for _, codec in offered if codec.name == EVENTS]
    fitting = rates.intersection(events) or set(events)
    kept = [
        number
        for number, codec in offered
        if codec.name in wanted or (codec.name == EVENTS and codec.rate in fitting)
    ]
    return _keep(body, kept)


def cheapest_first(sdp: bytes) -> bytes:
    """The body with G.711 before all other codecs, so that it is chosen where both sides have it.

    Redundant audio (RED, RFC 2198) goes: it names its codec by a number that is a leg's own.
    """
    body = read(sdp)
    offered = [pair for pair in body.formats if pair[1].name != "RED"]
    kept = [number for number, _ in sorted(offered, key=lambda pair: pair[1].name not in _CHEAP)]
    if not kept:
        raise MediaRefused()
    if kept == body.audio[0].split()[3:]:
        return sdp
    return _keep(body, kept)


def audio_only(sdp: bytes) -> bytes:
    """The body with its audio stream alone."""
    body = read(sdp)
    return join([*body.session, *body.audio])


def with_rejected(answer: bytes, offer: bytes) -> bytes:
    """An answer for ``audio_only(offer)`` made one for ``offer``: every other stream gets port 0.

    RFC 3264 §6: an answer has as many streams as its offer, in the same order.
    """
    answered, offered = read(answer), read(offer)
    lines = list(answered.session)
    for index, section in enumerate(offered.media):
        lines += answered.audio if index == offered.at else [_refused(section[0])]
    return join(lines)


def _origin(body: bytes) -> bytes | None:
    lines = (line.rstrip(b"\r ") for line in body.split(b"\n"))
    line = next((line for line in lines if line.startswith(b"o=")), b"")
    words = line.split(b" ")
    return line if len(words) == 6 and words[2].isdigit() else None


def _refused(line: bytes) -> bytes:
    kind, _, *rest = line.split()
    return b" ".join((kind, b"0", *rest))


def _keep(body: Body, numbers: Collection[bytes]) -> bytes:
    """The body with these payload types alone in the stream."""
    stream = b" ".join((*body.audio[0].split()[:3], *numbers))
    others = [line for line in body.audio[1:] if payload(line) is None]
    return body.with_audio([stream, *others, *described(body.audio, numbers)])
