"""Waiting for something to happen, with a deadline that only a hang can miss."""

import asyncio
import inspect


async def until(condition, seconds=90):
    """Wait until the condition, which may be a coroutine function, gives something; returns that."""
    async with asyncio.timeout(seconds):
        while True:
            found = condition()
            if inspect.isawaitable(found):
                found = await found
            if found:
                return found
            await asyncio.sleep(0.02)


async def eventually(read, wanted, seconds=90):
    """What ``read``, a coroutine function, gives as soon as it is as ``wanted``."""
    async with asyncio.timeout(seconds):
        while not wanted(value := await read()):
            await asyncio.sleep(0.02)
    return value
