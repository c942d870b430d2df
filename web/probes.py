"""What every process answers to machines: whether it lives, whether it is ready, what it measures.

``/health/live`` is 200 as long as the loop turns. ``/health/ready`` is 200 when every part that the
role needs answers, else 503; either way it names the parts. ``/metrics`` is Prometheus' text and is
shown to this machine and to the networks of ``SUNSIM_HTTP_METRICS_FROM`` only: the cabinet is public.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Any

from litestar import MediaType, Request, Response, get
from litestar.types import ControllerRouterHandler
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from core.metrics import REGISTRY

__all__ = ["Checks", "Details", "probes"]

Checks = Mapping[str, Callable[[], Awaitable[bool]]]
"""Parts of the role by name, and how to ask each whether it works now."""

Details = Mapping[str, Callable[[], Any]]
"""What else is said of readiness, by name."""

_PATIENCE = 3.0
_THIS_MACHINE = ("127.0.0.0/8", "::1/128")


def probes(
    checks: Checks, metrics_from: Iterable[str] = (), details: Details | None = None
) -> list[ControllerRouterHandler]:
    """The handlers of one process; ``checks`` and ``details`` may be filled until the first request.

    ``metrics_from`` are networks in CIDR form, as ``core.settings`` has checked; who may see metrics
    sees the details, too.
    """
    networks = [ip_network(text, strict=False) for text in (*_THIS_MACHINE, *metrics_from)]

    @get("/health/live", include_in_schema=False)
    async def live() -> dict[str, str]:
        """Whether the loop turns."""
        return {"status": "ok"}

    @get("/health/ready", include_in_schema=False)
    async def ready(request: Request[Any, Any, Any]) -> Response[dict[str, Any]]:
        """Whether calls and pages can be served."""
        answers = await asyncio.gather(*(_ask(check) for check in checks.values()))
        parts = dict(zip(checks, answers, strict=True))
        well = all(answers)
        known = request.client is not None and _within(request.client.host, networks)
        more = {name: read() for name, read in (details or {}).items()} if known else {}
        return Response(
            {"status": "ok" if well else "unavailable", "parts": parts, **more},
            status_code=200 if well else 503,
        )

    @get("/metrics", include_in_schema=False)
    async def metrics(request: Request[Any, Any, Any]) -> Response[bytes]:
        """Counters and gauges of this process."""
        if not _within(request.client.host if request.client else "", networks):
            return Response(b"", status_code=404)
        return Response(
            generate_latest(REGISTRY),
            media_type=MediaType.TEXT,
            headers={"content-type": CONTENT_TYPE_LATEST},
        )

    return [live, ready, metrics]


def _within(host: str, networks: Iterable[IPv4Network | IPv6Network]) -> bool:
    try:
        address = ip_address(host)
    except ValueError:
        return False
    return any(address in network for network in networks)


async def _ask(check: Callable[[], Awaitable[bool]]) -> bool:
    try:
        async with asyncio.timeout(_PATIENCE):
            return await check()
    except (TimeoutError, OSError):
        return False
