"""The icons that pages may use, by Tabler's names; ``web/vendor.py`` makes a sprite of them.

Plugins name theirs in ``cabinet_menu``; a page falls back to ``puzzle`` for a name not listed.
"""

from __future__ import annotations

__all__ = ["FALLBACK", "ICONS", "known"]

FALLBACK = "puzzle"

ICONS = frozenset(
    [
        "alert-triangle",
        "arrow-right",
        "calendar-event",
        "check",
        "chevron-down",
        "chevron-left",
        "chevron-right",
        "circle-check",
        "circle-x",
        "clock",
        "copy",
        "device-desktop",
        "device-mobile",
        "dialpad",
        "eye",
        "filter",
        "headset",
        "history",
        "key",
        "language",
        "layout-sidebar-left-collapse",
        "logout",
        "menu-2",
        "moon",
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
        "route",
        "search",
        "settings",
        "sitemap",
        "star",
        "sun",
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
