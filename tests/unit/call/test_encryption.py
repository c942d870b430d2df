"""How the audio of a phone travels: what its transport, its contact and its line tell."""

import pytest

from core import sdp
from core.call.encryption import accept, asked_of, profile_of
from core.contracts import Encryption
from core.errors import MediaRefused
from core.sdp import BEST_EFFORT, PLAIN, SDES, WEBRTC
from core.sip.flow import Flow, Target

NONE, PREFERRED, REQUIRED = Encryption.NONE, Encryption.PREFERRED, Encryption.REQUIRED
KEY = b"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" + b"A" * 40 + b"\r\n"


def phone(transport, uri="sip:bob@192.0.2.9"):
    return Target(uri, Flow(transport, ("192.0.2.1", 5060), ("192.0.2.9", 4000)))


def offer(protocol="RTP/AVP", more=b""):
    head = "v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\n"
    return f"{head}m=audio 4000 {protocol} 8\r\n".encode() + more


@pytest.mark.parametrize("wanted", Encryption)
@pytest.mark.parametrize("transport", ["WS", "WSS"])
def test_a_phone_on_a_websocket_is_a_browser(transport, wanted):
    assert profile_of(phone(transport), wanted) == WEBRTC


def test_a_browser_behind_a_proxy_is_known_by_its_contact():
    assert profile_of(phone("UDP", "sip:bob@x.invalid;transport=ws"), PREFERRED) == WEBRTC
    assert profile_of(Target("sip:bob@x.invalid;transport=WSS"), PREFERRED) == WEBRTC


@pytest.mark.parametrize(
    ("wanted", "by_tls", "in_the_open"),
    [(NONE, PLAIN, PLAIN), (PREFERRED, BEST_EFFORT, PLAIN), (REQUIRED, SDES, None)],
)
def test_keys_are_told_to_phones_by_tls_as_their_line_wants(wanted, by_tls, in_the_open):
    assert profile_of(phone("TLS"), wanted) == by_tls
    for transport in ("UDP", "TCP"):
        assert profile_of(phone(transport), wanted) == in_the_open
        assert profile_of(phone(transport), wanted, keys_in_clear=True) == by_tls
    assert profile_of(Target("not a uri"), wanted) == in_the_open


@pytest.mark.parametrize("wanted", [NONE, PREFERRED])
def test_a_caller_speaks_as_it_offers(wanted):
    for body in (offer(), offer(more=KEY), offer("RTP/SAVP", KEY)):
        assert accept(body, wanted, secret=True) == body


def test_keys_that_others_could_read_are_not_used():
    assert accept(offer(more=KEY), PREFERRED, secret=False) == offer()
    with pytest.raises(MediaRefused):
        accept(offer("RTP/SAVP", KEY), PREFERRED, secret=False)


def test_a_line_that_must_encrypt_makes_no_plain_call():
    assert accept(offer(more=KEY), REQUIRED, secret=True) == offer(more=KEY)
    for body, secret in ((offer(), True), (offer(), False), (offer(more=KEY), False)):
        with pytest.raises(MediaRefused):
            accept(body, REQUIRED, secret=secret)


def test_a_browser_needs_no_secret_signalling():
    body = offer("UDP/TLS/RTP/SAVPF", b"a=fingerprint:sha-256 A\r\na=ice-ufrag:x\r\n")
    assert sdp.profile(body) == WEBRTC
    assert accept(body, REQUIRED, secret=False) == body


def test_what_is_no_audio_is_left_to_the_media_server():
    assert accept(b"nonsense", REQUIRED, secret=False) == b"nonsense"


@pytest.mark.parametrize(
    ("wanted", "in_secret", "in_clear"),
    [(NONE, PLAIN, PLAIN), (PREFERRED, BEST_EFFORT, PLAIN), (REQUIRED, SDES, None)],
)
def test_what_a_caller_who_offers_nothing_is_offered(wanted, in_secret, in_clear):
    assert asked_of(wanted, secret=True) == in_secret
    assert asked_of(wanted, secret=False) == in_clear


def test_a_phone_is_offered_the_family_of_addresses_by_which_it_is_reached():
    flow = Flow("TLS", ("2001:db8::1", 5061), ("2001:db8::9", 4000))
    for wanted in Encryption:
        assert profile_of(Target("sip:bob@x", flow), wanted).family == "IP6"
        assert profile_of(phone("TLS"), wanted).family == "IP4"
