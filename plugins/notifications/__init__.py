"""Telling people what happened: so far, the operator's log and metrics learn of missed calls."""

from __future__ import annotations

from collections.abc import Sequence

from plugins.notifications import service
from sunsim import CallEnded, Manifest, OutboxConsumer, hookimpl

__all__ = ["manifest", "register_outbox"]

manifest = Manifest(
    name="notifications",
    version="0.1.0",
    title="Notifications",
    summary="Reports missed calls.",
    default_on=True,
)


@hookimpl
def register_outbox() -> Sequence[OutboxConsumer]:
    """Missed calls must be reported even if the process dies right after the call."""
    return [OutboxConsumer("notifications.missed_calls", (CallEnded,), service.report_missed_call)]
