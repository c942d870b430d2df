"""Which Piccolo apps there are: ours first, then those of the plugins by name.

A plugin says in ``register_tables`` which module holds its app. Whether a contract has a plugin
enabled plays no part: disabling a plugin keeps its data.
"""

from __future__ import annotations

from core.host import Host

__all__ = ["CORE_APP", "app_modules"]

CORE_APP = "tenants.piccolo_app"


def app_modules() -> list[str]:
    """Module paths of all Piccolo apps in the order in which their migrations run.

    Raises PluginError for a plugin that cannot be loaded.
    """
    return [CORE_APP, *(owned.item.app for owned in Host.load().tables)]
