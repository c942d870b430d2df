"""A call that is over, and what its sessions and its media were, goes without the collector.

It would come by when tens of thousands of objects are there, stop every call meanwhile, and find the
memory of each of them cold. The stories in virtual time are checked likewise, for calls of all kinds.
"""

import gc

import pytest

from benchmarks.callinstructions import NearbyMedia
from benchmarks.onecall import World
from tests.support.garbage import circles, uncollected

CALLS = 3


@pytest.mark.parametrize("media", [False, True], ids=["without media", "with media control"])
async def test_a_call_leaves_no_circle_of_references(media):
    world = World()
    if media:
        world.switchboard._media = NearbyMedia()
    await world.start()
    world.endpoint._ticker.cancel()  # the collector makes the loop late, which would shed calls
    try:
        await world.call()
        world.forget()
        gc.collect()
        with uncollected():
            for _ in range(CALLS):
                await world.call()
            world.forget()
            left = [each for each in circles() if type(each).__module__.startswith("core.")]
    finally:
        await world.stop()
    assert len(world.store.cdrs) == CALLS + 1
    assert not left, sorted({type(each).__qualname__ for each in left})
