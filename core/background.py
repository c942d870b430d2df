"""Tasks that run beside everything else until whoever began them ends them."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from contextlib import suppress
from typing import Any, TypeVar

__all__ = ["end", "stopped"]

T = TypeVar("T")


async def end(task: asyncio.Task[Any] | None) -> None:
    """Cancel a task, if there is one, and wait until it is over. Raises what it had raised."""
    if task is not None:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def stopped(tasks: Collection[asyncio.Task[T]]) -> list[T]:
    """Cancel tasks and wait until they are over: what those return that were faster. What others raised
    is dropped. Cancelled itself, it ends no sooner than they do.

    A task keeps what it was cancelled by, whose traceback knows the task's frames and these, by their
    time limits, the task. It is taken out here, so that no such circle is left.
    """
    cancelled = False
    for task in tasks:
        task.cancel()
    while any(not task.done() for task in tasks):
        try:
            await asyncio.wait(tasks)
        except asyncio.CancelledError:  # of who waits: nothing goes on behind his back
            cancelled = True
            for task in tasks:
                task.cancel()
    for task in tasks:
        with suppress(asyncio.CancelledError):
            task.exception()
    if cancelled:
        raise asyncio.CancelledError
    return [task.result() for task in tasks if not task.cancelled() and task.exception() is None]
