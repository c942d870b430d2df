"""Phones behind NAT name wrong addresses; strangers send to our ports. With a real rtpengine."""

import asyncio

import pytest

from core.ids import new_id
from core.media.g711 import PCMA
from core.media.rtp import RtpPeer
from core.media.tones import hears, tone
from tests.integration.media.test_reoffer import directed
from tests.integration.media.test_session import CALLEE, CALLER, talk
from tests.support.media import peers, until_hears

STRANGER = 1000


def private(peer: RtpPeer) -> bytes:
    """The peer's body with the address that it has behind its NAT, where nobody can send to."""
    port = str(peer.address[1]).encode()
    return peer.sdp.replace(b"127.0.0.1", b"192.168.77.5").replace(b"audio " + port, b"audio 16000")


async def join(media, caller, callee, caller_sdp, callee_sdp):
    session = media.session(new_id())
    await session.open(caller_sdp)
    callee.connect(await session.ring("b"))
    caller.connect(await session.connect("b", callee_sdp))
    session.told()
    return session


@pytest.mark.parametrize("behind", ["caller", "callee", "both"])
async def test_audio_goes_where_the_packets_come_from(media, behind):
    async with peers(PCMA, PCMA) as (caller, callee):
        caller_sdp = caller.sdp if behind == "callee" else private(caller)
        callee_sdp = callee.sdp if behind == "caller" else private(callee)
        session = await join(media, caller, callee, caller_sdp, callee_sdp)
        caller.play(tone(CALLER))
        callee.play(tone(CALLEE))
        await until_hears(caller, CALLEE, 0.5)
        await until_hears(callee, CALLER, 0.5)
        await talk(caller, callee, 0.5)
        await session.close()


async def test_a_stranger_is_not_heard_once_the_phone_is_known(media):
    async with peers(PCMA, PCMA, PCMA) as (caller, callee, stranger):
        session = await join(media, caller, callee, private(caller), callee.sdp)
        caller.play(tone(CALLER))
        callee.play(tone(CALLEE))
        await asyncio.gather(caller.listen(4), callee.listen(4))
        stranger.remote = caller.remote
        stranger.play(tone(STRANGER))
        await asyncio.sleep(0.2)
        await talk(caller, callee, 1.0)
        assert not hears(callee.heard, STRANGER, 0.1)
        assert callee.packets < 1.6 * len(callee.heard) / 160, "a second stream would double them"
        assert stranger.packets == 0, "nor does audio go there"
        await session.close()


@pytest.mark.proof
async def test_a_stranger_who_came_early_loses_against_the_address_that_was_named(media):
    """Who sprays all ports from the first moment on disturbs for three seconds and hears nothing."""
    async with peers(PCMA, PCMA, PCMA) as (caller, callee, stranger):
        session = await join(media, caller, callee, caller.sdp, callee.sdp)
        stranger.remote = caller.remote
        stranger.play(tone(STRANGER))
        await asyncio.sleep(0.2)
        caller.play(tone(CALLER))
        callee.play(tone(CALLEE))
        await until_hears(callee, CALLER, 0.5)
        stranger.forget()
        await talk(caller, callee, 0.5)
        assert stranger.packets == 0
        await session.close()


async def test_a_phone_whose_nat_forgot_it_during_hold_is_heard_again(media):
    """Its next offer is the same, its packets come from another port."""
    async with peers(PCMA, PCMA, PCMA) as (caller, callee, moved):
        body = private(caller)
        session = await join(media, caller, callee, body, callee.sdp)
        caller.play(tone(CALLER))
        callee.play(tone(CALLEE))
        await asyncio.gather(caller.listen(4), callee.listen(4))
        await session.reoffer(None, directed(body, "sendonly"))
        moved.remote = caller.remote
        caller.silence()
        await session.reoffer(None, body.replace(b" 1 IN", b" 3 IN"))
        moved.play(tone(CALLER))
        await until_hears(callee, CALLER, 0.5)
        await until_hears(moved, CALLEE, 0.5)
        await session.close()
