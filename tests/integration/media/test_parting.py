"""Parties that part and meet others within one media session, through a real rtpengine."""

import asyncio

from core.ids import new_id
from core.media.g711 import PCMA, PCMU
from core.media.tones import tone, write_wav
from tests.integration.media.test_reoffer import directed, version
from tests.integration.media.test_session import audio, talk, until_silent
from tests.support.media import alone, figures, peers, until_hears

MUSIC, OTHER = 350, 1200


def music(tmp_path, frequency=MUSIC):
    write_wav(tmp_path / f"{frequency}.wav", tone(frequency))
    return tmp_path / f"{frequency}.wav"


async def joined(session, caller, callee):
    """A caller and the callee ``b``, who talk."""
    opened = await alone(session, caller.sdp)
    callee.connect(await session.ring("b"))
    caller.connect(await session.connect("b", callee.sdp))
    session.told()
    await talk(caller, callee, 0.4)
    return opened


async def hears_only(peer, frequency):
    async with asyncio.timeout(30):
        await until_hears(peer, frequency, 0.4)


async def test_who_is_held_hears_music_and_not_the_holder(media, tmp_path):
    session = media.session(new_id())
    clip = music(tmp_path)
    async with peers(PCMA, PCMA) as (caller, callee):
        await joined(session, caller, callee)
        for holder, held, leg, other in ((callee, caller, "b", None), (caller, callee, None, "b")):
            await session.reoffer(leg, directed(holder.sdp, "sendonly"))
            await session.play(clip, again=True, to=other)
            await hears_only(held, MUSIC)  # though the holder goes on to send
            await until_silent(holder)
            await session.hush(other)
            await session.reoffer(leg, holder.sdp)
            await talk(caller, callee, 0.4)
    await session.close()
    assert (await figures(media)).sessions == 0


async def test_the_caller_goes_on_to_another_one_or_back(media, tmp_path):
    session = media.session(new_id())
    async with peers(PCMA, PCMA, PCMU) as (caller, callee, target):
        opened = await joined(session, caller, callee)
        await session.reoffer("b", directed(callee.sdp, "sendonly"))  # as phones do before a transfer
        await session.park()
        await session.play(music(tmp_path), again=True)
        await hears_only(caller, MUSIC)
        await until_silent(callee)
        await session.reoffer("b", callee.sdp)
        await session.hush()
        told = await session.connect("b")  # the target did not answer
        assert audio(told) == audio(opened)
        await talk(caller, callee, 0.4)

        await session.park()
        target.connect(await session.ring("c"))
        await session.connect("c", target.sdp)
        await session.drop("b")
        await talk(caller, target, 0.4)
        await until_silent(callee)
    await session.close()
    assert (await figures(media)).sessions == 0


async def test_the_callee_stays_when_the_caller_goes(media, tmp_path):
    session = media.session(new_id())
    async with peers(PCMA, PCMU, PCMA) as (caller, callee, target):
        await joined(session, caller, callee)
        await session.promote("b")
        await session.play(music(tmp_path), again=True)
        await session.play(music(tmp_path, OTHER), again=True, to="caller")
        await asyncio.gather(hears_only(callee, MUSIC), hears_only(caller, OTHER))
        await session.hush()
        await session.hush("caller")
        target.connect(await session.ring("c"))
        await session.connect("c", target.sdp)
        await session.drop("caller")
        await talk(callee, target, 0.4)
        await until_silent(caller)
        assert set(await session.received()) == {None, "c"}
        held = await session.reoffer("c", directed(target.sdp, "sendonly"))
        assert b"a=recvonly" in held
        await session.reoffer("c", target.sdp)
        await session.drop("c")  # and the one who stays may go on to yet another one
        await session.play(music(tmp_path), again=True)
        await hears_only(callee, MUSIC)
    await session.close()
    assert (await figures(media)).sessions == 0


async def test_a_consultation_while_the_caller_hears_music(media, tmp_path):
    session = media.session(new_id())
    async with peers(PCMA, PCMA, PCMA) as (caller, callee, target):
        await joined(session, caller, callee)
        await session.promote("b")
        await session.play(music(tmp_path), again=True, to="caller")
        target.connect(await session.ring("c"))
        await session.connect("c", target.sdp)
        await asyncio.gather(talk(callee, target, 0.4), hears_only(caller, MUSIC))
        await session.hush("caller")
        await session.promote("caller")
        await session.connect("c")
        await session.drop("b")
        await talk(caller, target, 0.4)
        await until_silent(callee)
    await session.close()
    assert (await figures(media)).sessions == 0


async def test_a_newcomer_with_an_offer_takes_a_place(media):
    session = media.session(new_id())
    async with peers(PCMA, PCMA, PCMU) as (caller, callee, newcomer):
        opened = await alone(session, caller.sdp)  # it rings at b, and c picks the call up
        callee.connect(await session.ring("b"))
        caller.connect(opened)
        newcomer.connect(await session.admit("c", newcomer.sdp))
        await session.drop("b")
        await talk(caller, newcomer, 0.4)
        async with peers(PCMA) as (third,):
            third.connect(await session.admit("d", third.sdp))
            await session.drop("c")
            await talk(caller, third, 0.4)
            await until_silent(newcomer)
            await session.promote("d")
            await session.connect("caller")
            await talk(third, caller, 0.4)
    await session.close()
    assert (await figures(media)).sessions == 0


async def test_parties_of_two_sessions_are_brought_together(media):
    first, second = media.session(new_id()), media.session(new_id())
    async with peers(PCMA, PCMA, PCMA, PCMU) as (client, employee, again, colleague):
        await joined(first, client, employee)
        await joined(second, again, colleague)
        before = second.sent("b")
        offer = await first.adopt("c", before)
        assert version(offer) == version(before) + 1
        colleague.connect(offer)
        await first.connect("c", colleague.sdp)
        await first.drop("b")
        await second.close()
        await talk(client, colleague, 0.4)
        await until_silent(employee)
    await first.close()
    assert (await figures(media)).sessions == 0
