"""The project's own source as the rules see it: files, module names, imports, functions."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
PACKAGES = ("core", "tenants", "web", "plugins")
NOT_OURS = frozenset({"setup"})  # speaks to setuptools only

Function = ast.FunctionDef | ast.AsyncFunctionDef


class Import(NamedTuple):
    """One import: who imports what, and where."""

    importer: str
    imported: str
    line: int

    def __str__(self) -> str:
        return f"{self.importer}:{self.line} imports {self.imported}"


@cache
def python_files(folder: Path = ROOT) -> tuple[Path, ...]:
    """All modules of the product: the packages and the modules beside them."""
    if folder != ROOT:
        return tuple(sorted(folder.rglob("*.py")))
    beside = (path for path in ROOT.glob("*.py") if path.stem not in NOT_OURS)
    inside = (path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
    return tuple(sorted([*beside, *inside]))


@cache
def tracked_files() -> tuple[Path, ...]:
    """Every file of the repository, those not yet added included, ignored ones not."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    paths = (ROOT / name for name in listed.split("\0") if name)
    return tuple(sorted(path for path in paths if path.is_file()))


def module_of(path: Path, root: Path = ROOT) -> str:
    """Dotted name of a file."""
    parts = path.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def tree_of(path: Path) -> ast.Module:
    """The syntax tree of a file."""
    return ast.parse(path.read_text(), str(path))


def imports_of(path: Path, root: Path = ROOT) -> Iterator[Import]:
    """All imports anywhere in a file, those for type checking too; names of submodules resolved."""
    module = module_of(path, root)
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            assert not node.level, f"{path}:{node.lineno}: relative import"
            names = [_submodule(base, alias.name) for alias in node.names]
        else:
            continue
        yield from (Import(module, name, node.lineno) for name in names)


def functions_of(tree: ast.AST) -> Iterator[Function]:
    """All functions and methods, nested ones too."""
    return (node for node in ast.walk(tree) if isinstance(node, Function))


def is_within(module: str, prefixes: frozenset[str] | tuple[str, ...]) -> bool:
    """Whether a module is one of these or inside one."""
    return any(module == prefix or module.startswith(f"{prefix}.") for prefix in prefixes)


def _submodule(base: str, name: str) -> str:
    path = ROOT / base.replace(".", "/") / name
    exists = path.is_dir() or path.with_suffix(".py").exists() or path.with_suffix(".pyx").exists()
    return f"{base}.{name}" if exists else base
