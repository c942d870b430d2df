"""Voice menus and extension dialling [«Голосовые меню», «Добавочные номера»]."""

from __future__ import annotations

from collections.abc import Sequence

from plugins.ivr import service
from sunsim import ExtensionBlock, Manifest, MenuBlock, MessageBlock, StepType, hookimpl

__all__ = ["manifest", "register_step_types"]

manifest = Manifest(
    name="ivr",
    version="0.2.0",
    title="Voice menus",
    summary="Greets callers and lets them choose with the keys of their telephone.",
    default_on=True,
)


@hookimpl
def register_step_types() -> Sequence[StepType]:
    """The two kinds of the block «Голосовое меню / добавочный» (MNU-03), and the voice message of
    «Обработка звонка» (PRC-03)."""
    return [
        StepType("ivr.menu", "Voice menu", MenuBlock, service.menu),
        StepType("ivr.extensions", "Extension dialling", ExtensionBlock, service.extensions),
        StepType("ivr.message", "Voice message", MessageBlock, service.message),
    ]
