"""What a call costs, counted instead of timed: a busy machine changes no count.

Seconds are for `make bench-calls`. Here a whole call of the SIP role runs in memory and every call of a
Python function of ours is counted, and every task. Whoever makes a call dearer learns it here first.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import core
from benchmarks.onecall import World

FUNCTIONS = 640
"""Calls of our Python functions for one answered call without media control; 524 when written."""

TASKS = 2
"""The call and its steps; a conversation needs none of its own."""

CORE = str(Path(core.__file__).parent)
CALLS = 20


async def test_an_answered_call_stays_cheap():
    world = World()
    await world.start()
    functions, tasks = [], 0

    def count(frame, event, _argument):
        nonlocal tasks
        if event != "call":
            return
        name = frame.f_code.co_filename
        if name.startswith(CORE) and not name.endswith("logs.py"):
            functions[-1] += 1
        tasks += frame.f_code is asyncio.create_task.__code__

    try:
        await world.call()
        for _ in range(CALLS):
            functions.append(0)
            sys.setprofile(count)
            try:
                await world.call()
            finally:
                sys.setprofile(None)
    finally:
        await world.stop()
    assert 100 < min(functions) <= FUNCTIONS
    assert tasks <= TASKS * CALLS
    assert len(world.store.cdrs) == CALLS + 1
