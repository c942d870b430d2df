"""How the audio of a phone travels, as far as signalling tells: plain, with SDES keys, as WebRTC."""

from __future__ import annotations

from core.sdp import PLAIN, WEBRTC, Profile
from core.sip.flow import Target
from core.sip.uri import SipUri, UriError

__all__ = ["profile_of"]

_WEBSOCKETS = frozenset({"ws", "wss"})


def profile_of(phone: Target) -> Profile:
    """What a registered phone is offered. Behind a proxy the transport stands in its URI only."""
    by = phone.flow.transport.lower() if phone.flow is not None else ""
    if by in _WEBSOCKETS or _transport(phone.uri) in _WEBSOCKETS:
        return WEBRTC
    return PLAIN


def _transport(uri: str) -> str:
    try:
        return SipUri.parse(uri).transport
    except UriError:  # the registrar let it in, so it can only be a scheme without parameters
        return ""
