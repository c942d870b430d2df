"""How the audio of a phone travels: plain, encrypted with keys in the signalling (SDES), or as WebRTC.

A phone in a browser always encrypts. Any other one is offered keys only where nobody else can read
them, that is by TLS, unless the operator says otherwise; its line says whether it wants to (ADR 0008).
"""

from __future__ import annotations

from core import sdp
from core.contracts import Encryption
from core.errors import MediaRefused
from core.sdp import BEST_EFFORT, PLAIN, SDES, WEBRTC, Keys, Profile
from core.sip.flow import Target
from core.sip.session import Session
from core.sip.uri import SipUri, UriError

__all__ = ["accept", "asked_of", "profile_for", "profile_of"]

_WEBSOCKETS = frozenset({"ws", "wss"})
_OFFERED = {
    Encryption.NONE: PLAIN,
    Encryption.PREFERRED: BEST_EFFORT,
    Encryption.REQUIRED: SDES,
}


def profile_of(phone: Target, wanted: Encryption, *, keys_in_clear: bool = False) -> Profile | None:
    """What a registered phone is offered; ``None`` if it must encrypt and cannot be told a key.

    Behind a proxy a browser is known by its contact only.
    """
    by = phone.flow.transport.lower() if phone.flow is not None else ""
    if by in _WEBSOCKETS or _transport(phone.uri) in _WEBSOCKETS:
        return WEBRTC
    if by == "tls" or keys_in_clear:
        profile = _OFFERED[wanted]
    elif wanted is Encryption.REQUIRED:
        return None
    else:
        profile = PLAIN
    return at(profile, phone.flow.remote[0]) if phone.flow is not None else profile


def at(profile: Profile, host: str) -> Profile:
    """The profile over the family of this address; a name counts as IPv4."""
    return profile._replace(family="IP6") if ":" in host else profile


def profile_for(session: Session, wanted: Encryption, *, keys_in_clear: bool) -> Profile | None:
    """How audio is offered to a caller who offers none; ``None`` if it cannot travel as it must.

    Keys in an offer that others could read go.
    """
    secret = session.secret or keys_in_clear
    if not session.remote_sdp:
        return asked_of(wanted, secret=secret)
    try:
        session.remote_sdp = accept(session.remote_sdp, wanted, secret=secret)
    except MediaRefused:
        return None
    return PLAIN


def accept(offer: bytes, wanted: Encryption, *, secret: bool) -> bytes:
    """A caller's offer as it may be used; ``secret`` says whether nobody else could read it.

    Keys that others could read are no keys: an offer of plain RTP loses them, one that insists on
    them is refused with MediaRefused (488), and so is a plain one of a line that must encrypt.
    """
    try:
        profile = sdp.profile(offer)
    except MediaRefused:
        return offer  # nor will the media server find anything in it
    if profile.keys is Keys.SDES and not secret:
        if profile.mandatory:
            raise MediaRefused()
        offer, profile = sdp.without_keys(offer), PLAIN
    if profile.keys is Keys.NONE and wanted is Encryption.REQUIRED:
        raise MediaRefused()
    return offer


def asked_of(wanted: Encryption, *, secret: bool) -> Profile | None:
    """What a caller who offers nothing is offered; ``None`` if it must encrypt and others could read
    the key."""
    if secret:
        return _OFFERED[wanted]
    return None if wanted is Encryption.REQUIRED else PLAIN


def _transport(uri: str) -> str:
    try:
        return SipUri.parse(uri).transport
    except UriError:
        return ""
