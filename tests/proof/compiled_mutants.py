"""Mutants of compiled modules: each comparison the other way round at its edge, all in one build.

    python -m tests.proof.compiled_mutants build
    python -m tests.proof.compiled_mutants run FIRST STEP PYTEST-ARGUMENT...

Both are run in a tree of their own. ``build`` compiles every comparison ``a < b`` of the routing core
as ``a <= b if mutant_now == 17 else a < b`` and writes down which number is which; ``run`` lets the
tests judge every STEP-th mutant from FIRST on, in a forked process each, by the tests that can notice
it, and prints one JSON list of those that they did not notice. Mutant 0 is none.
"""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
import sysconfig
import time
from pathlib import Path

MODULES = ("core._fastroute", "core.routing._translator", "core._russian")
KEPT = Path("mutants.json")
_DECISIONS = [
    *(f"routing/test_{name}" for name in ("route", "plan", "filters", "availability", "expansion")),
    *(f"routing/test_{name}" for name in ("translator", "cores", "hours", "numbering")),
    "test_numbers",
]
_LOOK_AT = {
    "russian": ["test_numbers"],
    "numbering": ["routing/test_numbering"],
    "hours": [f"routing/test_{name}" for name in ("filters", "availability", "cores", "hours")],
    "translator": [f"routing/test_{name}" for name in ("translator", "route", "plan", "cores")],
}
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
    from tests.proof.judging import noticed

    mutants = ["none", *json.loads(KEPT.read_text())]
    modules = [importlib.import_module(module) for module in MODULES]

    def make(which: int) -> None:
        for module in modules:
            module.mutate(which)

    def survives(which: int) -> bool:
        began = time.monotonic()
        found = noticed(lambda: make(which), [*suite_of(mutants[which]), *arguments])
        print(f"{time.monotonic() - began:6.1f} s {found} {mutants[which]}", file=sys.stderr)
        return not found

    return [mutants[which] for which in range(first, len(mutants), step) if survives(which)]


def suite_of(mutant: str) -> list[str]:
    """Those that can notice a mistake in the file that is named first; the quick ones come first."""
    names = next((names for part, names in _LOOK_AT.items() if part in mutant), _DECISIONS)
    return [f"tests/unit/{name}.py" for name in names]


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
