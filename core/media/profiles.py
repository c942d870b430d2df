"""What rtpengine is told about two parties so that each gets audio as it speaks it (`sdp.Profile`).

In an offer and in an answer alike the arguments describe who *receives* the body; only
``DTLS-reverse`` describes who sent it. Measured with Chromium and baresip (docs/adr/0008).
"""

from __future__ import annotations

from collections.abc import Mapping

from core.media.bencode import Value
from core.sdp import Keys, Profile

__all__ = ["for_answer", "for_offer"]

_Arguments = Mapping[str, Value]

# Ports stay; and once it is learned where a party sends from, nobody else is heard in its place.
_LATCH = ("port-latching", "strict-source")
_PLAIN: _Arguments = {"ICE": "remove"}
# Between different kinds of parties nothing of the one may reach the other.
_BARE: _Arguments = {"ICE": "remove", "DTLS": "off", "rtcp-mux": ("demux",)}
# Suites that encrypt nothing, and those that only make an INVITE longer.
_SUITES = tuple(
    f"no-{suite}"
    for suite in (
        "NULL_HMAC_SHA1_80",
        "NULL_HMAC_SHA1_32",
        "F8_128_HMAC_SHA1_80",
        "F8_128_HMAC_SHA1_32",
        "AES_192_CM_HMAC_SHA1_80",
        "AES_192_CM_HMAC_SHA1_32",
        "AEAD_AES_128_GCM",
        "AEAD_AES_256_GCM",
    )
)


def for_offer(sender: Profile, receiver: Profile) -> dict[str, Value]:
    """Arguments of an offer made by ``sender``, for the body that ``receiver`` is given."""
    arguments = _given(receiver, sender, ("offer", "require"))
    arguments["transport-protocol"] = receiver.protocol
    wishes = (("offer", receiver), ("accept", sender))
    if wished := tuple(wish for wish, party in wishes if _is_best_effort(party)):
        arguments["OSRTP"] = wished
    if receiver.family != sender.family:  # else the sender's counts; what the server has not, it skips
        arguments["address-family"] = receiver.family
    if sender.keys is Keys.DTLS:
        arguments["DTLS-reverse"] = "passive"  # without it the handshake sometimes hangs
    return arguments


def for_answer(sender: Profile, receiver: Profile) -> dict[str, Value]:
    """Arguments of an answer made by ``sender``, for the body that ``receiver`` is given."""
    arguments = _given(receiver, sender, ("require",))
    if receiver.keys is Keys.DTLS:
        arguments["transport-protocol"] = receiver.protocol
    return arguments


def _given(receiver: Profile, sender: Profile, mux: tuple[str, ...]) -> dict[str, Value]:
    if receiver.keys is Keys.DTLS:
        return {
            "ICE": "force" if receiver.ice else "remove",
            "DTLS": "passive",
            "SDES": ("off",),
            "rtcp-mux": mux,
            "flags": (*_LATCH, "generate-mid"),
        }
    if receiver.keys is Keys.SDES:
        return {**_BARE, "SDES": _SUITES, "flags": (*_LATCH, "strip-extmap")}
    if sender.keys is Keys.NONE:
        return {**_PLAIN, "flags": _LATCH}
    return {**_BARE, "SDES": ("off",), "flags": (*_LATCH, "strip-extmap")}


def _is_best_effort(party: Profile) -> bool:
    return party.keys is Keys.SDES and not party.mandatory
