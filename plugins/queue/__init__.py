"""Waiting in a queue [«Очередь»]: a forwarding whose callers wait until somebody is free."""

from __future__ import annotations

from collections.abc import Sequence

from plugins.queue import service
from sunsim import Dial, Manifest, StepType, hookimpl

__all__ = ["manifest", "register_step_types"]

manifest = Manifest(
    name="queue",
    version="0.2.0",
    title="Queues",
    summary="Keeps callers waiting until somebody is free.",
    default_on=True,
)


@hookimpl
def register_step_types() -> Sequence[StepType]:
    """What executes forwardings with a queue (PRC-09)."""
    return [StepType("queue.wait", "Queue", Dial, service.wait)]
