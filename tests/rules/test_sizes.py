"""Files and functions stay small enough to read: limits from good codebases, measured."""

from __future__ import annotations

from statistics import median, quantiles

from tests.rules.source import ROOT, functions_of, python_files, tree_of

FILES = [
    path
    for path in (
        *python_files(),
        *(ROOT / "core").rglob("*.pyx"),
    )
    if "piccolo_migrations" not in path.parts and path.stat().st_size
]
LINES = {path: len(path.read_text().splitlines()) for path in FILES}
FUNCTIONS = {
    f"{path.relative_to(ROOT)}:{node.lineno} {node.name}": (node.end_lineno or 0) - node.lineno + 1
    for path in FILES
    if path.suffix == ".py"
    for node in functions_of(tree_of(path))
}


def p90(values: list[int]) -> float:
    return quantiles(values, n=10)[-1]


def test_no_file_is_longer_than_600_lines():
    assert {str(path.relative_to(ROOT)): lines for path, lines in LINES.items() if lines > 600} == {}


def test_most_files_are_short():
    assert median(LINES.values()) <= 150
    assert p90(list(LINES.values())) <= 400


def test_functions_are_short():
    assert median(FUNCTIONS.values()) <= 10
    assert p90(list(FUNCTIONS.values())) <= 40


def test_no_function_is_longer_than_80_lines():
    assert {name: lines for name, lines in FUNCTIONS.items() if lines > 80} == {}
