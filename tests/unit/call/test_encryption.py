"""How the audio of a phone travels: what its transport and its contact tell."""

import pytest

from core.call.encryption import profile_of
from core.sdp import PLAIN, WEBRTC
from core.sip.flow import Flow, Target


def phone(transport, uri="sip:bob@192.0.2.9"):
    return Target(uri, Flow(transport, ("192.0.2.1", 5060), ("192.0.2.9", 4000)))


@pytest.mark.parametrize("transport", ["WS", "WSS"])
def test_a_phone_on_a_websocket_is_a_browser(transport):
    assert profile_of(phone(transport)) == WEBRTC


def test_a_browser_behind_a_proxy_is_known_by_its_contact():
    assert profile_of(phone("UDP", "sip:bob@x.invalid;transport=ws")) == WEBRTC
    assert profile_of(Target("sip:bob@x.invalid;transport=WSS")) == WEBRTC


@pytest.mark.parametrize("transport", ["UDP", "TCP"])
def test_other_phones_are_offered_plain_rtp(transport):
    assert profile_of(phone(transport)) == PLAIN
    assert profile_of(Target("not a uri")) == PLAIN
