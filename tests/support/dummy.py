"""Installs the dummy plugin as a stranger would: a distribution of its own, by pip."""

from __future__ import annotations

import contextlib
import importlib
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

SOURCE = Path(__file__).parents[1] / "dummy_plugin"


def install(folder: Path) -> Path:
    """Build and install it below ``folder``, without network; returns what to put on the path."""
    source, target = folder / "source", folder / "site"
    shutil.copytree(SOURCE, source, ignore=shutil.ignore_patterns("__pycache__"))
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"),
            *("--no-build-isolation", "--disable-pip-version-check", "--target", str(target)),
            str(source),
        ],
        check=True,
        cwd=folder,  # not ours: the plugin must not find anything beside itself
    )
    return target


@contextlib.contextmanager
def importable(site: Path) -> Iterator[None]:
    """Within the block Python and the host find what is installed there; afterwards nothing is left."""
    sys.path.append(str(site))
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.path.remove(str(site))
        for name in [name for name in sys.modules if name.partition(".")[0] == "dummy"]:
            del sys.modules[name]
