"""Deals and tasks [«Сделки и задачи»]."""

from __future__ import annotations

from sunsim import Manifest

__all__ = ["manifest"]

manifest = Manifest(
    name="crm",
    version="0.1.0",
    title="Deals and tasks",
    summary="Deals and tasks from calls.",
    default_on=False,
)
