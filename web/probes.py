"""What every process answers to machines: whether it lives, whether it is ready, what it measures.

``/health/live`` is 200 as long as the loop turns. ``/health/ready`` is 200 when every part that the
role needs answers, else 503; either way it names the parts. ``/metrics`` is Prometheus' text.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from litestar import MediaType, Response, get
from litestar.types import ControllerRouterHandler
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from core.metrics import REGISTRY

__all__ = ["Checks", "probes"]

Checks = Mapping[str, Callable[[], Awaitable[bool]]]
"""Parts of the role by name, and how to ask each whether it works now."""

_PATIENCE = 3.0


def probes(checks: Checks) -> list[ControllerRouterHandler]:
    """The handlers of one process; ``checks`` may be filled until the first request."""

    @get("/health/live", include_in_schema=False)
    async def live() -> dict[str, str]:
        """Whether the loop turns."""
        return {"status": "ok"}

    @get("/health/ready", include_in_schema=False)
    async def ready() -> Response[dict[str, Any]]:
        """Whether calls and pages can be served."""
        answers = await asyncio.gather(*(_ask(check) for check in checks.values()))
        parts = dict(zip(checks, answers, strict=True))
        well = all(answers)
        return Response(
            {"status": "ok" if well else "unavailable", "parts": parts},
            status_code=200 if well else 503,
        )

    @get("/metrics", include_in_schema=False)
    async def metrics() -> Response[bytes]:
        """Counters and gauges of this process."""
        return Response(
            generate_latest(REGISTRY),
            media_type=MediaType.TEXT,
            headers={"content-type": CONTENT_TYPE_LATEST},
        )

    return [live, ready, metrics]


async def _ask(check: Callable[[], Awaitable[bool]]) -> bool:
    try:
        async with asyncio.timeout(_PATIENCE):
            return await check()
    except (TimeoutError, OSError):
        return False
