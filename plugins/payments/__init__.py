"""Money: top-ups, automatic payments, invoices [«Лицевой счет»]."""

from __future__ import annotations

from sunsim import Manifest

__all__ = ["manifest"]

manifest = Manifest(
    name="payments",
    version="0.1.0",
    title="Payments",
    summary="Cards, automatic payments and invoices.",
    default_on=False,
)
