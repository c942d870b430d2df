"""What is true of a session whoever began it."""

import pytest

from core.sip.reason import parse_reason


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, (200, "")),
        ("SIP", (200, "")),
        ('SIP;cause=503;text="gone; really"', (503, "gone; really")),
        ('sip ; text="say \\"no\\"" ; cause=600', (600, 'say "no"')),
        ('Q.850;cause=16;text="Normal"', (200, "Normal")),  # of the telephone network, not of SIP
        ("SIP;cause=abc", (200, "")),
    ],
)
def test_the_reason_of_an_end(value, expected):
    assert parse_reason(value) == expected
