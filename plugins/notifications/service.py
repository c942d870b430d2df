"""Reports missed calls, each at least once, from the outbox."""

from __future__ import annotations

from plugins.notifications.logic import is_missed
from sunsim import CallEnded, Tenant, counter, logger

__all__ = ["report_missed_call"]

log = logger("notifications")
missed_calls = counter("notifications", "missed_calls", "Calls that nobody answered.", "outcome")


async def report_missed_call(tenant: Tenant, event: CallEnded) -> None:
    """Count a missed call and log it without anybody's number."""
    cdr = event.cdr
    if not is_missed(cdr):
        return
    missed_calls.labels(outcome=cdr.outcome.value).inc()
    log.info(
        "missed_call",
        tenant=str(tenant.id),
        call=str(cdr.call_id),
        outcome=cdr.outcome.value,
        waited=round(cdr.ended_at - cdr.started_at, 1),
    )
