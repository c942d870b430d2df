"""Built-in plugins obey the rules of a stranger's, which proves the plugin API sufficient."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from core.host import Host
from tests.rules.source import PACKAGES, ROOT, imports_of, is_within

BUILT_IN = sorted(path for path in (ROOT / "plugins").iterdir() if (path / "__init__.py").exists())
DUMMY = ROOT / "tests" / "dummy_plugin" / "dummy"
FILES = {"__init__.py", "logic.py", "service.py", "routes.py", "tables.py", "piccolo_app.py"}
FOLDERS = {"piccolo_migrations", "templates", "locale", "service"}
OURS = (*PACKAGES, "app", "measures", "cli", "serve", "demo", "piccolo_conf", "tests")


@pytest.mark.parametrize("plugin", [*BUILT_IN, DUMMY], ids=lambda path: path.name)
def test_a_plugin_imports_sunsim_and_itself_only(plugin: Path):
    root = DUMMY.parent if plugin == DUMMY else ROOT
    itself = ".".join(plugin.relative_to(root).parts)
    wrong = [
        str(each)
        for path in plugin.rglob("*.py")
        for each in imports_of(path, root)
        if is_within(each.imported, OURS) and not is_within(each.imported, (itself,))
    ]
    assert wrong == []


@pytest.mark.parametrize("plugin", [*BUILT_IN, DUMMY], ids=lambda path: path.name)
def test_all_plugins_have_the_same_inner_shape(plugin: Path):
    inside = [path for path in plugin.iterdir() if path.name != "__pycache__"]
    assert {path.name for path in inside if path.is_file()} <= FILES
    assert {path.name for path in inside if path.is_dir()} <= FOLDERS
    assert not {"service", "service.py"} <= {path.name for path in inside}


def test_every_folder_is_declared_as_a_plugin_and_loaded():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    declared = project["entry-points"]["sunsim"]
    assert declared == {path.name: f"plugins.{path.name}" for path in BUILT_IN}
    assert set(declared) <= set(Host.load().manifests)


@pytest.mark.parametrize("plugin", BUILT_IN, ids=lambda path: path.name)
def test_the_glue_is_thin(plugin: Path):
    assert len((plugin / "__init__.py").read_text().splitlines()) <= 120
