"""When a media server counts as dead, in virtual time: whose silence it is, and who hears of it."""

import asyncio
from uuid import UUID

import pytest

from core.errors import MediaUnavailable
from core.media.node import MediaNode, Seat
from core.media.rtpengine import ServerGone
from core.media.watch import Watch
from tests.support.virtual_time import run


class Client:
    """An rtpengine that answers at once, or not at all while it is ``hung``."""

    def __init__(self):
        self.hung = False
        self.waiting = set()

    async def request(self, command, arguments=None, *, deadline=2.0, begins=False):
        if not self.hung:
            return {"result": b"ok", "sdp": b""}
        answer = asyncio.get_running_loop().create_future()
        self.waiting.add(answer)
        try:
            async with asyncio.timeout(deadline):
                return await answer
        except TimeoutError:
            raise MediaUnavailable() from None
        finally:
            self.waiting.discard(answer)

    def abandon(self):
        for answer in list(self.waiting):
            answer.set_exception(ServerGone())


class Pool:
    def __init__(self, count):
        self.clients = [Client() for _ in range(count)]
        self.nodes = [MediaNode(str(n), lambda n=n: self.clients[n]) for n in range(count)]
        self.lost = []

    def watches(self):
        return [
            Watch(node, "", draining=lambda _: False, others=self.others, lost=self.lost.extend)
            for node in self.nodes
        ]

    def others(self, node):
        return [other for other in self.nodes if other is not node and other.up]

    async def seat(self, number):
        """A call that this server took."""
        seat = Seat(UUID(int=number), f"call{number}", lambda: [self.nodes[number]])
        await seat.request("offer", {})
        return seat


async def watched(pool, scene):
    watches = pool.watches()
    for watch in watches:
        await watch.start()
    try:
        return await scene()
    finally:
        for watch in watches:
            await watch.stop()


async def down_after(node, limit=10.0):
    """Seconds until it counts as dead, or ``None``."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    while loop.time() - began < limit:
        if not node.up:
            return loop.time() - began
        await asyncio.sleep(0.01)
    return None


@pytest.mark.parametrize(("servers", "soonest", "latest"), [(2, 0.8, 1.0), (1, 1.2, 1.4)])
def test_a_hung_server_is_found_sooner_if_another_one_answers(servers, soonest, latest):
    pool = Pool(servers)

    async def scene():
        await asyncio.sleep(3)
        seat = await pool.seat(0)
        pool.clients[0].hung = True
        seconds = await down_after(pool.nodes[0])
        return seat, seconds

    seat, seconds = run(watched(pool, scene))
    assert soonest <= seconds <= latest
    assert pool.lost == ([seat] if servers == 2 else [])
    assert seat.lost == (servers == 2)


def test_a_question_that_nobody_answers_kills_nobody():
    pool = Pool(3)

    async def scene():
        await asyncio.sleep(3)
        for client in pool.clients:
            client.hung = True
        await asyncio.sleep(0.35)
        for client in pool.clients:
            client.hung = False
        return await asyncio.gather(*(down_after(node, 3) for node in pool.nodes))

    assert run(watched(pool, scene)) == [None, None, None]


def test_who_waits_for_an_answer_hears_at_once_that_there_will_be_none():
    pool = Pool(2)

    async def scene():
        loop = asyncio.get_running_loop()
        seat = await pool.seat(0)
        pool.clients[0].hung = True
        began = loop.time()
        with pytest.raises(ServerGone):
            await seat.request("offer", {})
        return loop.time() - began

    assert run(watched(pool, scene)) < 1.5


def test_a_new_call_asks_another_server_soon():
    pool = Pool(2)

    async def scene():
        pool.clients[0].hung = True
        began = asyncio.get_running_loop().time()
        seat = Seat(UUID(int=9), "call9", lambda: pool.nodes)
        await seat.request("offer", {})
        assert seat.node is pool.nodes[1]
        return asyncio.get_running_loop().time() - began

    assert run(watched(pool, scene)) == pytest.approx(0.5)
