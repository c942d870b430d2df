"""The sections of the cabinet: ours in the order of features.md section G, then those of plugins."""

from __future__ import annotations

from collections.abc import Sequence

from web.pages import N_, MenuEntry, Page
from web.sessions import Visitor

__all__ = ["SECTIONS", "sections"]

SECTIONS: tuple[tuple[MenuEntry, ...], ...] = (
    (MenuEntry(N_("Call history"), "/history", "history", "h"),),
    (
        MenuEntry(N_("Employees and groups"), "/employees", "users", "e"),
        MenuEntry(N_("PBX"), "/numbers", "phone", "n"),
    ),
)
"""A section stands here from the day it works; ``key`` is the letter after «g»."""


def sections(page: Page, visitor: Visitor) -> Sequence[Sequence[MenuEntry]]:
    """The groups of the side bar for this reader, in the reader's language."""
    own = [
        [MenuEntry(page.text(entry.title), entry.path, entry.icon, entry.key) for entry in group]
        for group in SECTIONS
    ]
    plugins = [
        MenuEntry(page.text(owned.item.title), owned.item.path, owned.item.icon)
        for owned in visitor.hooks.cabinet_menu(visitor.tenant, visitor.viewer)
    ]
    return [*own, plugins] if plugins else own
