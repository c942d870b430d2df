"""Several real rtpengines: calls are spread, stay where they are, and leave a server that dies."""

import asyncio
import signal
from contextlib import asynccontextmanager

import pytest

from core.errors import MediaUnavailable
from core.ids import new_id
from core.media.drain import drain
from core.media.g711 import PCMA
from core.media.rtp import RtpPeer
from core.media.rtpengine import NgClient, ServerGone
from core.media.server import RtpengineServer
from core.settings import MediaSettings
from tests.integration.media.test_session import talk
from tests.support.media import Rtpengine, alone, figures, peers
from tests.support.waiting import until


class Pool:
    """A server over ``count`` rtpengines; ``lost`` are the calls it gave up."""

    def __init__(self, folder, engines):
        self.engines = engines
        self.lost = []
        settings = MediaSettings(rtpengine=tuple(engine.address for engine in engines))
        self.server = RtpengineServer(settings, folder, on_lost=self.lost.extend)

    async def open(self, count=1):
        """So many calls with their callers' offers answered; returns (call id, session)."""
        peer = await RtpPeer.open()
        opened = []
        for _ in range(count):
            call_id = new_id()
            session = self.server.session(call_id)
            await alone(session, peer.sdp)
            opened.append((call_id, session))
        peer.close()
        return opened

    def calls(self):
        return [state.calls for state in self.server.servers()]

    def up(self):
        return [state.up for state in self.server.servers()]


@asynccontextmanager
async def pool(tmp_path, count):
    engines = [await Rtpengine(tmp_path / str(n)).start() for n in range(count)]
    made = Pool(tmp_path / "media", engines)
    try:
        await made.server.start()
        yield made
    finally:
        await made.server.stop()
        for engine in engines:
            engine.stop()


async def test_three_servers_share_the_calls_and_each_call_stays(tmp_path):
    async with pool(tmp_path, 3) as here:
        opened = await here.open(9)
        assert min(here.calls()) >= 2
        _, session = opened[0]
        at_first = session.call_id
        for _ in range(3):
            await session.ring(f"b{_}")
        (home,) = [e for e in here.engines if at_first in await e.calls()]
        for _, other in opened[1:]:
            await other.close()
        assert await home.calls() == [at_first]
        await session.close()
        assert here.calls() == [0, 0, 0]
        assert (await figures(here.server)).sessions == 0


async def test_the_load_that_others_make_counts(tmp_path):
    async with pool(tmp_path, 2) as here:
        peer = await RtpPeer.open()
        client = await NgClient.open(here.engines[0].address)
        for n in range(5):
            offer = {"call-id": f"stranger-{n}", "from-tag": "a", "sdp": peer.sdp}
            await client.request("offer", offer)
        await until(lambda: here.server.servers()[0].reported.sessions == 5)
        await here.open(4)
        assert here.calls() == [0, 4]
        client.close()
        peer.close()


async def test_a_killed_server_loses_its_calls_at_once_and_gets_new_ones_when_it_is_back(tmp_path):
    async with pool(tmp_path, 3) as here:
        opened = await here.open(6)
        victim = here.engines[1]
        names = set(await victim.calls())
        expected = {call_id for call_id, session in opened if session.call_id in names}
        victim.signal(signal.SIGKILL)
        await until(lambda: here.lost)
        assert set(here.lost) == expected
        assert here.calls()[1] == 0
        for call_id, session in opened:
            if call_id in expected:
                with pytest.raises(MediaUnavailable):
                    await session.ring("b")
            else:
                await session.ring("b")
        await here.open(2)
        assert here.calls()[1] == 0
        await victim.start()
        await until(lambda: all(here.up()))
        await here.open(3)
        assert here.calls()[1] > 0
        assert set(here.lost) == expected


async def test_a_new_call_finds_another_server_before_anybody_noticed(tmp_path):
    async with pool(tmp_path, 2) as here:
        for watch in here.server._watches:  # nobody looks
            await watch.stop()
        here.engines[0].signal(signal.SIGKILL)
        await here.open(3)
        assert here.calls() == [0, 3]


async def test_a_stopped_server_is_left_and_what_it_kept_is_deleted_when_it_wakes(tmp_path):
    async with pool(tmp_path, 2) as here:
        opened = await here.open(4)
        sleeper = here.engines[0]
        kept = set(await sleeper.calls())
        sleeper.signal(signal.SIGSTOP)
        await here.open(2)
        await until(lambda: here.lost)
        assert len(here.lost) == len(kept) > 0
        assert here.up() == [False, True]
        sleeper.signal(signal.SIGCONT)
        await until(lambda: all(here.up()))
        assert await sleeper.calls() == []
        for _, session in opened:
            await session.close()


async def test_calls_wait_for_the_only_server(tmp_path):
    """A short sleep: it still knows its calls, so none of them is moved."""
    async with pool(tmp_path, 1) as here:
        ((_, session),) = await here.open()
        async with peers(PCMA, PCMA) as (caller, callee):
            caller.connect(await alone(session, caller.sdp))
            callee.connect(await session.ring("b"))
            caller.connect(await session.connect("b", callee.sdp))
            here.engines[0].signal(signal.SIGSTOP)
            await until(lambda: not any(here.up()))
            with pytest.raises(MediaUnavailable):
                await here.open()
            here.engines[0].signal(signal.SIGCONT)
            await until(lambda: all(here.up()))
            await talk(caller, callee)
        assert here.lost == []


async def test_a_restarted_only_server_forgot_its_calls(tmp_path):
    async with pool(tmp_path, 1) as here:
        opened = await here.open(3)
        here.engines[0].signal(signal.SIGKILL)
        await until(lambda: not any(here.up()))
        await here.engines[0].start()
        await until(lambda: here.lost)
        assert set(here.lost) == {call_id for call_id, _ in opened}


async def test_a_restart_that_nobody_saw_is_noticed_by_its_uptime(tmp_path, monkeypatch):
    async with pool(tmp_path, 1) as here:
        (watch,) = here.server._watches
        await here.open(2)
        await asyncio.sleep(3)  # a process needs an age to be younger than another
        await watch.stop()
        here.engines[0].signal(signal.SIGKILL)
        await here.engines[0].start()
        await watch.start()
        await until(lambda: len(here.lost) == 2)


async def test_what_was_asked_of_a_restarted_server_makes_no_half_of_a_call(tmp_path):
    """An offer, before anybody noticed, made it take a part of the call: that is lost all the same."""
    async with pool(tmp_path, 1) as here:
        (watch,) = here.server._watches
        ((call_id, session),) = await here.open()
        await watch.stop()
        await asyncio.sleep(0.6)  # more than clocks may differ by
        here.engines[0].signal(signal.SIGKILL)
        await here.engines[0].start()
        await session.ring("b")
        assert await here.engines[0].calls() == [session.call_id]
        watch.node.restarted = True  # as the next look at its uptime says
        await watch.start()
        await until(lambda: here.lost)
        assert here.lost == [call_id]
        assert await here.engines[0].calls() == []


async def test_a_server_that_is_thought_to_be_down_is_asked_nothing(tmp_path):
    """It may be back already, without the call."""
    async with pool(tmp_path, 1) as here:
        (watch,) = here.server._watches
        ((_, session),) = await here.open()
        here.engines[0].signal(signal.SIGKILL)
        await until(lambda: not any(here.up()))
        await watch.stop()
        await here.engines[0].start()
        with pytest.raises(ServerGone):
            await session.ring("b")
        assert await here.engines[0].calls() == []
        await session.close()


async def test_a_call_that_no_server_took_is_closed_without_a_word(tmp_path):
    async with pool(tmp_path, 1) as here:
        here.engines[0].signal(signal.SIGKILL)
        session = here.server.session(new_id())
        with pytest.raises(MediaUnavailable):
            await alone(session, b"v=0\r\nc=IN IP4 127.0.0.1\r\nm=audio 4000 RTP/AVP 8\r\n")
        failures = here.server.servers()[0].failures
        await session.close()
        assert here.server.servers()[0].failures == failures


async def test_a_draining_server_keeps_its_calls_and_gets_no_new_ones(tmp_path):
    async with pool(tmp_path, 2) as here:
        opened = await here.open(2)
        before = here.calls()[0]
        name = here.server.servers()[0].name
        drain(tmp_path / "media", name)
        await until(lambda: here.server.servers()[0].draining)
        await here.open(3)
        assert here.calls()[0] == before
        for _, session in opened:
            await session.ring("b")
        drain(tmp_path / "media", name, wanted=False)
        await until(lambda: not here.server.servers()[0].draining)
        await here.open(3)
        assert here.calls()[0] > before


async def test_a_full_server_passes_the_call_on(tmp_path):
    small = await Rtpengine(tmp_path / "small", 100).start()
    large = await Rtpengine(tmp_path / "large", 400).start()
    here = Pool(tmp_path / "media", [small, large])
    await here.server.start()
    try:
        drain(tmp_path / "media", str(large.address))
        await until(lambda: here.server.servers()[1].draining)
        with pytest.raises(MediaUnavailable) as full:
            await here.open(100)
        assert full.value.code == "media_full"
        assert full.value.sip_status == 503
        taken = here.calls()[0]
        drain(tmp_path / "media", str(large.address), wanted=False)
        await until(lambda: not here.server.servers()[1].draining)
        await here.open(5)
        assert here.calls() == [taken, 5]
    finally:
        await here.server.stop()
        small.stop()
        large.stop()


async def test_a_killed_process_finds_its_calls_again_and_leaves_those_of_others(tmp_path):
    async with pool(tmp_path, 1) as here:
        await here.open(3)  # never closed: its owner was killed
        other = Pool(tmp_path / "other", here.engines)
        await other.server.start()
        ((_, session),) = await other.open()
        await other.server.stop()
        assert len(await here.engines[0].calls()) == 4
        again = Pool(tmp_path / "media", here.engines)
        await again.server.start()
        assert await here.engines[0].calls() == [session.call_id]
        await again.server.stop()


async def test_all_who_ring_first_ring_from_the_same_server(tmp_path):
    async with pool(tmp_path, 2) as here, peers(PCMA, PCMA, PCMA) as (caller, callee, _):
        for _ in range(5):
            session = here.server.session(new_id())
            await session.open(caller.sdp)
            await asyncio.gather(*(session.ring(name) for name in "xyz"))
            assert sorted(here.calls()) == [0, 1]
            assert sorted([len(await engine.calls()) for engine in here.engines]) == [0, 1]
            await session.connect("x", callee.sdp)
            await session.close()
            assert [await engine.calls() for engine in here.engines] == [[], []]
