"""Mutants: a module with one small mistake in it. Tests that pass with a mutant see too little.

    python -m tests.proof.mutation MODULE NUMBER PYTEST-ARGUMENT...
    python -m tests.proof.mutation judge FIRST STEP <mutants.json

runs the tests with mutant NUMBER of the module in place of the module, or with one after the other,
each in a fork of its own; nothing is written to disk.
"""

from __future__ import annotations

import ast
import importlib
import importlib.abc
import importlib.util
import itertools
import json
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

_COMPARED = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
_COMPUTED = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.FloorDiv}


def source(module: str) -> Path:
    """The file of a module of ours."""
    return Path(__file__).parents[2] / f"{module.replace('.', '/')}.py"


def mutants(module: str) -> list[str]:
    """Every mutant of a module, described by its line and what is wrong there."""
    nodes = ast.walk(ast.parse(source(module).read_text()))
    return [f"{module}:{node.lineno}: {what}" for node in nodes for what, _ in _mistakes(node)]


def comparisons(module: str) -> list[tuple[int, str]]:
    """Of all mutants of a module those with a comparison in it that is another one: place and text."""
    names = {kind.__name__ for kind in _COMPARED}
    every = enumerate(mutants(module))
    return [(at, what) for at, what in every if what.split(": ", 1)[1].split(" ")[0] in names]


def mutant(module: str, number: int) -> ast.Module:
    """The mutant with this place in ``mutants``."""
    tree = ast.parse(source(module).read_text())
    changes = (change for node in ast.walk(tree) for _, change in _mistakes(node))
    next(itertools.islice(changes, number, None))()
    return ast.fix_missing_locations(tree)


def _mistakes(node: ast.AST) -> Iterator[tuple[str, Callable[[], None]]]:
    """What can be wrong about one node: a name for it, and the change."""
    if isinstance(node, ast.Compare) and type(node.ops[0]) in _COMPARED:
        other = _COMPARED[type(node.ops[0])]
        yield (
            f"{type(node.ops[0]).__name__} → {other.__name__}",
            lambda: node.ops.__setitem__(0, other()),
        )
    elif isinstance(node, ast.BoolOp):
        other = ast.Or if isinstance(node.op, ast.And) else ast.And
        yield f"→ {other.__name__}", lambda: setattr(node, "op", other())
    elif isinstance(node, ast.BinOp) and type(node.op) in _COMPUTED:
        other = _COMPUTED[type(node.op)]
        yield f"{type(node.op).__name__} → {other.__name__}", lambda: setattr(node, "op", other())
    elif isinstance(node, ast.Constant) and type(node.value) is bool:
        yield f"{node.value} → {not node.value}", lambda: setattr(node, "value", not node.value)
    elif isinstance(node, ast.Constant) and type(node.value) in (int, float):
        yield f"{node.value} → {node.value + 1}", lambda: setattr(node, "value", node.value + 1)
    elif isinstance(node, ast.If | ast.IfExp | ast.While) and not _types_only(node):
        negated = ast.UnaryOp(ast.Not(), node.test)
        yield "condition negated", lambda: setattr(node, "test", negated)
    elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) and not _logs(node.value):
        nothing = ast.Constant(None)
        yield f"without {ast.unparse(node.value)[:40]}", lambda: setattr(node, "value", nothing)


def _types_only(node: ast.If | ast.IfExp | ast.While) -> bool:
    return ast.unparse(node.test) == "TYPE_CHECKING"


def _logs(call: ast.Call) -> bool:
    return ast.unparse(call.func).startswith("log.")


class _Instead(importlib.abc.MetaPathFinder, importlib.abc.InspectLoader):
    """Imports the mutant where its module is asked for."""

    def __init__(self, module: str, tree: ast.Module) -> None:
        self.module = module
        self.tree = tree

    def find_spec(self, name, path, target=None):
        if name != self.module:
            return None
        return importlib.util.spec_from_file_location(name, source(name), loader=self)

    def get_source(self, fullname):
        return None

    def get_code(self, fullname):
        return compile(self.tree, str(source(fullname)), "exec")

    def is_package(self, fullname):
        return False


def make(module: str, number: int) -> None:
    """From now on the mutant is imported in place of the module."""
    sys.meta_path.insert(0, _Instead(module, mutant(module, number)))
    importlib.import_module(module)  # now, as pytest imports what it finds by itself


def judge(first: int, step: int) -> list[str]:
    """Of every STEP-th of the mutants that standard input names, those that the tests did not notice:
    a JSON list of module, number, description and the tests."""
    from tests.proof.judging import noticed

    survivors = []
    for module, number, what, tests in json.load(sys.stdin)[first::step]:
        began = time.monotonic()
        found = noticed(partial(make, module, number), tests)
        print(f"{time.monotonic() - began:6.1f} s {found} {what}", file=sys.stderr)
        if not found:
            survivors.append(what)
    return survivors


def main() -> int:
    """Run the tests on the mutant; 0 if none of them noticed it. Or judge many."""
    import pytest

    if sys.argv[1] == "judge":
        print(json.dumps(judge(int(sys.argv[2]), int(sys.argv[3]))))
        return 0
    module, number, *arguments = sys.argv[1:]
    make(module, int(number))
    return pytest.main(["-q", "-x", "-p", "no:cacheprovider", "--no-header", "--tb=no", *arguments])


if __name__ == "__main__":
    sys.exit(main())
