"""What others use is typed and says what it does."""

from __future__ import annotations

import ast
import importlib
import inspect
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.rules.source import ROOT, Function, module_of, python_files, tree_of

FILES = [path for path in python_files() if "piccolo_migrations" not in path.parts]


def public(tree: ast.Module | ast.ClassDef) -> Iterator[Function | ast.ClassDef]:
    """Public functions, classes and methods; what is inside a function is nobody else's."""
    for node in tree.body:
        if isinstance(node, Function | ast.ClassDef) and not node.name.startswith("_"):
            yield node
            if isinstance(node, ast.ClassDef):
                yield from public(node)


def untyped(node: Function) -> list[str]:
    given = node.args
    every = [*given.posonlyargs, *given.args, *given.kwonlyargs]
    every += [extra for extra in (given.vararg, given.kwarg) if extra]
    missing = [arg.arg for arg in every if arg.annotation is None and arg.arg not in ("self", "cls")]
    return missing + ["return"] * (node.returns is None)


@pytest.mark.parametrize("path", FILES, ids=module_of)
def test_every_module_says_what_it_is(path: Path):
    tree = tree_of(path)
    assert not tree.body or ast.get_docstring(tree)


@pytest.mark.parametrize("path", FILES, ids=module_of)
def test_public_names_are_documented(path: Path):
    found = public(tree_of(path))
    assert [f"{node.lineno} {node.name}" for node in found if not ast.get_docstring(node)] == []


@pytest.mark.parametrize("path", FILES, ids=module_of)
def test_public_functions_are_typed(path: Path):
    found = {
        f"{node.lineno} {node.name}": untyped(node)
        for node in public(tree_of(path))
        if isinstance(node, Function)
    }
    assert {name: missing for name, missing in found.items() if missing} == {}


@pytest.mark.parametrize("path", sorted((ROOT / "core").rglob("*.pyx")), ids=module_of)
def test_compiled_modules_have_their_types_beside_them(path: Path):
    functions = [
        node for node in public(tree_of(path.with_suffix(".pyi"))) if isinstance(node, Function)
    ]
    assert functions
    assert {f"{node.lineno} {node.name}" for node in functions if untyped(node)} == set()


@pytest.mark.parametrize("path", sorted((ROOT / "core").rglob("*.pyx")), ids=module_of)
def test_compiled_names_are_documented(path: Path):
    module = importlib.import_module(module_of(path))
    # The compiler puts the signature in front of what we wrote.
    docs = {name: (inspect.getdoc(getattr(module, name)) or "") for name in module_names(path)}
    assert [name for name, doc in docs.items() if len(doc.split("\n", 1)[-1].split()) < 3] == []


def module_names(path: Path) -> list[str]:
    """Functions and classes of a compiled module, by its type file."""
    body = tree_of(path.with_suffix(".pyi")).body
    found = [node.name for node in body if isinstance(node, Function | ast.ClassDef)]
    return [name for name in found if not name.startswith("_")]
