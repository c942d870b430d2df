"""How many instructions decisions take, counted by callgrind, whatever else the machine does.

    python -m benchmarks.instructions [--renew]

Prints one JSON object: for each case what one operation takes now and what it took when
``instructions.json`` was written, which ``--renew`` does. The counts belong to a compiler and an
interpreter, so they are kept for each pair of these. What is counted lies between two calls of a
function that nothing else calls; callgrind writes its counters down after each of them.
"""

from __future__ import annotations

import argparse
import gc
import itertools
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

from benchmarks.figures import begin, show

ROOT = Path(__file__).parents[1]
KEPT = Path(__file__).with_suffix(".json")
TOLERANCE = {"typical_decision": 0.1}
"""How much more than what was kept it may be: the whole decision is Python as well."""

_TOLERANCE = 0.03  # of the others; counts of one build repeat to the instruction
_MARK = "*_fastroute_4Zone_*minute*"
_MANY = {
    "route_50_filters": 100,
    "plan_600_terminals": 4,
    "region_lookup": 500,
    "normalisation": 500,
    "typical_decision": 20,
}
"""Operations that are counted of each case."""
_SMALLER: dict[str, dict[str, Any]] = {
    "route_50_filters": {"ranges": 5000},
    "region_lookup": {"ranges": 5000},
    "typical_decision": {"read": False},
}
"""What would take too long to make under callgrind."""


def build() -> str:
    """Which compiler and interpreter the counts belong to."""
    gcc = subprocess.run(["gcc", "-dumpfullversion"], capture_output=True, text=True, check=True)
    return f"gcc {gcc.stdout.strip()}, {platform.python_implementation()} {platform.python_version()}"


def kept() -> dict[str, dict[str, int]]:
    """By build, what was written down."""
    return json.loads(KEPT.read_text()) if KEPT.exists() else {}


def count() -> dict[str, int]:
    """Instructions of one operation of each case."""
    with tempfile.TemporaryDirectory(prefix="sunsim-callgrind-") as folder:
        command = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={folder}/counts"]
        inside = [sys.executable, "-m", "benchmarks.instructions", "--inside"]
        subprocess.run(
            [*command, f"--dump-after={_MARK}", *inside],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": "0", "PYTHONMALLOC": "pymalloc"},
            capture_output=True,
            check=True,
        )
        totals = [_total(Path(folder, f"counts.{at}")) for at in range(1, 2 * len(_MANY) + 1)]
    # The odd ones lie between two cases.
    return {name: totals[2 * at + 1] // many for at, (name, many) in enumerate(_MANY.items())}


def _total(path: Path) -> int:
    found = re.search(r"^totals: (\d+)", path.read_text(), re.MULTILINE)
    assert found is not None
    return int(found[1])


def excess(now: Mapping[str, int], before: Mapping[str, int]) -> dict[str, str]:
    """The cases that take more than what was kept allows, in words."""
    return {
        name: f"{now[name]} instructions, {number} before"
        for name, number in before.items()
        if now[name] > number * (1 + TOLERANCE.get(name, _TOLERANCE))
    }


def _inside() -> None:
    """What callgrind counts: with the same ids each time, and without garbage collections."""
    from core import ids

    numbers = itertools.count(1)
    ids.new_id = lambda: UUID(int=next(numbers) * 0x9E3779B97F4A7C15F39CC0605CEDC835 % 2**128)
    from benchmarks import routing
    from core.routing.tables import the_core

    works = [
        routing.CASES[name].make(the_core, many, **_SMALLER.get(name, {}))
        for name, many in _MANY.items()
    ]
    mark = the_core.Zone((), (0,)).minute
    for work in works:
        work()  # whatever is made once is there
    gc.collect()
    gc.disable()
    for work in works:
        mark(0.0)
        work()
        mark(0.0)


def main() -> int:
    """Count and print; 1 if something takes more than it did."""
    begin("benchmarks.instructions")
    parser = argparse.ArgumentParser(prog="benchmarks.instructions", description="cost of a decision")
    parser.add_argument("--renew", action="store_true", help="keep these counts")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.inside:
        _inside()
        return 0
    now, which = count(), build()
    before = kept().get(which, {})
    show({"build": which, "now": now, "kept": before})
    if options.renew:
        KEPT.write_text(json.dumps(kept() | {which: now}, indent=2) + "\n")
        return 0
    return 1 if excess(now, before) else 0


if __name__ == "__main__":
    sys.exit(main())
