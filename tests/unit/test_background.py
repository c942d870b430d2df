"""Tasks beside everything else, and how they are stopped."""

import asyncio

from core.background import stopped


async def test_what_was_faster_is_returned_and_what_was_raised_is_dropped():
    async def gives(what):
        return what

    async def raises():
        raise ValueError

    tasks = [asyncio.create_task(each) for each in (gives(1), raises())]
    await asyncio.sleep(0)
    tasks.append(asyncio.create_task(asyncio.sleep(100)))
    assert await stopped(tasks) == [1]
    assert await stopped([]) == []


async def test_who_is_cancelled_while_he_stops_others_ends_after_them():
    ended = []

    async def level(number):
        try:
            if number:
                below = asyncio.create_task(level(number - 1))
                await asyncio.sleep(0)
                await stopped([below])
            else:
                await asyncio.sleep(100)
        finally:
            ended.append(number)

    for turns in range(3, 9):  # the outermost stops the next one by then
        ended.clear()
        task = asyncio.create_task(level(3))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        assert ended == sorted(ended)
