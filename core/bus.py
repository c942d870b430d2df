"""The bus: from whoever says that something happened to the plugins of that tenant.

Best effort by design (see ``hookspecs.on_event``): when plugins cannot keep up, events of the
busiest moment are dropped and counted rather than kept until memory ends.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from uuid import UUID

import structlog

from core.contracts import Tenant
from core.events import Event
from core.host import Host

__all__ = ["EventBus"]

log = structlog.get_logger(__name__)


class EventBus:
    """``tenant_of`` knows the tenants of this process; ``publish`` is a ``ports.EventSink``.

    At most ``capacity`` events are on their way at once; ``dropped`` counts those beyond.
    """

    def __init__(
        self, host: Host, tenant_of: Callable[[UUID], Tenant | None], capacity: int = 1000
    ) -> None:
        self.dropped = 0
        self._host = host
        self._tenant_of = tenant_of
        self._capacity = capacity
        self._tasks: set[asyncio.Task[None]] = set()

    def publish(self, event: Event) -> None:
        """Tell the plugins of the event's tenant, soon; returns at once and never raises."""
        tenant = self._tenant_of(event.tenant_id)
        if tenant is None:
            return
        hooks = self._host.for_tenant(tenant.plugins)
        if not hooks.wants_events:
            return
        if len(self._tasks) >= self._capacity:
            self.dropped += 1
            if self.dropped % self._capacity == 1:  # one line for each thousand, not for each event
                log.error("events_dropped", dropped=self.dropped)
            return
        task = asyncio.get_running_loop().create_task(hooks.on_event(tenant, event))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def drain(self) -> None:
        """Wait until every event is delivered; each plugin has its time limit, so this ends."""
        while self._tasks:
            await asyncio.wait(set(self._tasks))
