"""Waiting in a queue [«Очередь»]."""

from __future__ import annotations

from sunsim import Manifest

__all__ = ["manifest"]

manifest = Manifest(
    name="queue",
    version="0.1.0",
    title="Queues",
    summary="Keeps callers waiting until somebody is free.",
    default_on=True,
)
