"""Calls through a real rtpengine, heard by real RTP peers."""

import asyncio

import pytest

from core import sdp
from core.errors import MediaRefused, MediaUnavailable
from core.ids import new_id
from core.media.g711 import PCMA, PCMU
from core.media.tones import hears, tone
from tests.support.media import alone, figures, peers, until_hears

CALLER, CALLEE, LOSER = 440, 620, 1000


async def talk(caller, callee, seconds=1.0):
    """Both hear the other's tone, and soon nothing else."""
    caller.play(tone(CALLER))
    callee.play(tone(CALLEE))
    async with asyncio.timeout(30):
        await asyncio.gather(until_hears(caller, CALLEE, seconds), until_hears(callee, CALLER, seconds))


async def until_silent(peer, seconds=0.4):
    """Wait until nothing arrives for so long; TimeoutError if something always does."""
    async with asyncio.timeout(30):
        while True:
            peer.forget()
            await asyncio.sleep(seconds)
            if peer.packets == 0:
                return


async def all_ports_are_free(media):
    """rtpengine closes the sockets of a deleted call a moment after it said so."""
    async with asyncio.timeout(30):
        while (await figures(media)).ports_used:
            await asyncio.sleep(0.02)


async def transcoded(media) -> int:
    """Packets that rtpengine decoded and encoded anew."""
    reply = await media.process.client.request("statistics")
    return sum(chain["packets"] for chain in reply["statistics"]["transcoders"])


def audio(body: bytes) -> str:
    """The connection and stream lines, which must never change for a caller."""
    return "".join(line for line in body.decode().splitlines() if line.startswith(("c=", "m=")))


async def test_two_hear_each_other_and_the_loser_neither(media):
    session = media.session(new_id())
    async with peers(PCMA, PCMA, PCMA) as (caller, winner, loser):
        opened = await alone(session, caller.sdp)
        assert b"c=IN IP4 127.0.0.1" in opened
        rings = {peer: await session.ring(f"b{n}") for n, peer in enumerate((winner, loser))}
        for peer, offer in rings.items():
            peer.connect(offer)
        told = await session.connect("b0", winner.sdp)
        await session.drop("b1")
        loser.play(tone(LOSER))
        caller.connect(told)
        await talk(caller, winner)
        assert audio(told) == audio(opened)
        assert loser.packets == 0
        assert winner.sources == {winner.remote}
        assert caller.sources == {caller.remote}
        assert (await figures(media)).sessions == 1
    await session.close()
    assert (await figures(media)).sessions == 0
    await all_ports_are_free(media)


async def test_a_told_caller_gets_the_same_codec_and_port_whoever_answers(media):
    session = media.session(new_id())
    async with peers(PCMA, PCMU) as (caller, callee):
        offer = caller.sdp.replace(b"AVP 8 101", b"AVP 0 8 101")
        early = await alone(session, offer)
        session.told()
        callee.connect(await session.ring("b1"))
        told = await session.connect("b1", callee.sdp)
        assert sdp.codecs(early) == sdp.codecs(told) == ["PCMA"]
        assert audio(early) == audio(told)
        caller.connect(told)
        await talk(caller, callee)
        assert await transcoded(media) > 80


async def test_nobody_transcodes_where_both_speak_the_same(media):
    session = media.session(new_id())
    async with peers(PCMU, PCMU) as (caller, callee):
        await session.open(caller.sdp.replace(b"AVP 0 101", b"AVP 8 0 101"))
        callee.connect(await session.ring("b1"))
        told = await session.connect("b1", callee.sdp)
        assert sdp.codecs(told) == ["PCMU"]
        caller.connect(told)
        await talk(caller, callee)
        assert await transcoded(media) == 0


async def test_early_sounds_of_callees_reach_nobody(media):
    session = media.session(new_id())
    async with peers(PCMA, PCMA) as (caller, callee):
        caller.connect(await alone(session, caller.sdp))
        caller.play(tone(CALLER))
        callee.connect(await session.ring("b1"))
        callee.play(tone(LOSER))
        await asyncio.sleep(0.3)
        assert (caller.packets, callee.packets) == (0, 0)


async def test_another_callee_after_the_first_hung_up(media):
    session = media.session(new_id())
    async with peers(PCMA, PCMA, PCMU) as (caller, first, second):
        opened = await alone(session, caller.sdp)
        session.told()
        caller.connect(opened)
        first.connect(await session.ring("b1"))
        await session.connect("b1", first.sdp)
        await talk(caller, first, 0.5)
        await session.drop("b1")
        await until_silent(first, 0.1)
        second.connect(await session.ring("b2"))
        told = await session.connect("b2", second.sdp)
        assert audio(told) == audio(opened)
        await talk(caller, second, 0.5)
        assert first.packets == 0


async def test_a_callee_behind_nat_is_heard_where_it_sends_from(media):
    session = media.session(new_id())
    async with peers(PCMA, PCMA, PCMA) as (caller, callee, elsewhere):
        await session.open(caller.sdp)
        callee.connect(await session.ring("b1"))
        caller.connect(await session.connect("b1", elsewhere.sdp))
        await talk(caller, callee, 0.5)


async def test_video_is_declined_and_a_keyed_caller_stays_keyed(media):
    session = media.session(new_id())
    key = b"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" + b"A" * 40 + b"\r\n"
    async with peers(PCMA, PCMA) as (caller, callee):
        offer = caller.sdp.replace(b"RTP/AVP", b"RTP/SAVP") + key + b"m=video 4002 RTP/SAVP 96\r\n"
        opened = await alone(session, offer)
        ringing = await session.ring("b1")
        assert b"crypto" not in ringing
        told = await session.connect("b1", callee.sdp)
    for answer in (opened, told):
        assert b"a=crypto:1" in answer
        assert answer.count(b"m=") == 2
        assert b"m=video 0 RTP/SAVP 96\r\n" in answer
    assert b"RTP/AVP 8" in ringing


async def test_for_sdp_that_rtpengine_cannot_read_nobody_rings(media):
    session = media.session(new_id())
    with pytest.raises(MediaRefused):
        await session.open(b"m=audio 4000 RTP/AVP 8\r\n")
    await session.close()


async def test_calls_without_ports_left_are_refused_and_leave_nothing(media):
    async with peers(PCMA) as (caller,):
        opened = []
        with pytest.raises(MediaUnavailable) as raised:
            for _ in range(100):
                opened.append(media.session(new_id()))
                await alone(opened[-1], caller.sdp)
        assert raised.value.sip_status == 503
        assert len(opened) > 20
    for session in opened:
        await session.close()
    await all_ports_are_free(media)


async def test_many_calls_at_once(media):
    async with peers(PCMA, PCMA) as (caller, callee):

        async def one():
            session = media.session(new_id())
            await session.open(caller.sdp)
            await session.ring("b1")
            await session.connect("b1", callee.sdp)
            await session.close()

        for _ in range(20):
            await asyncio.gather(*(one() for _ in range(5)))
    await all_ports_are_free(media)


async def test_hears_is_false_for_silence(media):
    async with peers(PCMA) as (peer,):
        with pytest.raises(TimeoutError):
            await peer.listen(0.1, patience=0.1)
        assert not hears(peer.heard, CALLER, 0.1)


async def test_a_call_of_which_nobody_was_left_begins_anew(media):
    session = media.session(new_id())
    async with peers(PCMA, PCMA, PCMA) as (caller, first, second):
        await session.open(caller.sdp)
        first.connect(await session.ring("b1"))
        await session.drop("b1")
        await all_ports_are_free(media)
        await asyncio.sleep(1.2)  # longer than the watch takes for the same moment
        second.connect(await session.ring("b2"))
        caller.connect(await session.connect("b2", second.sdp))
        (watch,) = media._watches
        assert await watch.node.forgot() == [], "it is no call that was lost and came again"
        await talk(caller, second, 0.3)
    await session.close()
    await all_ports_are_free(media)
