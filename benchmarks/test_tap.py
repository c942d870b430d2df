"""What keeping the last messages costs each of them."""

from __future__ import annotations

import time

import pytest

from core.sip.flow import Flow
from core.sip.tap import Tap

HEADERS = "".join(f"X-Header-{n}: a value of some length, {n}\r\n" for n in range(15))
INVITE = f"INVITE sip:101@pbx SIP/2.0\r\nCSeq: 1 INVITE\r\n{HEADERS}\r\n".encode()
FLOW = Flow("UDP", ("192.0.2.9", 5060), ("192.0.2.1", 5060))


@pytest.mark.parametrize("limit", [0, 16 << 20])
def test_note(benchmark, limit):
    tap = Tap(time.time, lambda login: None, limit)
    for _ in range(50_000):  # full, so that each message makes room
        tap.note(True, FLOW, INVITE)
    benchmark(tap.note, True, FLOW, INVITE)
