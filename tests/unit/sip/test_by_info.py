"""Which telephones know keys by INFO alone."""

import pytest

from core.sip import _wire as wire
from core.sip.info import without_events

PLAIN = b"v=0\r\nm=audio 4000 RTP/AVP 8\r\n"
EVENTS = b"v=0\r\nm=audio 4000 RTP/AVP 8 101\r\na=rtpmap:101 Telephone-Event/8000\r\n"


@pytest.mark.parametrize(
    ("allow", "body", "alone"),
    [
        ("INVITE, ACK, INFO", PLAIN, True),
        ("INVITE, ACK, INFO", EVENTS, False),
        ("INVITE, ACK", PLAIN, False),
        ("INVITE, INFO", b"", False),
    ],
)
def test_its_body_and_its_allow_tell(allow, body, alone):
    headers = [
        ("Via", "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1"),
        ("From", "<sip:a@b>;tag=1"),
        ("To", "<sip:c@d>"),
        ("Call-ID", "c"),
        ("CSeq", "1 INVITE"),
        ("Max-Forwards", "20"),
        ("Allow", allow),
    ]
    message = wire.parse(wire.build_request("INVITE", "sip:c@d", headers, body))
    assert without_events(body, message) is alone
