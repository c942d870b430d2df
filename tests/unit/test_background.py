"""Tasks beside everything else, and how they are stopped."""

import asyncio

import pytest

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


@pytest.mark.parametrize("turns", range(6))
async def test_who_is_cancelled_while_he_stops_others_ends_after_them(turns):
    ended = []

    async def level(number, below):
        try:
            await asyncio.sleep(100)
        finally:
            try:
                await stopped(below)
            finally:
                ended.append(number)

    tasks = []
    for number in range(4):
        tasks.append(asyncio.create_task(level(number, tasks[-1:])))
    await asyncio.sleep(0)
    tasks[-1].cancel()
    for _ in range(turns):
        await asyncio.sleep(0)
    tasks[-1].cancel()
    await asyncio.wait(tasks)
    assert ended == [0, 1, 2, 3]
