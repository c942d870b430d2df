"""Before the answer: early media, forks, an offer that we make ourselves, hold; a real rtpengine."""

import pytest

from core.errors import MediaRefused
from core.ids import new_id
from core.media.g711 import PCMA, PCMU
from core.media.tones import tone
from tests.integration.media.test_reoffer import directed, port
from tests.integration.media.test_session import (
    CALLEE,
    all_ports_are_free,
    audio,
    peers,
    talk,
    until_silent,
)
from tests.support.media import alone


async def test_early_media_goes_on_when_its_callee_answers(media):
    session = media.session(new_id())
    async with peers(PCMA, PCMA) as (caller, callee):
        opened = await alone(session, caller.sdp)
        callee.connect(await session.ring("b"))
        early = await session.connect("b", callee.sdp)
        session.told()
        caller.connect(early)
        await talk(caller, callee, 0.5)
        assert await session.connect("b", callee.sdp) == early
        assert audio(early) == audio(opened)
        await talk(caller, callee, 0.5)
    await session.close()
    await all_ports_are_free(media)


async def test_the_answer_comes_from_another_fork_than_the_early_media(media):
    session = media.session(new_id())
    async with peers(PCMA, PCMA, PCMA) as (caller, first, second):
        await session.open(caller.sdp)
        offer = await session.ring("b")
        first.connect(offer)
        second.connect(offer)
        early = await session.connect("b", first.sdp)
        session.told()
        caller.connect(early)
        await talk(caller, first, 0.5)
        first.silence()
        told = await session.connect("b", second.sdp)
        assert audio(told) == audio(early)
        await talk(caller, second, 0.5)


async def test_early_media_of_one_and_the_answer_of_another(media):
    session = media.session(new_id())
    async with peers(PCMA, PCMA, PCMU) as (caller, loser, winner):
        await session.open(caller.sdp)
        loser.connect(await session.ring("b1"))
        winner.connect(await session.ring("b2"))
        early = await session.connect("b1", loser.sdp)
        session.told()
        caller.connect(early)
        await talk(caller, loser, 0.5)
        told = await session.connect("b2", winner.sdp)
        assert audio(told) == audio(early)
        await session.drop("b1")
        loser.forget()
        await talk(caller, winner, 0.5)
        assert loser.packets <= 3
    await session.close()
    await all_ports_are_free(media)


async def test_after_early_media_that_came_to_nothing_somebody_else_answers(media):
    session = media.session(new_id())
    async with peers(PCMA, PCMA, PCMA) as (caller, first, second):
        await session.open(caller.sdp)
        first.connect(await session.ring("b1"))
        early = await session.connect("b1", first.sdp)
        session.told()
        caller.connect(early)
        await talk(caller, first, 0.5)
        await session.drop("b1")
        second.connect(await session.ring("b2"))
        assert audio(await session.connect("b2", second.sdp)) == audio(early)
        await talk(caller, second, 0.5)


@pytest.mark.parametrize("codec", [PCMA, PCMU])
async def test_a_caller_without_an_offer_gets_ours(media, codec):
    session = media.session(new_id())
    async with peers(codec, PCMA) as (caller, callee):
        offer = await session.offer()
        assert b"RTP/AVP 8 0 101" in offer
        assert b"c=IN IP4 127.0.0.1" in offer
        callee.connect(await session.ring("b"))
        with pytest.raises(MediaRefused):
            await session.connect("b", callee.sdp)
        caller.connect(offer)
        await session.answered(None, caller.sdp)
        assert await session.connect("b", callee.sdp) == offer
        assert session.sent(None) == offer
        await talk(caller, callee)
        held = await session.reoffer(None, directed(caller.sdp, "sendonly"))
        assert b"a=recvonly" in held
        assert port(held) == port(offer)
        await until_silent(caller)
        await session.reoffer(None, caller.sdp)
        await talk(caller, callee)
    await session.close()
    await all_ports_are_free(media)


async def test_hold_before_the_answer_lasts_until_it_is_taken_back(media):
    session = media.session(new_id())
    async with peers(PCMA, PCMA) as (caller, callee):
        opened = await alone(session, caller.sdp)
        session.told()
        callee.connect(await session.ring("b"))
        held = await session.reoffer(None, directed(caller.sdp, "sendonly"))
        assert b"a=recvonly" in held
        assert port(held) == port(opened)
        told = await session.connect("b", callee.sdp)
        assert port(told) == port(opened)
        callee.play(tone(CALLEE))
        await until_silent(caller)
        caller.connect(await session.reoffer(None, caller.sdp))
        await talk(caller, callee)


async def test_an_answer_to_what_we_repeated_moves_the_party(media):
    session = media.session(new_id())
    async with peers(PCMA, PCMA, PCMA) as (caller, callee, elsewhere):
        await session.open(caller.sdp)
        callee.connect(await session.ring("b"))
        caller.connect(await session.connect("b", callee.sdp))
        session.told()
        await talk(caller, callee, 0.5)
        callee.silence()
        elsewhere.connect(session.sent("b"))
        await session.answered("b", elsewhere.sdp)
        await talk(caller, elsewhere, 0.5)
