"""Keys through a real rtpengine: RFC 4733 between any two, put in for phones that say them by INFO."""

import asyncio

import pytest

from core import sdp
from core.ids import new_id
from core.media.rtp import RtpPeer
from core.media.tones import tone
from tests.support.media import alone, until_hears
from tests.support.sound import dtmf
from tests.support.waiting import until


class Talk:
    """A call of two peers; ``heard`` are the keys that the server reported: (party, key)."""

    def __init__(self, media, caller, callee):
        self.session = media.session(new_id())
        self.caller, self.callee = caller, callee
        self.heard = []
        self.session.listen(lambda party, key, milliseconds: self.heard.append((party, key)))

    async def join(self):
        if not self.caller.events:
            self.session.by_info(None)
        await self.session.open(self.caller.sdp)
        self.offered = await self.session.ring("b")
        self.callee.connect(self.offered)
        if not self.callee.events:
            self.session.by_info("b")
        self.told = await self.session.connect("b", self.callee.sdp)
        self.session.told()
        self.caller.connect(self.told)
        for peer in (self.caller, self.callee):
            peer.play([0] * 160)
        await asyncio.gather(self.caller.listen(0.2), self.callee.listen(0.2))


@pytest.fixture
async def talk(media):
    """Makes a joined call of two peers with these payload types of events."""
    peers = []

    async def make(*events):
        two = [await RtpPeer.open(events=kind) for kind in events]
        peers.extend(two)
        made = Talk(media, *two)
        await made.join()
        return made

    yield make
    for peer in peers:
        peer.close()


@pytest.mark.parametrize("events", [(101, 101), (101, 96), (126, 126)])
async def test_keys_reach_the_other_side_under_its_payload_type(talk, events):
    here = await talk(*events)
    other = await talk(101, 101)
    for key in "1*":
        await here.caller.press(key)
    await here.callee.press("#")
    await until(lambda: here.callee.pressed == ["1", "*"] and here.caller.pressed == ["#"])
    await until(lambda: len(here.heard) == 3)
    assert here.heard == [(None, "1"), (None, "*"), ("b", "#")]
    assert other.heard == []


async def test_keys_of_a_caller_with_whom_nobody_talks_any_more(talk):
    here = await talk(101, 101)
    await here.session.drop("b")
    await here.caller.press("5")
    await until(lambda: here.heard == [(None, "5")])


async def test_keys_of_a_caller_with_whom_nobody_talks_yet(media):
    caller = await RtpPeer.open()
    session = media.session(new_id())
    heard = []
    session.listen(lambda party, key, milliseconds: heard.append((party, key, milliseconds)))
    caller.connect(await alone(session, caller.sdp))
    await caller.press("5", 0.2)
    await until(lambda: heard)
    assert heard == [(None, "5", 200)]
    caller.close()


async def test_keys_that_were_said_by_info_are_put_into_the_audio(talk):
    here = await talk(101, 96)
    before = here.session.sent(None)
    for key in "70":
        await here.session.press(None, key, 100)
    await until(lambda: here.callee.pressed == ["7", "0"])
    await here.session.press("b", "9", 100)
    await until(lambda: here.caller.pressed == ["9"])
    assert here.session.sent(None) == before, "nobody needs to hear of it"


async def test_a_callee_that_knows_info_alone(talk):
    here = await talk(101, 0)
    assert sdp.events_payload(here.told), "its caller may press keys in the audio"
    await here.caller.press("4")
    await until(lambda: here.heard == [(None, "4")])
    await here.session.press("b", "6", 100)
    await until(lambda: here.caller.pressed == ["6"])


async def test_a_caller_that_knows_info_alone(talk):
    here = await talk(0, 101)
    assert sdp.events_payload(here.offered)
    assert not sdp.events_payload(here.told), "it did not offer events"
    await here.callee.press("8")
    await until(lambda: here.heard == [("b", "8")])
    await here.session.press(None, "2", 100)
    await until(lambda: here.callee.pressed == ["2"])


@pytest.mark.parametrize("by_info", [False, True])
async def test_tones_in_the_voice_of_a_caller_without_events_are_keys(media, by_info):
    caller, callee = await RtpPeer.open(events=0), await RtpPeer.open()
    session = media.session(new_id())
    heard = []
    session.listen(lambda party, key, milliseconds: heard.append((party, key)))
    if by_info:  # which it may know as well
        session.by_info(None)
    caller.connect(await alone(session, caller.sdp))
    for key in "5#0":
        caller.play(dtmf(key), repeat=False)
        await until(lambda: heard[-1:] == [(None, key)])  # noqa: B023
    assert heard == [(None, "5"), (None, "#"), (None, "0")]
    callee.connect(await session.ring("b"))
    caller.connect(await session.connect("b", callee.sdp))
    callee.play(tone(620))
    caller.play(tone(440))
    await asyncio.gather(until_hears(caller, 620, 0.5), until_hears(callee, 440, 0.5))
    for peer in (caller, callee):
        peer.close()


async def test_events_and_nothing_in_the_voice_count_for_who_knows_events(media):
    caller = await RtpPeer.open()
    session = media.session(new_id())
    heard = []
    session.listen(lambda party, key, milliseconds: heard.append((party, key)))
    caller.connect(await alone(session, caller.sdp))
    caller.play(dtmf("5"), repeat=False)
    await asyncio.sleep(0.5)
    await caller.press("7")
    await until(lambda: heard)
    assert heard == [(None, "7")]
    caller.close()
