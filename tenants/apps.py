"""Which Piccolo apps there are: ours first, then those of the plugins by name.

A plugin with tables has a module ``piccolo_app`` beside its ``__init__``. Plugins are found as the
host finds them, by the entry points of group ``sunsim``, and without running any of their code
beyond importing the package; whether a contract has a plugin enabled plays no part: disabling
a plugin keeps its data.
"""

from __future__ import annotations

import pkgutil
from importlib.metadata import entry_points
from importlib.util import find_spec

__all__ = ["CORE_APP", "app_modules"]

CORE_APP = "tenants.piccolo_app"


def app_modules() -> list[str]:
    """Module paths of all Piccolo apps in the order in which their migrations run."""
    built_in = find_spec("plugins")
    folders = built_in.submodule_search_locations if built_in else None
    packages = {found.name: f"plugins.{found.name}" for found in pkgutil.iter_modules(folders or [])}
    packages |= {point.name: point.module for point in entry_points(group="sunsim")}
    modules = [f"{package}.piccolo_app" for _, package in sorted(packages.items())]
    return [CORE_APP, *(module for module in modules if find_spec(module))]
