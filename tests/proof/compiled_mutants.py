"""Mutants of compiled modules: each comparison the other way round at its edge, all in one build.

    python -m tests.proof.compiled_mutants build
    python -m tests.proof.compiled_mutants run FIRST STEP PYTEST-ARGUMENT...

Both are run in a tree of their own. ``build`` compiles every comparison ``a < b`` of the routing core
as ``a <= b if mutant_now == 17 else a < b`` and writes down which number is which; ``run`` lets the
tests judge every STEP-th mutant from FIRST on, in a forked process each, and prints one JSON list of
those that they did not notice. Mutant 0 is none.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import subprocess
import sys
import sysconfig
import time
from pathlib import Path

MODULES = ("core._fastroute", "core.routing._translator", "core._russian")
KEPT = Path("mutants.json")
SECONDS = 240
"""How long the tests may take with a mutant; one that never ends is noticed."""
_OTHER = {"<": "<=", "<=": "<", ">": ">=", ">=": ">", "==": "!=", "!=": "=="}
_OTHER |= {"in": "not_in", "not_in": "in", "is": "is_not", "is_not": "is"}
_SWITCH = """

cdef int mutant_now = 0


def mutate(int which):
    global mutant_now
    mutant_now = which
"""


def build() -> None:
    """Compile the modules of the tree in the present folder."""
    from Cython.Compiler import Main, Pipeline
    from Cython.Compiler.ExprNodes import CondExprNode, IntNode, NameNode, PrimaryCmpNode
    from Cython.Compiler.TreeFragment import TreeCopier
    from Cython.Compiler.Visitor import VisitorTransform

    found: list[str] = []

    class Switches(VisitorTransform):
        def visit_Node(self, node):  # noqa: N802 - how Cython calls it
            self.visitchildren(node)
            return node

        def visit_PrimaryCmpNode(self, node):  # noqa: N802
            self.visitchildren(node)
            chain, made = [node], node
            while chain[-1].cascade is not None:
                chain.append(chain[-1].cascade)
            for link, each in enumerate(chain):
                if each.operator not in _OTHER:
                    continue
                found.append(
                    f"{node.pos[0].get_description()}:{node.pos[1]}:{node.pos[2]}: {each.operator}"
                )
                other = TreeCopier()(node)
                changed = other
                for _ in range(link):
                    changed = changed.cascade
                changed.operator = _OTHER[each.operator]
                made = CondExprNode(
                    node.pos,
                    condition=PrimaryCmpNode(
                        node.pos,
                        operator="==",
                        operand1=NameNode(node.pos, name="mutant_now"),
                        operand2=IntNode(node.pos, value=str(len(found))),
                    ),
                    true_val=other,
                    false_val=made,
                )
            return made

    usual = Pipeline.create_pyx_pipeline

    def with_switches(*arguments, **named):
        parse, *rest = usual(*arguments, **named)
        return [parse, Switches(), *rest]

    Pipeline.create_pyx_pipeline = with_switches
    for module in MODULES:
        path = Path(f"{module.replace('.', '/')}.pyx")
        path.write_text(path.read_text() + _SWITCH)
        result = Main.compile_single(str(path), Main.CompilationOptions(language_level=3), module)
        assert result.num_errors == 0
        library = path.with_suffix(sysconfig.get_config_var("EXT_SUFFIX"))
        include = f"-I{sysconfig.get_path('include')}"
        subprocess.run(
            ["gcc", "-shared", "-fPIC", "-O1", "-w", include, result.c_file, "-o", str(library)],
            check=True,
        )
    KEPT.write_text(json.dumps(found, indent=1))


def run(first: int, step: int, arguments: list[str]) -> list[str]:
    """Descriptions of the mutants that the tests did not notice."""
    mutants = ["none", *json.loads(KEPT.read_text())]
    modules = [importlib.import_module(module) for module in MODULES]
    return [
        mutants[which]
        for which in range(first, len(mutants), step)
        if not _noticed(which, modules, arguments)
    ]


def _noticed(which: int, modules: list, arguments: list[str]) -> bool:
    import pytest

    child = os.fork()
    if child == 0:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        for module in modules:
            module.mutate(which)
        os._exit(pytest.main(["-q", "-x", "-p", "no:cacheprovider", "--tb=no", *arguments]))
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return status != 0
        time.sleep(0.05)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return True


def main() -> int:
    """Build, or judge."""
    what, *arguments = sys.argv[1:]
    if what == "build":
        build()
        return 0
    first, step, *rest = arguments
    print(json.dumps(run(int(first), int(step), rest)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
