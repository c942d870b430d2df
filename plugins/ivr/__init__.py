"""Voice menus and extension dialling [«Голосовые меню», «Добавочные номера»]."""

from __future__ import annotations

from sunsim import Manifest

__all__ = ["manifest"]

manifest = Manifest(
    name="ivr",
    version="0.1.0",
    title="Voice menus",
    summary="Greets callers and lets them choose with the keys of their telephone.",
    default_on=True,
)
