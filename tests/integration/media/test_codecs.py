"""Any codec with any other through a real rtpengine: heard both ways, keys pressed, packet times."""

import asyncio

import pytest

from core import sdp
from core.errors import MediaRefused
from core.ids import new_id
from tests.integration.media.test_session import transcoded
from tests.support.voices import G722, PCMA, PCMU, Opus, Voice, converse, voice

ALL = {"PCMA": PCMA, "PCMU": PCMU, "G722": G722("G722", 9), "opus": Opus(111)}
BOTH = (48000, 8000)


async def joined(media, caller, callee):
    """A call of the two; returns its session, our offer and our answer."""
    session = media.session(new_id())
    await session.open(caller.sdp)
    offer = await session.ring("b")
    callee.connect(offer)
    told = await session.connect("b", callee.sdp)
    caller.connect(told)
    return session, offer, told


async def call(media, callers, callees):
    """A conversation with a key from either side."""
    async with (
        voice(*callers, events=BOTH) as caller,
        voice(*callees, events=BOTH) as callee,
    ):
        session, *_ = await joined(media, caller, callee)
        await converse(caller, callee)
        await caller.press(5)
        await callee.press(7)
        assert await callee.until_pressed(1) == [5]
        assert await caller.until_pressed(1) == [7]
        await session.close()


@pytest.mark.parametrize("name", ALL)
async def test_a_codec_with_itself_is_not_transcoded(media, name):
    await call(media, [ALL[name]], [ALL[name]])
    assert await transcoded(media) == 0


@pytest.mark.parametrize("name", ALL)
async def test_a_codec_with_every_other(media, name):
    others = [other for other in ALL if other != name]
    await asyncio.gather(*(call(media, [ALL[name]], [ALL[other]]) for other in others))
    assert await transcoded(media) > 100


@pytest.mark.parametrize("callers", [("opus", "PCMA"), ("G722", "PCMA", "PCMU")])
async def test_g711_is_spoken_where_both_have_it(media, callers):
    phones = [ALL[name] for name in callers]
    async with voice(*phones, events=BOTH) as caller, voice(*phones, events=BOTH) as callee:
        session, offer, told = await joined(media, caller, callee)
        assert sdp.codecs(offer)[0] == sdp.codecs(told)[0] == "PCMA"
        await converse(caller, callee)
        assert await transcoded(media) == 0
        await session.close()


async def test_a_codec_that_only_one_side_prefers_is_found_without_transcoding(media):
    """The callee has no G.711; both have G.722, which the caller names last."""
    async with voice(PCMA, ALL["opus"], ALL["G722"]) as caller, voice(ALL["G722"]) as callee:
        session, _, told = await joined(media, caller, callee)
        assert sdp.codecs(told) == ["G722"]
        await converse(caller, callee)
        assert await transcoded(media) == 0
        await session.close()


async def test_a_dynamic_payload_type_is_each_legs_own(media):
    """The caller's Opus is 96, which is telephone-event to the callee unless somebody looks."""
    async with (
        voice(Opus(96), events=BOTH) as caller,
        voice(Opus(111), PCMU, events=BOTH) as callee,
    ):
        session, offer, _ = await joined(media, caller, callee)
        assert b"a=rtpmap:96 opus/48000/2" in offer
        await converse(caller, callee)
        await caller.press(1)
        assert await callee.until_pressed(1) == [1]
        await session.close()


@pytest.mark.parametrize("rate", BOTH)
async def test_events_at_either_clock_rate_reach_a_phone_with_g711(media, rate):
    async with voice(ALL["opus"], events=(rate,)) as caller, voice(PCMA) as callee:
        session, *_ = await joined(media, caller, callee)
        await converse(caller, callee, 0.5)
        await caller.press(9)
        assert await callee.until_pressed(1) == [9]
        await session.close()


@pytest.mark.parametrize("ptime", [10, 30, 60])
async def test_packet_times_are_each_sides_own(media, ptime):
    """Passed on as they are between equal codecs."""
    async with voice(PCMA, ptime=ptime) as caller, voice(PCMA) as callee:
        session, offer, _ = await joined(media, caller, callee)
        assert f"a=ptime:{ptime}".encode() in offer
        await converse(caller, callee)
        assert (callee.sizes, caller.sizes) == ({8 * ptime}, {160})
        await session.close()


async def test_an_answer_with_nothing_that_can_be_spoken_is_refused(media):
    """The number of a codec has to be the offer's (RFC 3264 §6.1); rtpengine drops any other."""
    async with voice(Opus(111)) as caller, voice(Voice("opus", 99, 48000, 2)) as callee:
        session = media.session(new_id())
        await session.open(caller.sdp)
        await session.ring("b")
        with pytest.raises(MediaRefused):
            await session.connect("b", callee.sdp)
        await session.close()
