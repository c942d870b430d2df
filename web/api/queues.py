"""Queues over the API."""

from __future__ import annotations

from litestar import Controller, get
from msgspec import Struct

from tenants.services import queues
from tenants.services.queues import QueueView
from web.api.access import TheActor, needs
from web.api.schema import ApiOperation
from web.inject import TheContext

__all__ = ["QueuesController"]


class QueueList(Struct, frozen=True):
    """Queues in which somebody waits now."""

    items: list[QueueView]


class QueuesController(Controller):
    """Who waits for somebody to be free. How long, and what callers hear, is set in scenarios."""

    path = "/queues"
    tags = ("Calls",)

    @get("/", operation_class=ApiOperation, **needs("calls:read"))
    async def index(self, context: TheContext, actor: TheActor) -> QueueList:
        """List the queues.

        Those in which somebody waits now, with their callers in the order in which they are served.
        """
        return QueueList(await queues.queues(context.database, actor))
