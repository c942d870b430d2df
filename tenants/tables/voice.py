"""What callers may press: voice menus and extension lists."""

from __future__ import annotations

from piccolo.columns import JSONB, Integer, Text, Timestamptz
from piccolo.columns.defaults.timestamptz import TimestamptzNow

from tenants.tables.base import TenantTable

__all__ = ["ExtensionList", "Menu"]


class Menu(TenantTable, tablename="menus"):
    """A voice menu (IVR-02)."""

    name = Text(default=None)
    body = JSONB(default="{}", help_text="core.scenarios.Menu; its id and name are the row's.")
    created_at = Timestamptz(default=TimestamptzNow())
    version = Integer(default=1)


class ExtensionList(TenantTable, tablename="extension_lists"):
    """Which extensions a caller may dial (EXT-01)."""

    name = Text(default=None)
    body = JSONB(default="{}", help_text="core.scenarios.ExtensionList; its id and name are the row's.")
    created_at = Timestamptz(default=TimestamptzNow())
    version = Integer(default=1)
