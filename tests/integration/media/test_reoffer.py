"""Hold, resume and moving house within a conversation, through a real rtpengine."""

import asyncio

import pytest

from core import sdp
from core.errors import MediaRefused
from core.ids import new_id
from core.media.g711 import PCMA
from core.media.tones import tone
from tests.integration.media.test_session import CALLEE, CALLER, audio, talk, until_silent
from tests.support.media import alone, figures, peers


def directed(body: bytes, direction: str) -> bytes:
    return body.replace(b"a=sendrecv", f"a={direction}".encode())


def version(body: bytes) -> int:
    return int(next(line for line in body.split(b"\r\n") if line.startswith(b"o=")).split()[2])


def port(body: bytes) -> int:
    return sdp.connection(body)[1]


@pytest.mark.parametrize("holder", ["caller", "callee"])
async def test_hold_and_resume_from_either_side(media, holder):
    session = media.session(new_id())
    async with peers(PCMA, PCMA) as (caller, callee):
        opened = await alone(session, caller.sdp)
        offer = await session.ring("b")
        callee.connect(offer)
        told = await session.connect("b", callee.sdp)
        session.told()
        caller.connect(told)
        await talk(caller, callee)

        leg, peer, before = (None, caller, told) if holder == "caller" else ("b", callee, offer)
        held = await session.reoffer(leg, directed(peer.sdp, "sendonly"))
        assert b"a=recvonly" in held
        assert port(held) == port(before)
        assert version(held) > version(before)
        await until_silent(peer)  # who holds hears nothing

        resumed = await session.reoffer(leg, peer.sdp)
        assert b"a=sendrecv" in resumed
        assert version(resumed) > version(held)
        await talk(caller, callee)
        assert audio(opened) == audio(told)
    await session.close()
    assert (await figures(media)).sessions == 0


@pytest.mark.parametrize("mover", ["caller", "callee"])
async def test_a_party_that_moves_to_another_address_is_heard_there(media, mover):
    session = media.session(new_id())
    async with peers(PCMA, PCMA, PCMA) as (caller, callee, elsewhere):
        await session.open(caller.sdp)
        callee.connect(await session.ring("b"))
        caller.connect(await session.connect("b", callee.sdp))
        session.told()
        await talk(caller, callee)
        leg, other = (None, callee) if mover == "caller" else ("b", caller)
        (caller if mover == "caller" else callee).silence()
        elsewhere.connect(await session.reoffer(leg, elsewhere.sdp))
        for peer, frequency in ((elsewhere, CALLER), (other, CALLEE)):
            peer.forget()
            peer.play(tone(frequency))
        await asyncio.gather(elsewhere.listen(0.6), other.listen(0.6))
    await session.close()


async def test_an_offer_without_a_codec_of_the_call_is_refused_and_nothing_changes(media):
    session = media.session(new_id())
    async with peers(PCMA, PCMA) as (caller, callee):
        await session.open(caller.sdp)
        callee.connect(await session.ring("b"))
        caller.connect(await session.connect("b", callee.sdp))
        session.told()
        other = caller.sdp.replace(b"AVP 8 ", b"AVP 18 ").replace(b"rtpmap:8 PCMA", b"rtpmap:18 G729")
        with pytest.raises(MediaRefused):
            await session.reoffer(None, other)
        await talk(caller, callee)
    await session.close()


def test_the_direction_of_the_answer_fits_the_offers():
    head = b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\n"
    body = head + b"c=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 4 RTP/AVP 8\r\n"
    for offered, answered in (
        ("sendonly", "recvonly"),
        ("recvonly", "sendonly"),
        ("inactive", "inactive"),
        ("sendrecv", "sendrecv"),
    ):
        offer = body + f"a={offered}\r\n".encode()
        assert sdp.direction(sdp.answer_direction(body + b"a=sendrecv\r\n", offer)) == answered


def test_a_successor_keeps_the_origin_and_counts_changes():
    body = b"v=0\r\no=- 7 3 IN IP4 192.0.2.1\r\ns=-\r\n"
    same = body.replace(b"- 7 3", b"x 9 9")
    assert sdp.successor(same, body) == body
    changed = same + b"a=recvonly\r\n"
    assert sdp.successor(changed, body) == body.replace(b"7 3", b"7 4") + b"a=recvonly\r\n"
