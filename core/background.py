"""Tasks that run beside everything else until whoever began them ends them."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

__all__ = ["end"]


async def end(task: asyncio.Task[Any] | None) -> None:
    """Cancel a task, if there is one, and wait until it is over. Raises what it had raised."""
    if task is not None:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
