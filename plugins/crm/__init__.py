"""Deals and tasks [«Сделки и задачи»]."""

from __future__ import annotations

from collections.abc import Sequence

from plugins.crm import routes
from plugins.crm.service import aftermath
from sunsim import CallEnded, Manifest, OutboxConsumer, Routes, Tables, hookimpl

__all__ = ["manifest", "register_outbox", "register_routes", "register_tables"]

manifest = Manifest(
    name="crm",
    version="0.2.0",
    title="Deals and tasks",
    summary="Deals and tasks from calls.",
    default_on=True,
)


@hookimpl
def register_tables() -> Tables:
    """Tasks and deals."""
    return Tables(app="plugins.crm.piccolo_app")


@hookimpl
def register_routes() -> Routes:
    """Their API."""
    return Routes(api=routes.OPERATIONS, templates=routes.TEMPLATES)


@hookimpl
def register_outbox() -> Sequence[OutboxConsumer]:
    """What calls leave behind."""
    return [OutboxConsumer("crm.calls", (CallEnded,), aftermath.after_call)]
