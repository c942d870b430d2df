"""The icons that pages may use, by Tabler's names; ``web/vendor.py`` makes a sprite of them.

Some are for the menus of plugins; a name that is not listed is drawn as ``puzzle``.
"""

from __future__ import annotations

__all__ = ["FALLBACK", "ICONS", "known"]

FALLBACK = "puzzle"

ICONS = frozenset(
    [
        "alert-triangle",
        "calendar-event",
        "chevron-down",
        "chevron-left",
        "chevron-right",
        "circle-check",
        "circle-x",
        "clock",
        "copy",
        "device-mobile",
        "dialpad",
        "filter",
        "headset",
        "history",
        "key",
        "language",
        "layout-sidebar-left-collapse",
        "logout",
        "menu-2",
        "pencil",
        "phone",
        "phone-call",
        "phone-calling",
        "phone-incoming",
        "phone-off",
        "phone-outgoing",
        "phone-x",
        "plus",
        "puzzle",
        "search",
        "settings",
        "sitemap",
        "star",
        "switch-horizontal",
        "user",
        "users",
        "wallet",
        "x",
        "checkbox",
        "address-book",
        "bell",
        "chart-bar",
        "cloud-off",
    ]
)


def known(name: str) -> str:
    """``name`` if the sprite has it, else the fallback."""
    return name if name in ICONS else FALLBACK
