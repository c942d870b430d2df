"""What changes by itself: one stream of events per open tab, fed by PostgreSQL's notices.

An event names a kind of thing that changed (``calls``, ``lines``, ``config``), never the thing: the
parts of a page that show it fetch themselves anew, under the reader's own rights.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

from litestar import get
from litestar.response import ServerSentEvent
from litestar.response.sse import ServerSentEventMessage

from tenants.listener import CONFIG, LIVE, Listener, Subscription
from web.inject import TheContext, TheVisitor
from web.sessions import Visitor

__all__ = ["live"]

PING_SECONDS = 20.0
LONGEST_SECONDS = 600.0
KINDS = {"live_calls": "calls", "live_lines": "lines"}


@get("/live", include_in_schema=False)
async def live(visitor: TheVisitor, context: TheContext) -> ServerSentEvent:
    """The stream of this company's changes; begins with ``resync`` so that nothing is missed."""
    return ServerSentEvent(_changes(context.listener, visitor), headers={"X-Accel-Buffering": "no"})


async def _changes(listener: Listener, visitor: Visitor) -> AsyncIterator[ServerSentEventMessage]:
    with (
        listener.subscribe(LIVE, visitor.tenant.id) as present,
        listener.subscribe(CONFIG, visitor.tenant.id) as config,
    ):
        yield ServerSentEventMessage(data="resync", event="change", retry=2000)
        until = time.monotonic() + LONGEST_SECONDS
        while time.monotonic() < until:  # then the browser comes again, and is asked who it is
            kinds = await _next(present, config)
            if not kinds:  # a comment keeps proxies from closing a quiet stream
                yield ServerSentEventMessage(comment="still here")
            for kind in kinds:
                yield ServerSentEventMessage(data=kind, event="change")


async def _next(present: Subscription, config: Subscription) -> list[str]:
    """The kinds that changed, or nothing after a quiet while."""
    takers = {
        asyncio.create_task(present.take()): "",
        asyncio.create_task(config.take()): "config",
    }
    try:
        done, _ = await asyncio.wait(takers, timeout=PING_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        kinds = {takers[task] or notice.kind for task in done for notice in task.result()}
        return sorted(KINDS.get(kind, kind) for kind in kinds)
    finally:
        for task in takers:
            task.cancel()
