"""What must not stand anywhere in the repository."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path

import pytest

from tests.rules.source import ROOT, python_files, tracked_files, tree_of

BINARY = {".png", ".ico", ".woff2", ".wav", ".mo", ".gz", ".dat", ".bin"}
# In pieces, so that this file does not contain what it forbids.
WORDS = ["TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK", "NotImplemented" + "Error"]
UNFINISHED = re.compile(rf"\b({'|'.join(WORDS)})\b")
REGISTRIES = re.compile(
    r"\b((files\.)?python" + r"hosted\.org|py" + r"pi\.org|registry\.(npm" + r"js|yarn" + r"pkg)\.\w+|"
    r"deb\.deb" + r"ian\.org|dock" + r"er\.io|gh" + r"cr\.io|qu" + r"ay\.io|crates\." + r"io)\b"
)
BROAD = frozenset({"Exception", "BaseException"})

FILES = [path for path in tracked_files() if path.suffix not in BINARY]
NAMES = [str(path.relative_to(ROOT)) for path in FILES]


def read(path):
    try:
        return path.read_text()
    except UnicodeDecodeError:  # golden messages are bytes
        return path.read_text("latin-1")


def found(pattern: re.Pattern[str], suffixes: set[str] | None = None) -> list[str]:
    return [
        f"{name}:{text.count(chr(10), 0, match.start()) + 1} {match.group()}"
        for path, name in zip(FILES, NAMES, strict=True)
        if suffixes is None or path.suffix in suffixes
        for text in [read(path)]
        for match in pattern.finditer(text)
    ]


def test_nothing_is_left_unfinished():
    assert found(UNFINISHED) == []


def test_no_registry_is_named():
    assert found(REGISTRIES) == []


def swallows_all(path: Path) -> list[str]:
    """Where a module catches everything, neither raising again nor saying why."""
    lines = path.read_text().splitlines()
    handlers = (node for node in ast.walk(tree_of(path)) if isinstance(node, ast.ExceptHandler))
    return [
        f"{path.relative_to(ROOT)}:{handler.lineno}"
        for handler in handlers
        if handler.type is None or (isinstance(handler.type, ast.Name) and handler.type.id in BROAD)
        if not any(isinstance(node, ast.Raise) for node in ast.walk(handler))
        if "#" not in lines[handler.lineno - 1]
    ]


def test_swallowing_all_exceptions_needs_a_reason_beside_it():
    assert [place for path in python_files() for place in swallows_all(path)] == []


def test_complexity_is_limited():
    lint = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["ruff"]["lint"]
    assert "C90" in lint["select"]
    assert lint["mccabe"]["max-complexity"] <= 12
    assert "C901" not in lint["ignore"]


@pytest.mark.parametrize("text", WORDS)
def test_the_rule_finds_what_is_unfinished(text):
    assert UNFINISHED.search(f"# {text}: later")
