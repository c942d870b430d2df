"""Who of a conversation sends, as a real rtpengine counts it."""

import asyncio

from core.ids import new_id
from core.media.g711 import PCMA
from tests.integration.media.test_reoffer import directed
from tests.integration.media.test_session import talk
from tests.support.media import peers


async def at_rest(session):
    """What was counted, as soon as nothing more of the caller arrives."""
    async with asyncio.timeout(20):
        found = await session.received()
        while True:
            await asyncio.sleep(0.2)
            earlier, found = found, await session.received()
            if found[None] == earlier[None]:
                return found


async def test_packets_of_each_party_that_ought_to_send(media):
    session = media.session(new_id())
    async with peers(PCMA, PCMA) as (caller, callee):
        await session.open(caller.sdp)
        assert await session.received() == {}
        callee.connect(await session.ring("b"))
        caller.connect(await session.connect("b", callee.sdp))
        session.told()
        assert await session.received() == {None: 0, "b": 0}
        await talk(caller, callee, 0.5)
        caller.silence()
        before = await at_rest(session)
        assert min(before.values()) > 10
        async with asyncio.timeout(20):
            while (after := await session.received())["b"] < before["b"] + 5:
                await asyncio.sleep(0.05)
        assert after[None] == before[None]
        await session.reoffer(None, directed(caller.sdp, "sendonly"))
        assert set(await session.received()) == {"b"}, "who holds need not send"
        await session.reoffer("b", directed(callee.sdp, "recvonly"))
        assert await session.received() == {}
    await session.close()
