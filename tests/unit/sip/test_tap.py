"""The row of the last messages: bounded, correlated, and never with a secret in it."""

import asyncio
from uuid import UUID

import pytest

from core.sip import _wire as wire
from core.sip.flow import OUTGOING, Flow
from core.sip.redact import redact
from core.sip.tap import Owner, Tap, Wanted

CALLER, PHONE = (Flow("UDP", ("192.0.2.9", 5060), (f"192.0.2.{n}", 5060)) for n in (1, 2))
OWNER = Owner(UUID(int=7), UUID(int=1))


def message(method="INVITE", call_id="a", user="101", body=b"", extra=()):
    headers = [
        ("Via", "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1"),
        ("From", f"<sip:{user}@pbx>;tag=1"),
        ("To", "<sip:102@pbx>"),
        ("Call-ID", call_id),
        ("CSeq", f"1 {method}"),
        *extra,
    ]
    return wire.build_request(method, "sip:102@pbx", headers, body)


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        self.now += 1
        return self.now


def tap(limit=1 << 20, **more):
    return Tap(Clock(), {"005": UUID(int=5)}.get, limit, **more)


def read(source, **wanted):
    async def whole():
        return [each async for each in source.read(Wanted(**wanted))]

    return asyncio.run(whole())


def test_both_legs_of_a_call_are_found_by_our_id_and_by_either_call_id():
    source = tap()
    source.note(False, CALLER, message(call_id="a"))
    source.bind("a", OWNER)
    source.note(True, PHONE, message(call_id="b"))
    source.bind("b", OWNER)
    source.note(False, PHONE, message(call_id="other"))
    both = read(source, call=str(OWNER.call_id))
    assert [(each.sip_call_id, each.sent) for each in both] == [("a", False), ("b", True)]
    assert {(each.call_id, each.tenant_id) for each in both} == {(OWNER.call_id, OWNER.tenant_id)}
    assert read(source, call=str(OWNER.call_id)[24:]) == both
    assert [each.sip_call_id for each in read(source, call="b")] == ["b"]
    assert [each.remote for each in read(source, host="192.0.2.2")] == [PHONE.remote] * 2
    assert read(source, call="nothing") == []
    assert read(source, recent=False) == []


def test_registrations_have_their_own_row_and_owner():
    source = tap()
    source.note(False, PHONE, message("REGISTER", "r", user="005"))
    source.note(False, PHONE, message("OPTIONS", "o", user="stranger"))
    source.note(False, CALLER, message(call_id="a", extra=[("Allow", "INVITE, ACK, OPTIONS")]))
    source.note(False, CALLER, message(call_id="s", extra=[("Subject", "2 REGISTER")]))
    assert [each.sip_call_id for each in read(source)] == ["a", "s"]
    assert len(source._calls.entries) == len(source._others.entries) == 2
    everything = read(source, others=True)
    assert [each.sip_call_id for each in everything] == ["r", "o", "a", "s"]
    assert [each.tenant_id for each in everything] == [UUID(int=5), None, None, None]


def test_what_is_not_sip_is_kept_too():
    source = tap()
    source.note(False, PHONE, b"GET / HTTP/1.0\r\n\r\n")
    [odd] = read(source)
    assert (odd.data, odd.sip_call_id, odd.call_id) == (b"GET / HTTP/1.0\r\n\r\n", "", None)


def test_the_rows_are_bounded_by_bytes_and_by_messages():
    source = tap(limit=80_000)
    for number in range(500):
        source.note(False, CALLER, message(call_id=f"c{number}", body=b"x" * 600))
        source.note(False, PHONE, message("REGISTER", f"r{number}"))
    found = read(source, others=True)
    assert sum(len(each.data) for each in found) < 80_000
    names = {each.sip_call_id for each in found}
    assert {"c499", "r499"} <= names
    assert not names & {"c0", "r0"}
    few = tap(messages=16)
    for number in range(100):
        few.note(True, CALLER, message(call_id=str(number)))
    assert [each.sip_call_id for each in read(few)] == [str(n) for n in range(86, 100)]


def test_owners_are_bounded():
    source = tap()
    for number in range(20_100):
        source.bind(str(number), OWNER)
    assert len(source._owners) == 20_000


def test_switched_off_it_keeps_nothing():
    source = tap(limit=0)
    source.bind("a", OWNER)
    source.note(False, CALLER, message())
    assert read(source, others=True) == []
    assert not source._owners


async def test_following_hears_what_comes_until_the_time_is_over():
    source = tap()
    source.note(False, CALLER, message(call_id="before"))
    heard = []

    async def follow():
        async for each in source.read(Wanted(call="a", recent=False, seconds=30)):
            heard.append(each)
            if len(heard) == 2:
                return

    task = asyncio.create_task(follow())
    while not source._readers:
        await asyncio.sleep(0)
    for call_id in ("before", "a1", "b", "a2"):
        source.note(True, CALLER, message(call_id=call_id))
    async with asyncio.timeout(20):
        await task
    assert [each.sip_call_id for each in heard] == ["a1", "a2"]
    assert [each async for each in source.read(Wanted(recent=False, seconds=0.01))] == []
    assert not source._readers


async def test_the_real_address_of_an_outgoing_connection_is_told():
    source = tap()
    source.local = lambda flow: ("192.0.2.9", 40000) if flow.local == OUTGOING else flow.local
    source.note(True, Flow("TCP", OUTGOING, ("192.0.2.1", 5060)), message())
    [each] = [each async for each in source.read(Wanted())]
    assert each.local == ("192.0.2.9", 40000)


DIGEST = (
    'Digest username="005", realm="pbx", nonce="n", uri="sip:pbx", response="%s", cnonce="c",'
    " nc=00000001"
)
SECRETS = [
    message(extra=[("Authorization", DIGEST % "0123456789abcdef")]),
    message(extra=[("Proxy-Authorization", DIGEST.replace("Digest", "digest") % "0123456789abcdef")]),
    message().replace(
        b"CSeq", b"authorization :Digest username=x,\r\n response = 0123456789abcdef\r\nCSeq"
    ),
    message().replace(b"CSeq", b"AUTHORIZATION: Basic 0123456789abcdef\r\nCSeq"),
    message(extra=[("Authentication-Info", 'qop=auth, rspauth="0123456789abcdef", cnonce="c"')]),
    message(extra=[("Route", "<sip:user:0123456789abcdef@pbx;lr>")]),
    message(body=b"v=0\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:0123456789abcdef|2^20|1:4\r\n"),
    message(body=b"v=0\r\na=ice-pwd:0123456789abcdef\r\n"),
    message(body=b"v=0\r\nk=base64:0123456789abcdef\r\n"),
]


@pytest.mark.parametrize("secret", SECRETS)
def test_secrets_are_overwritten_and_lengths_stay(secret):
    """Also where lines end with LF alone, which we do not read as SIP."""
    hidden = redact(secret)
    assert b"0123456789abcdef" in secret
    assert b"0123456789abcdef" not in hidden
    assert len(hidden) == len(secret)
    assert wire.parse(hidden).call_id == "a"
    loose = secret.replace(b"\r\n", b"\n"), secret.replace(b"\r\nCSeq", b"\n\nCSeq")
    assert all(b"0123456789abcdef" not in redact(each) for each in loose)
    for kept in (b'nonce="n"', b'uri="sip:pbx"', b"AES_CM_128", b"username="):
        assert (kept in hidden) == (kept in secret)


@pytest.mark.parametrize(
    ("kind", "body", "shown"),
    [
        ("application/dtmf-relay", b"Signal=5\r\nDuration=160\r\n", b"Signal=x\r\nDuration=160\r\n"),
        ("application/dtmf-relay", b"Signal= #\r\n", b"Signal= x\r\n"),
        ("application/dtmf", b"5", b"x"),
        ("application/dtmf", b"5\r\n", b"x\r\n"),
        ("text/plain", b"5", b"5"),
    ],
)
def test_pressed_digits_are_overwritten(kind, body, shown):
    assert redact(message("INFO", body=body, extra=[("Content-Type", kind)])).endswith(
        b"\r\n\r\n" + shown
    )


@pytest.mark.parametrize(("old", "new"), [(b"Type: ", b"Type:\r\n "), (b"\r\n", b"\n")])
def test_pressed_digits_are_found_however_the_lines_are_written(old, new):
    pressed = message("INFO", body=b"Signal=5\n", extra=[("Content-Type", "application/dtmf-relay")])
    assert redact(pressed.replace(old, new)).endswith(b"\n\n" * (b"\r" not in pressed) + b"Signal=x\n")


def test_nothing_else_is_touched():
    plain = message(body=b"v=0\r\nc=IN IP4 192.0.2.1\r\nm=audio 4000 RTP/AVP 8\r\n")
    assert redact(plain) == plain
    assert redact(b"") == b""
    assert redact(b"\xff\x00") == b"\xff\x00"
